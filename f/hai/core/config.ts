import { createHash } from 'node:crypto'
import type { z } from 'zod'
import type { Sql } from './db.ts'
import { HaiError, parse } from './errors.ts'
import { findResource } from './windmill.ts'

type Read = typeof findResource

const SECRET = /(^|_)(key|token|password|secret)$/

/**
 * The effective configuration `name`: the bundle's defaults under the operator's own file, key by key. The last good one
 * is kept in `config`; a bad one is recorded beside it and the last good one goes on. References stay references.
 */
export async function loadConfig<T extends z.ZodType>(
  sql: Sql,
  name: string,
  schema: T,
  read: Read = findResource,
): Promise<z.output<T>> {
  try {
    const { defaults, own } = await readLayers(name, read)
    const merged = merge(defaults, own)
    refuseSecrets(merged)
    const value = parse(schema, merged)
    await remember(sql, name, merged)
    return value
  } catch (error) {
    if (!(error instanceof HaiError && error.code === 'invalid')) throw error
    return parse(schema, await lastGood(sql, name, error))
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

async function lastGood(sql: Sql, name: string, cause: HaiError): Promise<unknown> {
  const message = `${name} configuration (${name}.yaml, on Windmill u/operator/hai_${name}): ${cause.message}`
  const [last] = await sql<{ value: unknown }[]>`
    update hai.config set error = ${message}, updated_at = now() where name = ${name} returning value`
  if (last) return last.value
  throw new HaiError('invalid', message, {
    cause,
    details: { next_step: `mend that file; hai config show ${name} says whether it is taken` },
  })
}

/** Before anything else looks at it: a message that refuses a pasted key must not show the key. */
function refuseSecrets(value: unknown, path: string[] = []): void {
  if (isRecord(value)) {
    for (const [key, inner] of Object.entries(value)) refuseSecrets(inner, [...path, key])
  } else if (typeof value === 'string' && SECRET.test(path.at(-1) ?? '') && !value.startsWith('$')) {
    const expected = 'expected a reference, $var:u/operator/… or $env:NAME'
    throw new HaiError('invalid', `${path.join('.')} holds a value of its own, not shown here; ${expected}`)
  }
}

async function remember(sql: Sql, name: string, value: unknown): Promise<void> {
  const hash = createHash('sha256').update(JSON.stringify(value)).digest('hex')
  await sql`
    insert into hai.config as c (name, value, hash) values (${name}, ${sql.json(value as never)}, ${hash})
    on conflict (name) do update set value = excluded.value, hash = excluded.hash, error = null, updated_at = now()
    where c.hash <> excluded.hash or c.error is not null`
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
