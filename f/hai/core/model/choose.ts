import { HaiError } from '../errors.ts'
import type { Backend, Choice, Models } from './config.ts'
import { chooseFrom, findOllama } from './ollama.ts'
import type { Surroundings } from './surroundings.ts'

const ANTHROPIC_URL = 'https://api.anthropic.com/v1'
/** Tokens: the smallest window of any model that Anthropic serves. */
const ANTHROPIC_CONTEXT = 200_000

/**
 * What is configured comes first, then what is there; undefined when there is nothing to ask. `invalid` when the
 * configured default can't be used: who named one backend is not to be answered by another.
 */
export async function choose(models: Models, around: Surroundings): Promise<Choice | undefined> {
  if (models.default) {
    const [name = '', ...rest] = models.default.split('/')
    return named(name, rest.join('/'), models, around)
  }
  for (const [name, backend] of Object.entries(models.backends)) {
    const [model] = Object.keys(backend.models)
    if (backend.enabled && model) return choice(name, backend, model, 'the first enabled backend')
  }
  const ollama = await findOllama(around.ollamaUrl)
  return ollama && chooseFrom(ollama)
}

async function named(name: string, model: string, models: Models, around: Surroundings): Promise<Choice> {
  const backend = models.backends[name]
  if (backend?.enabled) return choice(name, backend, model, 'the configured default')
  const trouble = backend ? `${name} is not enabled` : `there is no backend ${name}`
  const ollama = name === 'ollama' && !backend ? await findOllama(around.ollamaUrl) : undefined
  const found = ollama && chooseFrom(ollama, model)
  if (found) return { ...found, reason: 'the configured default' }
  if (name === 'ollama' && !backend)
    throw new HaiError(
      'unavailable',
      `the default is ollama/${model}, and no Ollama answers at ${around.ollamaUrl}`,
    )
  throw new HaiError(
    'invalid',
    `models configuration: the default is ${name}/${model}, but ${trouble}; enable it or name another default`,
  )
}

function choice(name: string, backend: Backend, model: string, reason: string): Choice {
  const anthropic = backend.kind !== 'openai-compatible'
  const url = backend.url ?? ANTHROPIC_URL
  const context = backend.models[model]?.context ?? (anthropic ? ANTHROPIC_CONTEXT : undefined)
  return { name, backend: { ...backend, url: withVersion(url) }, model, context, reason }
}

/** A server's bare address is what its own documentation names; both protocols live under `/v1` of it. */
function withVersion(given: string): string {
  const url = new URL(given)
  return url.pathname === '/' ? `${url.origin}/v1` : given
}
