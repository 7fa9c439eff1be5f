import { loadConfig } from '../config.ts'
import type { Sql } from '../db.ts'
import { HaiError } from '../errors.ts'
import { getVariable } from '../windmill.ts'
import { choose } from './choose.ts'
import { type Choice, Models } from './config.ts'
import { type Surroundings, surroundings } from './surroundings.ts'

/** Who may be asked, with the key in memory only. */
export interface Access {
  choice: Choice
  models: Models
  apiKey: string | undefined
}

/** The backend and model for the next task; or, when there is none, what could be enabled. */
export async function modelAccess(sql: Sql, wanted?: string): Promise<Access | { offers: string[] }> {
  return accessOf(await loadConfig(sql, 'models', Models), surroundings(), wanted, getVariable)
}

/** The same where there is no database: by these `models`, with `getSecret` for what `$var:` names. */
export async function accessOf(
  models: Models,
  around: Surroundings,
  wanted: string | undefined,
  getSecret: (path: string) => Promise<string>,
): Promise<Access | { offers: string[] }> {
  const choice = await choose(wanted ? { ...models, default: wanted } : models, around)
  if (!choice)
    return { offers: around.offers.map(({ backend }) => backend).filter((name) => !models.backends[name]) }
  return { choice, models, apiKey: await secret(choice, around.environment, getSecret) }
}

/** A model that costs nothing; undefined when there is none. */
export async function localAccess(sql: Sql): Promise<Access | undefined> {
  const { default: _, ...models } = await loadConfig(sql, 'models', Models)
  const local = Object.entries(models.backends).filter(
    ([, { billing, external }]) => billing === 'local' && !external,
  )
  const only = { ...models, backends: Object.fromEntries(local) }
  const access = await accessOf(only, surroundings(), undefined, getVariable)
  return 'offers' in access ? undefined : access
}

async function secret(
  { name, backend }: Choice,
  env: NodeJS.ProcessEnv,
  getSecret: (path: string) => Promise<string>,
): Promise<string | undefined> {
  const [, kind, where = ''] = /^\$(var|env):(.+)$/.exec(backend.api_key ?? '') ?? []
  if (!kind) return undefined
  const value = kind === 'var' ? await getSecret(where) : env[where]
  if (value) return value
  throw new HaiError(
    'invalid',
    `models configuration: api_key of ${name} is ${backend.api_key}, which is empty; set it`,
  )
}
