import { z } from 'zod'
import { nearest, wholeCharacters, withoutPasswords } from './text.ts'

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

/**
 * An error that is the caller's to act on. The message names the thing, the value and the next step; `plain` is the same
 * without any value that the caller sent, for those who must not be told what it was.
 */
export class HaiError extends Error {
  code: Code
  plain: string
  details: Record<string, unknown> | undefined

  constructor(
    code: Code,
    message: string,
    options: ErrorOptions & { details?: Record<string, unknown>; plain?: string } = {},
  ) {
    const { plain, details, ...rest } = options
    super(sayable(message), rest)
    this.name = 'HaiError'
    this.code = code
    this.plain = sayable(plain ?? message)
    this.details = details
  }
}

/**
 * What happened to one job's work on another person's task, for that job to end with: where it happened, and not what was
 * said, as an error may repeat what was asked and answered.
 */
export function withoutWords(error: unknown): Error {
  if (error instanceof HaiError) {
    const { retry_after_seconds } = error.details ?? {}
    const details = retry_after_seconds === undefined ? {} : { details: { retry_after_seconds } }
    return new HaiError(error.code, error.plain, details)
  }
  const { name, code, message = '', stack = '' } = (error ?? {}) as Partial<Error> & { code?: unknown }
  const known = [name, code].filter((word) => typeof word === 'string' && /^\w{1,60}$/.test(word))
  const quiet = new Error(
    `${known.join(' ') || 'an error'}; what it says is left out, as it may tell of a task`,
  )
  const after = stack.indexOf(message) + message.length
  const frames = stack
    .slice(after)
    .split('\n')
    .filter((line) => /^ +at /.test(line))
  quiet.stack = [`Error: ${quiet.message}`, ...(stack.includes(message) ? frames : [])].join('\n')
  return quiet
}

/** Characters; what is longer tells no more, and shows what somebody sent. */
const LONGEST_MESSAGE = 4000

function sayable(text: string): string {
  const said = withoutPasswords(text)
  return said.length > LONGEST_MESSAGE ? `${said.slice(0, LONGEST_MESSAGE)}…` : said
}

/** More than anybody's data has; code that goes down into a value would run out of stack at some thousands. */
export const MOST_LEVELS = 200

/** Parse once, at core's border: `invalid`, naming each field, its value and what was expected. Half a character is repaired. */
export function parse<T extends z.ZodType>(schema: T, given: unknown): z.output<T> {
  const deep = tooDeep(given)
  if (deep !== undefined) {
    const cure = `goes more than ${MOST_LEVELS} levels deep; send it flatter`
    throw new HaiError('invalid', `${deep} ${cure}`, { plain: `a field ${cure}` })
  }
  const input = wholeCharacters(given)
  const parsed = schema.safeParse(withoutNulls(schema, input))
  if (parsed.success) {
    const fields = isBranch(parsed.data) ? Object.entries(parsed.data) : []
    const beyond = fields.find(([, value]) => isBeyond(value))?.[0]
    if (beyond === undefined) return parsed.data
    const cure = 'holds a number larger than any that can be kept'
    throw new HaiError('invalid', `${beyond.slice(0, LONGEST_SHOWN)} ${cure}`, { plain: `a field ${cure}` })
  }
  const issues = parsed.error.issues.slice(0, MOST_PROBLEMS)
  const more = parsed.error.issues.length - issues.length
  const told = (said: string[]) => [...said, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
  const problems = issues.map((issue) => describe(issue, schema, input))
  const plain = issues.map((issue) => describePlainly(issue, schema))
  throw new HaiError('invalid', told(problems), { details: { problems }, plain: told(plain) })
}

/** Of a thousand wrong rows the first tell what is wrong with all. */
const MOST_PROBLEMS = 1000

/** The field whose value has too many levels. Level by level, as it may be too deep for a function that calls itself. */
function tooDeep(input: unknown): string | undefined {
  if (typeof input !== 'object' || input === null) return undefined
  const fields = Array.isArray(input) ? [['input', input] as const] : Object.entries(input)
  return fields.find(([, value]) => isTooDeep(value))?.[0].slice(0, LONGEST_SHOWN)
}

function isTooDeep(value: unknown): boolean {
  let level = [value].filter(isBranch)
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MOST_LEVELS) return true
    level = level.flatMap((one) => Object.values(one)).filter(isBranch)
  }
  return false
}

/** JSON's `1e999` is read as Infinity, and would be kept as null. */
const isBeyond = (value: unknown): boolean =>
  typeof value === 'number'
    ? !Number.isFinite(value)
    : isBranch(value) && !ArrayBuffer.isView(value) && Object.values(value).some(isBeyond)

const isBranch = (value: unknown): value is object => typeof value === 'object' && value !== null

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

/** One problem, with the value at fault. */
function describe(issue: z.core.$ZodIssue, schema: z.core.$ZodType, input: unknown): string {
  const path = issue.path.map((key) => short(String(key))).join('.')
  if (issue.code === 'unrecognized_keys') {
    const known = fieldsAt(schema, issue.path) ?? []
    const named = (key: string) => (path ? `${path}.${short(key)}` : short(key))
    const keys = issue.keys.slice(0, MOST_KEYS)
    const near = keys.map((key) => ({ key, meant: nearest(short(key), known) }))
    const strange = [
      ...near.filter(({ meant }) => !meant).map(({ key }) => named(key)),
      ...(issue.keys.length > keys.length ? [`${issue.keys.length - keys.length} more`] : []),
    ]
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

/** One problem without a word that was sent: fields that are not the schema's own stay without their names. */
function describePlainly(issue: z.core.$ZodIssue, schema: z.core.$ZodType): string {
  const path = issue.path.map((key, at) => {
    const isOwn = typeof key === 'number' || fieldsAt(schema, issue.path.slice(0, at))?.includes(String(key))
    return isOwn ? String(key) : '…'
  })
  if (issue.code !== 'unrecognized_keys') return `${path.join('.') || 'input'}: ${expected(issue)}`
  const known = fieldsAt(schema, issue.path) ?? []
  const where = path.length > 0 ? ` in ${path.join('.')}` : ''
  return `unknown field${where}; there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ') || 'none'}`
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

/** Characters of a value or a name that a message shows. */
const LONGEST_SHOWN = 60
/** Of unknown fields so many are named. */
const MOST_KEYS = 20

/** A value as an error may show it: short, and never a wall of text. */
export function shown(value: unknown): string {
  return short((typeof value === 'number' ? String(value) : JSON.stringify(value)) ?? String(value))
}

/** The beginning of a text that is too long for a message. */
export const short = (text: string): string =>
  text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN - 3)}…` : text
