import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { z } from 'zod'
import { json, type Sql } from './db.ts'
import { fieldsAt, HaiError, parse } from './errors.ts'
import { nearest } from './text.ts'
import { findResource } from './windmill.ts'

type Read = typeof findResource

const SECRET = /(^|_)(key|token|password|secret)$/
/** What Windmill would look up with the rights of whoever reads it. A door has its caller's, so that no setting may need any. */
const OF_WINDMILL = /^\$(var|jsonvar|res|encrypted):/

/**
 * The effective configuration `name`: the bundle's defaults under the operator's own file, key by key. The last good one
 * is kept in `config`; a bad one is recorded beside it, with what is in force instead: the last good one, or the defaults
 * where none was. References stay references.
 */
export async function loadConfig<T extends z.ZodType>(
  sql: Sql,
  name: string,
  schema: T,
  read: Read = findResource,
): Promise<z.output<T>> {
  const defaults = (await read(`f/hai/${name}`)) ?? {}
  try {
    const merged = layered(schema, defaults, (await read(`u/operator/hai_${name}`)) ?? {})
    const value = parse(schema, merged)
    await keep(sql, name, merged, null)
    return value
  } catch (error) {
    if (!(error instanceof HaiError && error.code === 'invalid')) throw error
    return standIn(sql, name, { schema, defaults, error })
  }
}

export interface Layers {
  /** The bundle's. */
  defaults: unknown
  /** The operator's, laid over them. */
  own: unknown
}

/** A configuration's two files as they are; empty where there is none. */
export async function readLayers(name: string, read: Read = findResource): Promise<Layers> {
  const [defaults, own] = await Promise.all([read(`f/hai/${name}`), read(`u/operator/hai_${name}`)])
  return { defaults: defaults ?? {}, own: own ?? {} }
}

/** The last good configuration `name`, as doors read it: without a call to Windmill. */
export async function storedConfig<T extends z.ZodType>(
  sql: Sql,
  name: string,
  schema: T,
): Promise<z.output<T>> {
  const [row] = await sql<{ value: unknown }[]>`select value from hai.config where name = ${name}`
  return parse(schema, row?.value ?? {})
}

/** What is wrong with the settings as they were read last, a sentence each. The operator's matter alone. */
export async function brokenSettings(sql: Sql): Promise<string[]> {
  const rows = await sql<
    { error: string }[]
  >`select error from hai.config where error is not null order by name`
  return rows.map(({ error }) => error)
}

/** What is in force in place of a bad one; its error is kept as a sentence that says so. `invalid` when the defaults are what is bad. */
async function standIn<T extends z.ZodType>(
  sql: Sql,
  name: string,
  { schema, defaults, error }: { schema: T; defaults: unknown; error: HaiError },
): Promise<z.output<T>> {
  const message = `${name} configuration (${name}.yaml, on Windmill u/operator/hai_${name}): ${error.message}`
  const [last] = await sql<{ value: unknown }[]>`select value from hai.config where name = ${name}`
  // one of an older release may be good no more
  const usable = last && schema.safeParse(last.value).success && !isDeepStrictEqual(last.value, defaults)
  const value = usable ? last.value : defaults
  if (!usable && !schema.safeParse(defaults).success) {
    const details = { next_step: `mend that file; hai config show ${name} says whether it is taken` }
    throw new HaiError('invalid', message, { cause: error, details })
  }
  const told = `${message}; ${usable ? 'what was good before is' : "hai's defaults are"} in force`
  await keep(sql, name, value, told)
  return parse(schema, value)
}

/** The operator's values over the defaults. `invalid` when one of them can't be taken, or would do nothing. */
function layered(schema: z.ZodType, defaults: unknown, own: unknown): unknown {
  if (!isRecord(own)) {
    const shown = Array.isArray(own) ? 'a list' : JSON.stringify(own)?.slice(0, 60)
    throw new HaiError('invalid', `it holds ${shown}; expected names, each with a colon and its value`)
  }
  refuseUnfit(own)
  refuseEmpty(schema, defaults, own)
  return merge(defaults, own)
}

/** Before anything else looks at it: a message that refuses a pasted key must not show the key. `invalid` says where. */
export function refuseUnfit(value: unknown, path: string[] = []): void {
  const [kind] = (typeof value === 'string' && OF_WINDMILL.exec(value)) || []
  if (kind) {
    const cure = `name it by $env:NAME, and ${setting('NAME')}`
    throw new HaiError(
      'invalid',
      `${path.join('.')} begins with ${kind}, which hai does not look up; ${cure}`,
    )
  }
  const secret = SECRET.test(path.at(-1) ?? '') && !isRecord(value) && value !== null
  if (secret && !(typeof value === 'string' && REFERENCE.test(value)))
    throw new HaiError('invalid', `${path.join('.')} holds a value of its own, not shown here; ${EXPECTED}`)
  if (typeof value === 'string' && !keepable(value))
    throw new HaiError(
      'invalid',
      `${path.join('.')} holds a character that no database takes; write it without \\0 and halves of pairs`,
    )
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    if (key === '__proto__' || !keepable(key))
      throw new HaiError('invalid', `unknown field ${JSON.stringify(key)}; remove it or check its spelling`)
    refuseUnfit(inner, [...path, key])
  }
}

/** PostgreSQL has no NUL in a text, and no half of a surrogate pair. */
const keepable = (text: string) => !/\0|\p{Surrogate}/u.test(text)

/** A key with nothing behind it takes a default away, or leaves a known field as it is; anything else it would do in silence. */
function refuseEmpty(schema: z.ZodType, under: unknown, own: unknown, path: string[] = []): void {
  if (!isRecord(under) || !isRecord(own)) return
  const fields = fieldsAt(schema, path)
  for (const [key, inner] of Object.entries(own)) {
    const at = [...path, key].join('.')
    if (inner !== null) refuseEmpty(schema, under[key], inner, [...path, key])
    else if (!Object.hasOwn(under, key) && !fields?.includes(key)) {
      const meant = nearest(key, fields ?? Object.keys(under))
      const cure = meant ? `did you mean ${meant}?` : 'write its value, or remove it'
      throw new HaiError('invalid', `${at} has no value and there is no default that it takes away; ${cure}`)
    }
  }
}

async function keep(sql: Sql, name: string, value: unknown, error: string | null): Promise<void> {
  const hash = createHash('sha256').update(JSON.stringify(value)).digest('hex')
  await sql`
    insert into hai.config as c (name, value, hash, error)
    values (${name}, ${json(sql, value)}, ${hash}, ${error})
    on conflict (name) do update set
      value = excluded.value, hash = excluded.hash, error = excluded.error, updated_at = now()
    where c.hash <> excluded.hash or c.error is distinct from excluded.error`
}

/** Objects are merged key by key, anything else is replaced; null takes a default away. */
export function merge(under: unknown, over: unknown): unknown {
  if (!isRecord(under) || !isRecord(over)) return over
  const keys = [...new Set([...Object.keys(under), ...Object.keys(over)])]
  const merged = keys.map((key) => [key, key in over ? merge(under[key], over[key]) : under[key]] as const)
  return Object.fromEntries(merged.filter(([, value]) => value !== null && value !== undefined))
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** How a configuration names a secret: by a variable of the worker's environment. */
export const REFERENCE = /^\$env:([A-Z][A-Z0-9_]*)$/

/** What is expected where one belongs. */
export const EXPECTED =
  'expected $env:NAME, where NAME holds it in the environment of the workers; never the secret itself'

/** Where a text of a configuration stands. */
interface Place {
  /** The configuration's name. */
  name: string
  field: string
}

/** What a reference stands for; any other text is itself. `invalid` when it leads to nothing, naming the field. */
export function resolveReference(
  text: string,
  { name, field }: Place,
  environment: NodeJS.ProcessEnv,
): string {
  const [, variable] = REFERENCE.exec(text) ?? []
  if (variable === undefined) return text
  const value = environment[variable]
  if (value) return value
  throw new HaiError(
    'invalid',
    `${name} configuration: ${field} is ${text}, which is empty; ${setting(variable)}`,
  )
}

/** How a variable comes to be in the environment of the workers. */
export const setting = (variable: string): string =>
  `set it where the stack, or hai worker run, is started: export ${variable}=…, then hai down (on Windmill: for the workers of the group hai-work, with ${variable} in their WHITELIST_ENVS)`

/** Settings that never did anything: a complaint of one would stand without a cure. */
export const SETTINGS_GONE = `
delete from hai.config where name in ('agents', 'policy', 'tools');`
