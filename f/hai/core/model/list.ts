import { type Backend, Models, urlOf } from '../base/backends.ts'
import type { Caller } from '../base/caller.ts'
import { storedConfig } from '../base/config.ts'
import type { Sql } from '../base/db.ts'
import { type WorkerEnvironment, workerEnvironment } from '../base/environment.ts'
import { HaiError } from '../base/errors.ts'
import { withoutPasswordsIn } from '../base/text.ts'
import { LIST_SOURCE } from '../cost/list_prices_data.ts'
import { isListPrice, priceAt } from '../cost/prices.ts'
import { backendTroubles } from '../task/trouble.ts'
import { choose, connects, lack } from './choose.ts'
import { learntWindows, type ModelAt } from './facts.ts'
import { findOllama, type Ollama } from './ollama.ts'
import type { ModelList, ModelRow, WindowSource } from './shape.ts'

/** What is configured and what is found, the one that answers by default, and what waits to be enabled. */
export async function listModels(
  sql: Sql,
  around: WorkerEnvironment = workerEnvironment(),
): Promise<ModelList> {
  const models = await storedConfig(sql, 'models', Models)
  // who looks may have changed something just now: nothing that is remembered is believed
  const [choice, ollama, troubles] = await Promise.all([
    choose(models, around, connects).catch(refusal),
    findOllama(around.ollamaUrl),
    troublesOf(models, around),
  ])
  const { problems } = await backendTroubles(sql)
  const windows = await learntWindows(sql)
  const [problem] = await sql<{ error: string | null }[]>`select error from hai.config where name = 'models'`
  return {
    default: choice && 'model' in choice ? `${choice.name}/${choice.model}` : (models.default ?? null),
    ...(choice &&
      ('model' in choice ? { reason: choice.reason } : { reason: choice.message, unusable: true })),
    models: [
      ...Object.entries(models.backends).flatMap(([name, backend]) =>
        configured(name, backend, troubles.get(name), windows),
      ),
      ...(ollama ? found(ollama, models, windows) : []),
    ],
    offers: around.offers
      .filter(({ backend }) => !models.backends[backend])
      .map(({ backend, how }) => ({ backend, how })),
    ...(problem?.error ? { error: problem.error } : {}),
    ...(problems.length > 0 ? { problems } : {}),
  }
}

/** A default that can't be used is what a list is looked at for. */
function refusal(error: unknown): HaiError {
  if (error instanceof HaiError) return error
  throw error
}

/** A list as this caller may see it: where the servers are, and what is wrong with them, is the operator's matter. */
export function modelsFor({ role }: Pick<Caller, 'role'>, list: ModelList): ModelList {
  if (role !== 'member') return withoutPasswordsIn(list)
  const { default: answers, unusable } = list
  const models = list.models.map(({ trouble, ...row }) => ({
    ...row,
    url: null,
    ...(trouble ? { trouble: { ...trouble, text: 'it can not answer now' } } : {}),
  }))
  return { for: 'member', default: answers, ...(unusable ? { unusable } : {}), models, offers: [] }
}

type Trouble = NonNullable<ModelRow['trouble']>

/** What each enabled backend lacks to answer: a program, a key, or its server, where that is free and near. */
async function troublesOf({ backends }: Models, around: WorkerEnvironment): Promise<Map<string, Trouble>> {
  const found = Object.entries(backends).map(async ([name, backend]) => {
    const trouble = backend.enabled ? (lack(backend, around) ?? (await away(backend))) : undefined
    return [name, trouble] as const
  })
  return new Map(
    (await Promise.all(found)).filter((entry): entry is [string, Trouble] => entry[1] !== undefined),
  )
}

async function away({ billing, external, url }: Backend): Promise<Trouble | undefined> {
  if (billing !== 'local' || external || !url) return undefined
  if (await connects(url)) return undefined
  return { code: 'unreachable', text: `nothing takes connections at ${url}` }
}

type Windows = Awaited<ReturnType<typeof learntWindows>>

/** The least of the windows that are known of a model, as a prompt for it has to fit all, and who says so. */
function windowOf(
  windows: Windows,
  at: ModelAt,
  settings: number | undefined,
): Pick<ModelRow, 'context' | 'context_from'> {
  const learnt = windows.find(({ url, model }) => url === at.url && model === at.model)
  const known: [number | null | undefined, WindowSource][] = [
    [settings, 'settings'],
    [learnt?.listed, 'server'],
    [learnt?.refused, 'earlier_call'],
  ]
  const [least] = known
    .flatMap(([tokens, from]) =>
      typeof tokens === 'number' ? [{ context: tokens, context_from: from }] : [],
    )
    .sort((a, b) => a.context - b.context)
  return least ?? { context: null }
}

function configured(
  name: string,
  backend: Backend,
  trouble: Trouble | undefined,
  windows: Windows,
): ModelRow[] {
  const { kind, billing, enabled } = backend
  const rows = Object.entries(backend.models).map(([model, { context }]) => ({
    backend: name,
    model,
    kind,
    url: backend.url ?? null,
    billing,
    found: false,
    enabled,
    loaded: null,
    ...(trouble === undefined ? {} : { trouble }),
    ...windowOf(windows, { url: urlOf(backend), model }, context),
    ...priceOf(backend, model),
  }))
  return rows
}

/** With whose list it stands in, where the operator has set none. */
function priceOf(backend: Backend, model: string): Pick<ModelRow, 'price' | 'list_price'> {
  const { rates = null, version = '' } = priceAt(backend, model, new Date()) ?? {}
  return { price: rates, ...(isListPrice(version) ? { list_price: LIST_SOURCE } : {}) }
}

function found({ url, models }: Ollama, { backends }: Models, windows: Windows): ModelRow[] {
  const configuredNames = new Set(Object.keys(backends.ollama?.models ?? {}))
  return models
    .filter(({ name }) => !configuredNames.has(name))
    .map(({ name, loaded }) => ({
      backend: 'ollama',
      model: name,
      kind: 'openai-compatible',
      url,
      billing: 'local',
      found: true,
      enabled: backends.ollama?.enabled ?? true,
      loaded,
      ...windowOf(windows, { url: `${url}/v1`, model: name }, undefined),
      price: null,
    }))
}
