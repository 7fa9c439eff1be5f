import type { Choice } from '../base/backends.ts'
import { MOST_TOKENS } from '../cost/tokens.ts'

/** A list is small and at hand, or it is not worth waiting for. */
const ASK_MS = 2000

/** Where servers tell the window of a model that they serve; the least of those that are there holds. */
const FIELDS = [
  ['meta', 'n_ctx'], // llama.cpp
  ['max_model_len'], // vLLM, SGLang
  ['context_length'], // OpenRouter, Together, Fireworks
  ['top_provider', 'context_length'],
  ['context_window'], // Groq
  ['max_context_length'], // Mistral
  ['loaded_context_length'], // LM Studio, whose max_context_length is what the model could have
  ['metadata', 'context_length'], // DeepInfra
]

/**
 * The window in tokens that the server of `choice` names for its model; null when it answers and names none, undefined
 * when it doesn't answer, or is not ready yet.
 */
export async function listedWindow(
  { backend, model }: Choice,
  apiKey: string | undefined,
): Promise<number | null | undefined> {
  const listed = await modelsAt(`${backend.url.replace(/\/+$/, '')}/models`, apiKey)
  if (!listed) return undefined
  const told = windowIn(listed, model)
  if (told !== null || backend.billing !== 'local') return told
  // LM Studio tells it in a list of its own
  const native = await modelsAt(`${new URL(backend.url).origin}/api/v0/models`, apiKey)
  return native ? windowIn(native, model) : null
}

async function modelsAt(url: string, apiKey: string | undefined): Promise<object[] | undefined> {
  try {
    const headers = new Headers(apiKey ? { authorization: `Bearer ${apiKey}` } : {})
    const response = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(ASK_MS) })
    const text = await response.text()
    if (response.status >= 500 || response.status === 429) return undefined
    return response.ok ? modelsIn(parsed(text)) : []
  } catch (error) {
    // who is there and too busy for that is not asked at each call; of who isn't there, the call itself will tell
    return error instanceof Error && error.name === 'TimeoutError' ? [] : undefined
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function modelsIn(body: unknown): object[] {
  const list = Array.isArray(body) ? body : (at(body, ['data']) ?? at(body, ['models']))
  return Array.isArray(list) ? list.filter((one) => typeof one === 'object' && one !== null) : []
}

/** Of the model by that name, or of the only one: a server with one answers by whatever name it is asked. */
function windowIn(models: object[], model: string): number | null {
  const called = (one: object) => {
    const aliases = at(one, ['aliases'])
    return at(one, ['id']) === model || (Array.isArray(aliases) && aliases.includes(model))
  }
  const found = models.find(called) ?? (models.length === 1 ? models[0] : undefined)
  const told = FIELDS.map((path) => at(found, path)).filter(
    (value): value is number =>
      typeof value === 'number' && Number.isSafeInteger(value) && value > 0 && value <= MOST_TOKENS,
  )
  return told.length > 0 ? Math.min(...told) : null
}

function at(value: unknown, path: string[]): unknown {
  let found = value
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined
    found = (found as Record<string, unknown>)[name]
  }
  return found
}
