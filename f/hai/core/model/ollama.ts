import { z } from 'zod'
import type { Choice } from './config.ts'

const PROBE_MS = 400

const Tags = z.object({
  models: z.array(
    z.object({ name: z.string(), modified_at: z.string().default(''), size: z.number().default(0) }),
  ),
})
const Loaded = z.object({ models: z.array(z.object({ name: z.string() })) })

export interface Ollama {
  url: string
  models: { name: string; bytes: number; loaded: boolean }[]
}

/** The Ollama that answers at `url`, most recently pulled model first; undefined when none does. */
export async function findOllama(url: string): Promise<Ollama | undefined> {
  const [tags, loaded] = await Promise.all([probe(`${url}/api/tags`, Tags), probe(`${url}/api/ps`, Loaded)])
  if (!tags) return undefined
  const inMemory = new Set(loaded?.models.map(({ name }) => name))
  const models = tags.models
    .filter(({ name }) => !/embed|bge-|minilm|rerank/i.test(name))
    .sort((a, b) => b.modified_at.localeCompare(a.modified_at))
    .map(({ name, size }) => ({ name, bytes: size, loaded: inMemory.has(name) }))
  return { url, models }
}

async function probe<T extends z.ZodType>(url: string, shape: T): Promise<z.output<T> | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_MS) })
    return response.ok ? shape.parse(await response.json()) : undefined
  } catch {
    // nothing there, or something that is no Ollama: for a search both mean not found
    return undefined
  }
}

/** The wanted model, there or not; else the one that needs no waiting, else the newest one. */
export function chooseFrom({ url, models }: Ollama, wanted?: string): Choice | undefined {
  const loaded = models.find((model) => model.loaded)
  const named = wanted && {
    ...(models.find(({ name }) => name === wanted) ?? { loaded: true }),
    name: wanted,
  }
  const chosen = named || loaded || models[0]
  if (!chosen) return undefined
  const rest = loaded ? 'loaded already' : models.length === 1 ? 'its only model' : 'its newest model'
  const why = named ? 'the configured default' : rest
  return {
    name: 'ollama',
    backend: { kind: 'openai-compatible', url: `${url}/v1`, billing: 'local', enabled: true, models: {} },
    model: chosen.name,
    context: undefined,
    reason: `Ollama found at ${url}, ${why}`,
    loading: !chosen.loaded,
  }
}

/** Has Ollama load a model and waits until it has. Errors are those of `fetch`, or the server's own words. */
export async function load(choice: Choice, signal: AbortSignal): Promise<void> {
  const url = choice.backend.url.replace(/\/v1$/, '/api/generate')
  const response = await fetch(url, {
    method: 'POST',
    body: JSON.stringify({ model: choice.model, stream: false }),
    signal,
  })
  if (!response.ok) throw new Error(`Ollama could not load ${choice.model}: ${await response.text()}`)
  await response.arrayBuffer()
}
