import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { Models } from './base/backends.ts'
import { type Layers, loadConfig, readLayers } from './base/config.ts'
import type { Setting } from './base/contract.ts'
import type { Sql } from './base/db.ts'
import { HaiError, parse } from './base/errors.ts'
import { Members } from './base/members.ts'
import { withoutPasswordsIn } from './base/text.ts'
import { findResource } from './base/windmill.ts'
import { Budget, openGuards } from './cost/budget.ts'
import { Channels } from './outbox/channels.ts'

/** Nothing to set yet: any key is refused by name, and none does nothing in silence. */
const Nothing = z.strictObject({})

/** Everything that an operator may configure, by name; see `f/hai/<name>.resource.yaml` for the defaults. */
export const SETTINGS = {
  agents: Nothing,
  budget: Budget,
  channels: Channels,
  members: Members,
  models: Models,
  policy: Nothing,
  tools: Nothing,
} as const

const PULSE = 'settings'
/** How old what doors go by may grow, in seconds. */
const FRESH_SECONDS = 60

/** Reads all settings when the last reading is a minute old, so that doors, which read none, go by what is in force. */
export async function refreshSettings(sql: Sql, read?: Parameters<typeof loadConfig>[3]): Promise<void> {
  const [fresh] = await sql`
    select from hai.pulse where name = ${PULSE} and last_at > now() - make_interval(secs => ${FRESH_SECONDS})`
  if (fresh) return
  for (const [name, schema] of Object.entries(SETTINGS)) {
    await loadConfig(sql, name, schema, read).catch(saidAlready)
  }
  await sql`
    insert into hai.pulse (name, every_seconds, last_at) values (${PULSE}, ${FRESH_SECONDS}, now())
    on conflict (name) do update set last_at = now()`
}

/** A bad one with no good one before it has been written down, and must not keep the others from being read. */
function saidAlready(error: unknown): void {
  if (!(error instanceof HaiError && error.code === 'invalid')) throw error
  console.error(error.plain)
}

export interface SettingTroubles {
  /** Of files that are not in force: what is wrong with each, and what is in force instead. */
  broken: string[]
  /** Guards that are off. */
  guards: string[]
}

/** What is wrong with the settings, a sentence each, from what was read last. The operator's matter, and his alone. */
export async function settingTroubles(sql: Sql): Promise<SettingTroubles> {
  const rows = await sql<{ name: string; value: unknown; error: string | null }[]>`
    select name, value, error from hai.config where error is not null or name in ('budget', 'models') order by name`
  const value = (name: string) => rows.find((row) => row.name === name)?.value ?? {}
  const models = Models.safeParse(value('models'))
  const budget = Budget.safeParse(value('budget'))
  const backends = models.success ? Object.values(models.data.backends) : []
  const costly = backends.some(({ billing, enabled }) => billing === 'metered' && enabled)
  return {
    broken: rows.flatMap(({ error }) => error ?? []),
    guards: costly && budget.success ? openGuards(budget.data) : [],
  }
}

const Show = z.strictObject({
  name: z
    .enum(Object.keys(SETTINGS) as [keyof typeof SETTINGS], {
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
  const names = name ? [name] : (Object.keys(SETTINGS) as (keyof typeof SETTINGS)[])
  return withoutPasswordsIn({ settings: await Promise.all(names.map((one) => show(sql, one, read))) })
}

async function show(
  sql: Sql,
  name: keyof typeof SETTINGS,
  read: Parameters<typeof loadConfig>[3] = findResource,
): Promise<Setting> {
  const schema: z.ZodType = SETTINGS[name]
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

function originsOf(
  value: unknown,
  layers: Partial<Layers>,
  name: keyof typeof SETTINGS,
): Record<string, string> {
  const own = `u/operator/hai_${name}`
  const builtIn = (SETTINGS[name] as z.ZodType).safeParse({}).data
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
