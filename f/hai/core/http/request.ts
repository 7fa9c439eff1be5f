import { z } from 'zod'
import { parse } from '../errors.ts'

/** What a preprocessor is handed of a request. The headers, the token among them, come too and are left behind. */
export interface RequestEvent {
  params?: Record<string, string>
  query?: Record<string, string>
  body?: unknown
}

/** The named fields of path and query, the path's first: all of a request that may rest in a job's arguments. */
export function fieldsOf({ params, query }: RequestEvent, names: readonly string[]): Record<string, string> {
  const given = { ...query, ...params }
  return Object.fromEntries(Object.entries(given).filter(([name]) => names.includes(name)))
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
