import { z } from 'zod'
import { Budget } from './budget.ts'
import { Channels } from './channels.ts'
import { type Layers, loadConfig, readLayers } from './config.ts'
import type { Setting } from './contract.ts'
import type { Sql } from './db.ts'
import { HaiError, parse } from './errors.ts'
import { Members } from './members.ts'
import { Models } from './model/config.ts'

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
  console.error(error.message)
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
  return { settings: await Promise.all(names.map((one) => show(sql, one, read))) }
}

async function show(
  sql: Sql,
  name: keyof typeof SETTINGS,
  read?: Parameters<typeof loadConfig>[3],
): Promise<Setting> {
  const schema: z.ZodType = SETTINGS[name]
  const value = await loadConfig(sql, name, schema, read).catch((error: unknown) => {
    if (error instanceof HaiError && error.code === 'invalid') return {}
    throw error
  })
  const [row] = await sql<{ error: string | null }[]>`select error from hai.config where name = ${name}`
  // what could be read of a bad file says where the values of a good one came from no more
  const layers = row?.error ? {} : await readLayers(name, read)
  return {
    name,
    value,
    origin: originsOf(value, layers, name),
    ...(row?.error ? { error: row.error } : {}),
  }
}

function originsOf(value: unknown, { defaults, own }: Partial<Layers>, name: string): Record<string, string> {
  const from = (path: string[]) => {
    if (has(own, path)) return `u/operator/hai_${name}`
    return has(defaults, path) ? `f/hai/${name}` : 'built in'
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
  let at = layer
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !(key in at)) return false
    at = (at as Record<string, unknown>)[key]
  }
  return true
}
