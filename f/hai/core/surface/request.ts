import { z } from 'zod'
import { CURSOR, CURSOR_RULE } from '../base/cursor.ts'
import { parse } from '../base/errors.ts'
import { ID_RULE, isId } from '../base/ids.ts'

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
