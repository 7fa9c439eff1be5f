import { type Backend, type Choice, HOME, Models, urlOf } from '../base/backends.ts'
import { resolveReference, storedConfig } from '../base/config.ts'
import type { Sql } from '../base/db.ts'
import { type WorkerEnvironment, workerEnvironment } from '../base/environment.ts'
import { shortId } from '../base/ids.ts'
import type { AttemptFailure } from '../task/backend.ts'
import { type ClaimedTask, RESTRICTED } from '../task/shape.ts'
import { chooseForErrand } from './cheapest.ts'
import { choose, chooseNamed, freeChoice, idle } from './choose.ts'
import { chooseByName } from './named.ts'
import { isHosted } from './ollama.ts'

/** Who may be asked, with the key in memory only. */
export interface Access {
  choice: Choice
  models: Models
  apiKey: string | undefined
}

/** There is nothing to ask. */
export interface NoAccess {
  /** What could be enabled, as it is there. */
  offers: string[]
  /** Why what is configured does not answer, with the cure of each. */
  idle?: { text: string; cure: string }[]
  /** What is wrong with the operator's file, of which an older state or none is in force. */
  error?: string
}

/** The backend and model for the next task, or those that `wanted` names; or why there is none. */
export async function modelAccess(sql: Sql, wanted?: string, task?: Wants): Promise<Access | NoAccess> {
  const models = await storedConfig(sql, 'models', Models)
  const access = await accessOf(models, workerEnvironment(), wanted, task)
  if ('choice' in access) return access
  const [row] = await sql<{ error: string | null }[]>`select error from hai.config where name = 'models'`
  return row?.error ? { ...access, error: row.error } : access
}

/** The same for `task`, by its tier, by what it is worth, and by the model that it names. */
export const accessFor = (sql: Sql, task: Wants): Promise<Access | NoAccess> =>
  modelAccess(sql, undefined, task)

/**
 * The same where there is no database: by these `models`. What is restricted sees what is of the house, and is offered
 * nothing else.
 */
export async function accessOf(
  given: Models,
  around: WorkerEnvironment,
  wanted: string | undefined,
  { data_tier, errand = false, model }: Wants = {},
): Promise<Access | NoAccess> {
  const isRestricted = data_tier === RESTRICTED
  const models = isRestricted ? ofHouse(given) : given
  // by its name also one that may not see it is meant, and is withheld where that is told
  const choice = model
    ? await chooseByName(model, given, around)
    : await (wanted
        ? chooseNamed(wanted, models, around)
        : (errand ? chooseForErrand : choose)(models, around))
  if (choice) return { choice, models, apiKey: keyOf(choice, around) }
  const offers = around.offers.map(({ backend }) => backend).filter((name) => !models.backends[name])
  return { offers: isRestricted ? [] : offers, idle: idle(models, around) }
}

/** What of a task says who may answer it. */
type Wants = Partial<Pick<ClaimedTask, 'data_tier' | 'errand' | 'model'>>

/** A model that costs nothing and can be reached; undefined when there is none. */
export async function localAccess(sql: Sql): Promise<Access | undefined> {
  const models = await storedConfig(sql, 'models', Models)
  const around = workerEnvironment()
  const here = Object.entries(models.backends).filter(([, { external }]) => !external)
  const choice = await freeChoice({ ...models, backends: Object.fromEntries(here) }, around)
  return choice && { choice, models, apiKey: keyOf(choice, around) }
}

function keyOf(
  { name, backend: { api_key } }: Choice,
  { environment }: WorkerEnvironment,
): string | undefined {
  return api_key && resolveReference(api_key, { name: 'models', field: `api_key of ${name}` }, environment)
}

type Tiered = Pick<ClaimedTask, 'id' | 'data_tier'>

/**
 * Why a task may not ask `choice`, in the words of `fail`; undefined when it may. Every choice of a model passes here,
 * however it was made and wherever its worker is, before anything of the task goes anywhere.
 */
export function withheld(
  { id, data_tier }: Tiered,
  { name, model, backend }: Choice,
): AttemptFailure | undefined {
  if (data_tier !== RESTRICTED || isOfHouse(backend, model)) return undefined
  const why =
    backend.billing === 'local'
      ? `${name}/${model} does not run where billing: local says`
      : `${name} is billing: ${backend.billing}`
  return {
    code: 'no_route',
    message: `the task is restricted, so that only backends with billing: local may see it, and ${why}; nothing was sent`,
    next_step: cure(id),
  }
}

/** What to do for a restricted task that nobody may answer. */
export const cure = (id: string): string =>
  `start Ollama, or give a server of your own billing: local: hai model add URL; then hai task retry ${shortId(id)}`

/** Whether a backend keeps to itself what it is asked: Claude's own servers and what Ollama hands on never do. */
const isOfHouse = (backend: Backend, model = ''): boolean =>
  backend.billing === 'local' &&
  backend.kind !== 'claude-code' &&
  urlOf(backend) !== HOME.anthropic &&
  !isHosted(model)

/** The same configuration as far as a restricted task may see it. */
function ofHouse(models: Models): Models {
  const backends = Object.fromEntries(
    Object.entries(models.backends).flatMap(([name, backend]) => {
      const all = Object.entries(backend.models)
      const own = all.filter(([model]) => isOfHouse(backend, model))
      // a backend that only hands on what it is asked is none
      const isOne = isOfHouse(backend) && (own.length > 0 || all.length === 0)
      return isOne ? [[name, { ...backend, models: Object.fromEntries(own) }]] : []
    }),
  )
  const [, name = '', model = ''] = /^([^/]*)\/(.*)$/s.exec(models.default ?? '') ?? []
  const known = models.backends[name]
  const mayAnswer = known ? known.enabled && isOfHouse(known, model) : !isHosted(model)
  const { default: byDefault, ...rest } = models
  return { ...rest, ...(byDefault && mayAnswer ? { default: byDefault } : {}), backends }
}
