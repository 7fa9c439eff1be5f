import { z } from 'zod'
import { nearest } from './nearest.ts'

/** Every error a caller may meet, with the HTTP status that carries it. */
export const STATUS = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  gone: 410,
  budget: 429,
  unavailable: 503,
} as const

export type Code = keyof typeof STATUS

/** An error that is the caller's to act on. The message names the thing, the value and the next step. */
export class HaiError extends Error {
  code: Code
  details: Record<string, unknown> | undefined

  constructor(
    code: Code,
    message: string,
    options: ErrorOptions & { details?: Record<string, unknown> } = {},
  ) {
    super(message, options)
    this.name = 'HaiError'
    this.code = code
    this.details = options.details
  }
}

/** Parse once, at core's border: `invalid`, naming each field, its value and what was expected. */
export function parse<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const parsed = schema.safeParse(withoutNulls(schema, input))
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => describe(issue, schema, input))
  throw new HaiError('invalid', problems.join('; '), { details: { problems } })
}

/** Windmill's forms send null for a field left empty: it means not given, where null means nothing of its own. */
function withoutNulls(schema: z.ZodType, input: unknown): unknown {
  if (!(schema instanceof z.ZodObject) || typeof input !== 'object' || input === null) return input
  if (Array.isArray(input)) return input
  const shape = new Map(Object.entries((schema as z.ZodObject).shape))
  const meant = ([key, value]: [string, unknown]) => {
    const field = shape.get(key)
    return value !== null || !field || accepts(field, null)
  }
  return Object.fromEntries(Object.entries(input).filter(meant))
}

const accepts = (schema: z.core.$ZodType, value: unknown) => z.safeParse(schema, value).success

/** The fields of the object at that path of a schema; undefined where any name will do, or none. */
export function fieldsAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] | undefined {
  const at = path.reduce<z.core.$ZodType | undefined>((outer, key) => inside(outer, key), schema)
  const object = at && bare(at)
  return object instanceof z.ZodObject ? Object.keys(object.shape) : undefined
}

function inside(schema: z.core.$ZodType | undefined, key: PropertyKey): z.core.$ZodType | undefined {
  const outer = schema && bare(schema)
  if (outer instanceof z.ZodObject) return (outer.shape as Record<PropertyKey, z.core.$ZodType>)[key]
  if (outer instanceof z.ZodRecord) return outer.valueType
  return outer instanceof z.ZodArray ? outer.element : undefined
}

/** Without what says only that it may be missing, or is first made another. */
function bare(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return bare(schema.unwrap())
  if (!(schema instanceof z.ZodPipe)) return schema
  return bare(schema.out instanceof z.ZodTransform ? schema.in : schema.out)
}

function describe(issue: z.core.$ZodIssue, schema: z.core.$ZodType, input: unknown): string {
  const path = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys') {
    const known = fieldsAt(schema, issue.path) ?? []
    const named = (key: string) => (path ? `${path}.${key}` : key)
    const near = issue.keys.map((key) => ({ key, meant: nearest(key, known) }))
    const strange = near.filter(({ meant }) => !meant).map(({ key }) => named(key))
    return [
      ...near
        .filter(({ meant }) => meant)
        .map(({ key, meant }) => `unknown field ${named(key)}; did you mean ${meant}?`),
      ...(strange.length > 0 ? [`unknown field ${strange.join(', ')}; remove it or check its spelling`] : []),
    ].join('; ')
  }
  const field = path || 'input'
  const value = issue.path.reduce<unknown>(
    (at, key) => (at === null || at === undefined ? undefined : (at as Record<PropertyKey, unknown>)[key]),
    input,
  )
  if (value === undefined) return `${field} is missing: ${expected(issue)}`
  return `${field}: ${shown(value)} is not accepted; ${expected(issue)}`
}

function expected(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `expected one of ${issue.values.map(String).join(', ')}`
  if (issue.code === 'invalid_type') return `expected ${issue.expected}`
  if (issue.code === 'too_small' && issue.origin !== 'string') return `expected ${least(issue)}`
  if (issue.code === 'too_big' && issue.origin !== 'string') return `expected at most ${issue.maximum}`
  return issue.message
}

const least = (issue: z.core.$ZodIssueTooSmall) =>
  issue.inclusive ? `at least ${issue.minimum}` : `more than ${issue.minimum}`

/** A value as an error may show it: short, and never a wall of text. */
function shown(value: unknown): string {
  const text = (typeof value === 'number' ? String(value) : JSON.stringify(value)) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
