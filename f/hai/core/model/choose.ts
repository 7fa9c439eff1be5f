import { HaiError } from '../errors.ts'
import type { Backend, Choice, Models } from './config.ts'
import { chooseFrom, findOllama } from './ollama.ts'
import type { Surroundings } from './surroundings.ts'

/** Where each kind is when no URL says so. */
const HOME = { anthropic: 'https://api.anthropic.com/v1', 'claude-code': 'claude', 'openai-compatible': '' }
/** Tokens: the smallest window of any Claude that is served. */
const CLAUDE_CONTEXT = 200_000

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
  if (name === 'ollama' && !backend) return foundOllama(model, around.ollamaUrl)
  const trouble = backend ? `${name} is not enabled` : `there is no backend ${name}`
  throw new HaiError(
    'invalid',
    `models configuration: the default is ${name}/${model}, but ${trouble}; enable it or name another default`,
  )
}

async function foundOllama(model: string, url: string): Promise<Choice> {
  const ollama = await findOllama(url)
  if (ollama) return chooseFrom(ollama, model)
  throw new HaiError('unavailable', `the default is ollama/${model}, but no Ollama answers at ${url}`)
}

function choice(name: string, backend: Backend, model: string, reason: string): Choice {
  const { kind } = backend
  const url = backend.url ? withVersion(backend.url) : HOME[kind]
  const context =
    backend.models[model]?.context ?? (kind === 'openai-compatible' ? undefined : CLAUDE_CONTEXT)
  return { name, backend: { ...backend, url }, model, context, reason }
}

/** A server's bare address is what its own documentation names; both protocols live under `/v1` of it. */
function withVersion(given: string): string {
  const url = new URL(given)
  return url.pathname === '/' ? `${url.origin}/v1` : given
}
