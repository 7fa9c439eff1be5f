import { APICallError } from '@ai-sdk/provider'
import { z } from 'zod'
import type { Choice } from '../base/backends.ts'
import { refusalIn } from './server_words.ts'
import { type Limits, Watchdog } from './watchdog.ts'
import { patientFetch } from './wire.ts'

const PROBE_MS = 400
/** What takes connections where an Ollama would be is given longer: one that is busy with an answer is slow, not gone. */
const FIND_MS = 3000

const Tags = z.object({
  models: z.array(
    z.object({
      name: z.string(),
      modified_at: z.string().default(''),
      size: z.number().default(0),
      /** Where it runs, when that is not here. */
      remote_host: z.string().optional(),
    }),
  ),
})
const Loaded = z.object({
  models: z.array(z.object({ name: z.string(), context_length: z.int().positive().optional() })),
})

const Shown = z.object({ parameters: z.string().optional() })

export interface Ollama {
  url: string
  /** `context` is in tokens, and known of what is loaded. */
  models: { name: string; bytes: number; loaded: boolean; hosted: boolean; context: number | undefined }[]
}

/** Whether a model's name says that its Ollama only hands on what it is asked. */
export const isHosted = (model: string): boolean => /[:-]cloud$/i.test(model)

/** The Ollama that answers at `url`, most recently pulled model first; undefined when none does. */
export async function findOllama(url: string): Promise<Ollama | undefined> {
  const [tags, loaded] = await Promise.all([
    probe(`${url}/api/tags`, Tags, FIND_MS),
    probe(`${url}/api/ps`, Loaded, FIND_MS),
  ])
  if (!tags) return undefined
  const inMemory = new Map(loaded?.models.map((model) => [model.name, model]))
  const models = tags.models
    .filter(({ name }) => !/embed|bge-|minilm|rerank/i.test(name))
    .sort((a, b) => b.modified_at.localeCompare(a.modified_at))
    .map(({ name, size, remote_host = '' }) => ({
      name,
      bytes: size,
      hosted: remote_host !== '' || isHosted(name),
      loaded: inMemory.has(name),
      context: inMemory.get(name)?.context_length,
    }))
  return { url, models }
}

async function probe<T extends z.ZodType>(
  url: string,
  shape: T,
  ms: number,
  request: RequestInit = {},
): Promise<z.output<T> | undefined> {
  const { body } = await ask(url, shape, ms, request)
  return body
}

/** What is at `url`: `answered` when anything was, `body` when that was of Ollama's shape. */
async function ask<T extends z.ZodType>(
  url: string,
  shape: T,
  ms: number,
  request: RequestInit = {},
): Promise<{ answered: boolean; body?: z.output<T> }> {
  let answered = false
  try {
    const response = await fetch(url, { ...request, redirect: 'manual', signal: AbortSignal.timeout(ms) })
    answered = true
    if (response.ok) return { answered, body: shape.parse(await response.json()) }
    await response.body?.cancel()
    // a server that is only starting says nothing of what it is
    return { answered: response.status < 500 }
  } catch {
    // nothing there, or something that is no Ollama: for a search both mean not found
    return { answered }
  }
}

/** The wanted model, there or not, as that is for Ollama to say; else the one that needs no waiting, else the newest. */
export function chooseFrom(ollama: Ollama, wanted: string): Choice
export function chooseFrom(ollama: Ollama): Choice | undefined
export function chooseFrom({ url, models: all }: Ollama, wanted?: string): Choice | undefined {
  // what it hands on is neither free nor here: only who names it gets it
  const models = wanted ? all : all.filter(({ hosted }) => !hosted)
  const loaded = models.find((model) => model.loaded)
  const chosen = wanted ? models.find(({ name }) => name === tagged(wanted)) : (loaded ?? models[0])
  const model = chosen?.name ?? wanted
  if (!model) return undefined
  const found = loaded ? 'loaded already' : models.length === 1 ? 'its only model' : 'its newest model'
  return {
    name: 'ollama',
    backend: { kind: 'openai-compatible', url: `${url}/v1`, billing: 'local', enabled: true, models: {} },
    model,
    context: chosen?.context,
    reason: `Ollama found at ${url}, ${wanted ? 'the configured default' : found}`,
    loading: !chosen?.loaded,
  }
}

/** Ollama's own API lies beside the `/v1` of OpenAI's. */
const nativeUrl = (url: string, verb: string) => `${url.replace(/\/v1\/?$/, '')}/api/${verb}`

const tagged = (name: string) => (name.includes(':') ? name : `${name}:latest`)

/** Servers that are no Ollama, by url, with the time until which that is believed (milliseconds since 1970). */
const others = new Map<string, number>()
const BELIEVED_MS = { answered: 600_000, silent: 30_000 }

/**
 * The same choice, with what it takes to load the model and the window it has, when an Ollama is behind a configured
 * local server. Others are not asked: who charges for answers loads nothing. Nor is who is `known` to be no Ollama, by
 * what `remember` was told or by this process.
 */
export async function withLoading(
  choice: Choice,
  known?: boolean | null,
  remember?: (isOllama: boolean) => Promise<void>,
): Promise<Choice> {
  const { kind, billing, url } = choice.backend
  if (choice.loading !== undefined || kind !== 'openai-compatible' || billing !== 'local') return choice
  if (known === false || (others.get(url) ?? 0) > Date.now()) return choice
  const { answered, body } = await ask(nativeUrl(url, 'ps'), Loaded, PROBE_MS)
  if ((body || answered) && typeof known !== 'boolean') await remember?.(body !== undefined)
  if (!body) {
    others.set(url, Date.now() + (answered ? BELIEVED_MS.answered : BELIEVED_MS.silent))
    return choice
  }
  const found = body.models.find(({ name }) => name === tagged(choice.model))
  const given = found && (found.context_length ?? (await parameterWindow(choice)))
  const windows = [choice.context, given].filter((window) => window !== undefined)
  return { ...choice, context: windows.length > 0 ? Math.min(...windows) : undefined, loading: !found }
}

/** Older ones tell the window only where the model's own file sets it; the one in `model_info` is what it could have. */
async function parameterWindow({ backend, model }: Choice): Promise<number | undefined> {
  const request = { method: 'POST', body: JSON.stringify({ model }) }
  const shown = await probe(nativeUrl(backend.url, 'show'), Shown, PROBE_MS, request)
  const [, tokens] = /^num_ctx\s+(\d+)$/m.exec(shown?.parameters ?? '') ?? []
  return tokens ? Number(tokens) : undefined
}

/** Has Ollama load a model and waits until it has. Errors are those of `fetch`, or the server's refusal. */
export async function load(choice: Choice, signal: AbortSignal, limits: Limits): Promise<void> {
  const url = nativeUrl(choice.backend.url, 'generate')
  const request = { model: choice.model, stream: false }
  const watchdog = new Watchdog(limits, signal)
  let response: Response
  let responseBody: string
  try {
    response = await patientFetch(url, {
      method: 'POST',
      body: JSON.stringify(request),
      signal: watchdog.signal,
    })
    responseBody = await response.text()
  } catch (error) {
    signal.throwIfAborted()
    throw watchdog.bite ?? error
  } finally {
    watchdog.end()
  }
  if (response.ok) return
  throw new APICallError({
    message: `could not load ${choice.model}: ${refusalIn(responseBody).message}`,
    url,
    requestBodyValues: request,
    statusCode: response.status,
    responseBody,
  })
}
