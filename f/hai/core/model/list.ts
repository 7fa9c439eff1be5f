import { loadConfig } from '../config.ts'
import type { ModelList, ModelRow } from '../contract.ts'
import type { Sql } from '../db.ts'
import { HaiError } from '../errors.ts'
import { priceAt } from '../money/prices.ts'
import { backendTroubles } from './backend-state.ts'
import { choose } from './choose.ts'
import { type Backend, Models } from './config.ts'
import { findOllama, type Ollama } from './ollama.ts'
import { type Surroundings, surroundings } from './surroundings.ts'

/** What is configured and what is found, the one that answers by default, and what waits to be enabled. */
export async function listModels(sql: Sql, around: Surroundings = surroundings()): Promise<ModelList> {
  const models = await loadConfig(sql, 'models', Models)
  const [choice, ollama] = await Promise.all([
    choose(models, around).catch(refusal),
    findOllama(around.ollamaUrl),
  ])
  const { problems } = await backendTroubles(sql)
  const [problem] = await sql<{ error: string | null }[]>`select error from hai.config where name = 'models'`
  return {
    default: choice && 'model' in choice ? `${choice.name}/${choice.model}` : (models.default ?? null),
    ...(choice ? { reason: 'model' in choice ? choice.reason : choice.message } : {}),
    models: [
      ...Object.entries(models.backends).flatMap(configured),
      ...(ollama ? found(ollama, models) : []),
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

function configured([name, backend]: [string, Backend]): ModelRow[] {
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
    context: context ?? null,
    price: priceAt(backend, model, new Date())?.rates ?? null,
  }))
  return rows
}

function found({ url, models }: Ollama, { backends }: Models): ModelRow[] {
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
      context: null,
      price: null,
    }))
}
