import { HaiError, MOST_LEVELS } from '../base/errors.ts'
import type { RequestEvent } from './request.ts'

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
    return JSON.parse(raw)
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
function isTooDeep(json: string): boolean {
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
