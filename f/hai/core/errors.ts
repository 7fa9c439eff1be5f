import { z } from 'zod'

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
  const problems = parsed.error.issues.map((issue) => describe(issue, input))
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

function describe(issue: z.core.$ZodIssue, input: unknown): string {
  const path = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.map((key) => (path ? `${path}.${key}` : key)).join(', ')
    return `unknown field ${names}; remove it or check its spelling`
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
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
