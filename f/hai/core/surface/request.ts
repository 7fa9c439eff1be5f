import { z } from 'zod'
import { HaiError, MOST_LEVELS, parse } from '../base/errors.ts'
import { ID_RULE, isId } from '../base/ids.ts'
import { CURSOR, CURSOR_RULE } from '../base/page.ts'

/** What a preprocessor is handed of a request. The headers, the token among them, come too and are left behind. */
export interface RequestEvent {
  params?: Record<string, unknown>
  query?: Record<string, unknown>
  /** The body as Windmill has read it. */
  body?: unknown
  /** The body as it came, where it is JSON. */
  raw_string?: unknown
}

/**
 * The fields of path and query that a route has, the path's first: all of a request that may rest in a job's arguments.
 * Windmill may have put something else in the place of what was sent, a secret perhaps. What has not its field's form
 * goes no further: in its place comes an empty text, which has none's, so that the field is refused.
 */
export function fieldsOf({ params, query }: RequestEvent, fields: z.ZodObject): Record<string, unknown> {
  const given = { ...query, ...params }
  const named = Object.entries(fields.shape).filter(([name]) => Object.hasOwn(given, name))
  const checked = named.map(([name, form]) => {
    return [name, z.safeParse(form, given[name]).success ? given[name] : '']
  })
  return Object.fromEntries(checked)
}

/** A body as an object with none but these fields; whoever takes the object checks their values. */
export function objectOf(body: unknown, fields: readonly string[]): Record<string, unknown> {
  return parse(
    z.strictObject(Object.fromEntries(fields.map((field) => [field, z.unknown().optional()]))),
    body,
  )
}

/** A number as a query has it, in text, or as one calls a door. */
export const count = z
  .union(
    [
      z.number(),
      z
        .string()
        .regex(/^\d{1,9}$/)
        .transform(Number),
    ],
    { error: 'expected a whole number' },
  )
  .optional()

/** Where a page begins. */
export const Cursor = z.string().regex(CURSOR, CURSOR_RULE)

/** One thing, by its id in the path. */
export const ById = z.strictObject({ id: z.string().refine(isId, ID_RULE) })

/** What people write has no place in an address, which is logged, and where Windmill replaces what begins like a reference. */
export const noText = (door: string) =>
  z
    .string()
    .refine(() => false, `no text is taken in an address; POST {"text": "…"} to the webhook ${door} instead`)
    .optional()

/** Characters; more than a task with all that may be attached to it. */
const LONGEST = 12 * 1024 * 1024

const QUOTE = 34
const BACKSLASH = 92
const OPEN = new Set([91, 123])
const CLOSE = new Set([93, 125])

/**
 * A request's body, read from the text that came. Of what Windmill has read of it itself no text is looked at: each that
 * begins like a reference has become what that names, with the rights of the route's owner. But it tells by its form
 * whether it was read as JSON. Of every other type nothing is taken: there a body that is wholly a reference has become
 * what that names, which may be JSON as well. `invalid`.
 */
export function bodyOf({ body: read, raw_string: raw }: RequestEvent): unknown {
  const said = jsonOf(raw)
  if (!isSameForm(read, said)) throw notJson()
  return said
}

/** A body's text as a preprocessor may pass it on, for `jsonOf`: what was not read as JSON rests in no job. */
export function jsonText(event: RequestEvent): string {
  try {
    bodyOf(event)
    return event.raw_string as string
  } catch (error) {
    if (error instanceof HaiError) return ''
    throw error
  }
}

/** What a JSON text says that is known to be one as it came. `invalid`. */
export function jsonOf(raw: unknown): unknown {
  if (typeof raw !== 'string' || raw.trim() === '') throw notJson()
  if (raw.length > LONGEST) throw notTaken(`longer than ${LONGEST} characters; send less`)
  if (isTooDeep(raw)) throw notTaken(`goes more than ${MOST_LEVELS} levels deep; send it flatter`)
  try {
    // some programs begin every file with it, and every body
    return JSON.parse(raw.replace(/^\ufeff/, ''))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    // its message shows what it met
    throw notJson()
  }
}

/** References stand for texts, so that the names of fields are what they were; a form, and plain text, have others, or none. */
function isSameForm(read: unknown, said: unknown): boolean {
  if (formOf(read) !== formOf(said)) return false
  if (typeof said !== 'object' || said === null) return true
  const names = Object.keys(read as object)
  return names.length === Object.keys(said).length && names.every((name) => Object.hasOwn(said, name))
}

const formOf = (value: unknown) => (Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value)

const notJson = () => notTaken('expected JSON; send it with content-type: application/json')

const notTaken = (why: string) => new HaiError('invalid', `body: ${why}`)

/** Told without parsing, which takes as much memory as there are levels. */
export function isTooDeep(json: string): boolean {
  let depth = 0
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at)
    if (code === QUOTE) at = endOfString(json, at)
    else if (OPEN.has(code)) {
      depth += 1
      if (depth > MOST_LEVELS) return true
    } else if (CLOSE.has(code)) depth -= 1
  }
  return false
}

function endOfString(json: string, start: number): number {
  let at = start + 1
  while (at < json.length && json.charCodeAt(at) !== QUOTE) at += json.charCodeAt(at) === BACKSLASH ? 2 : 1
  return at
}

/** A success with a status of its own, as Windmill's sync routes read it: `result` alone becomes the body. */
export interface Shaped<Body> {
  windmill_status_code: number
  windmill_headers?: Record<string, string>
  windmill_content_type?: string
  result: Body
}

/** 201: what was asked for is there now. */
export function created<Body>(result: Body): Shaped<Body> {
  return { windmill_status_code: 201, result }
}

/** 202: it is written down and will be done. */
export function accepted<Body>(result: Body): Shaped<Body> {
  return { windmill_status_code: 202, result }
}
