import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { type Layers, loadConfig, readLayers } from './base/config.ts'
import type { Setting } from './base/contract.ts'
import type { Sql } from './base/db.ts'
import { HaiError, parse } from './base/errors.ts'
import { withoutPasswordsIn } from './base/text.ts'
import { pulse } from './base/time.ts'
import { findResource } from './base/windmill.ts'
import { SETTINGS } from './house.ts'

const PULSE = 'settings'
/** How old what doors go by may grow, in seconds. */
const FRESH_SECONDS = 60

/** Reads all settings when the last reading is a minute old, so that doors, which read none, go by what is in force. */
export async function refreshSettings(sql: Sql, read?: Parameters<typeof loadConfig>[3]): Promise<void> {
  const [fresh] = await sql`
    select from hai.pulse where name = ${PULSE} and last_at > now() - make_interval(secs => ${FRESH_SECONDS})`
  if (fresh) return
  for (const [name, schema] of Object.entries(SETTINGS)) {
    await loadConfig(sql, name, schema, read).catch(unlessRecorded)
  }
  // what an earlier release could set, and may have complained of
  await sql`delete from hai.config where name <> all(${Object.keys(SETTINGS)})`
  await pulse(sql, PULSE, FRESH_SECONDS)
}

/** A bad one with no good one before it has been written down, and must not keep the others from being read. */
function unlessRecorded(error: unknown): void {
  if (!(error instanceof HaiError && error.code === 'invalid')) throw error
  console.error(error.plain)
}

const Show = z.strictObject({
  name: z
    .enum(Object.keys(SETTINGS), {
      error: `expected one of ${Object.keys(SETTINGS).join(', ')}`,
    })
    .optional(),
})

/** The settings in force, read anew, and where each value comes from. */
export async function showSettings(
  sql: Sql,
  input: z.input<typeof Show>,
  read?: Parameters<typeof loadConfig>[3],
): Promise<{ settings: Setting[] }> {
  const { name } = parse(Show, input)
  const names = name ? [name] : Object.keys(SETTINGS)
  return withoutPasswordsIn({ settings: await Promise.all(names.map((one) => show(sql, one, read))) })
}

async function show(
  sql: Sql,
  name: string,
  read: Parameters<typeof loadConfig>[3] = findResource,
): Promise<Setting> {
  const schema = SETTINGS[name]!
  const value = await loadConfig(sql, name, schema, read).catch((error: unknown) => {
    if (error instanceof HaiError && error.code === 'invalid') return {}
    throw error
  })
  const [row] = await sql<{ error: string | null }[]>`select error from hai.config where name = ${name}`
  // what could be read of a bad file says no more where the values of a good one came from
  const layers = row?.error ? { defaults: await read(`f/hai/${name}`) } : await readLayers(name, read)
  return {
    name,
    value,
    origin: originsOf(value, layers, name),
    ...(row?.error ? { error: row.error } : {}),
  }
}

function originsOf(value: unknown, layers: Partial<Layers>, name: string): Record<string, string> {
  const own = `u/operator/hai_${name}`
  const builtIn = SETTINGS[name]!.safeParse({}).data
  const from = (path: string[]) => {
    if (has(layers.own, path)) return own
    if ('own' in layers) return has(layers.defaults, path) ? `f/hai/${name}` : 'built in'
    if (isDeepStrictEqual(at(layers.defaults, path), at(value, path))) return `f/hai/${name}`
    return isDeepStrictEqual(at(builtIn, path), at(value, path)) ? 'built in' : `${own}, as it was`
  }
  return Object.fromEntries(leaves(value).map((path) => [path.join('.'), from(path)]))
}

function leaves(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path]
  const entries = Object.entries(value)
  if (entries.length === 0 && path.length > 0) return [path]
  return entries.flatMap(([key, inner]) => leaves(inner, [...path, key]))
}

function has(layer: unknown, path: string[]): boolean {
  return at(layer, path) !== undefined
}

function at(layer: unknown, path: string[]): unknown {
  return path.reduce<unknown>(
    (outer, key) =>
      typeof outer === 'object' && outer !== null && Object.hasOwn(outer, key)
        ? (outer as Record<string, unknown>)[key]
        : undefined,
    layer,
  )
}
