import { setTimeout as elapse } from 'node:timers/promises'
import type { Call, HttpAnswer } from './behaviour.ts'
import { type FakeServer, fakeServer, type Routed } from './fake-server.ts'
import { type Generation, generation, loadedOnly } from './ollama-generation.ts'
import { chatCompletion, modelList } from './openai.ts'

/** A model that was pulled. */
export interface PulledModel {
  /** With its tag: `llama3.2:3b`. */
  name: string
  contextLength: number
  parameterSize: string
  bytes: number
  capabilities: string[]
}

export interface FakeOllama extends FakeServer {
  /** What was pulled; a test may pull and remove. */
  models: PulledModel[]
  /** The names of the models in memory. */
  loaded: Set<string>
}

const refused = (status: number, error: string): HttpAnswer => ({ status, body: { error } })

/** Ollama's refusals, in its words. On `/v1` it puts the same words into OpenAI's shape. */
export const OLLAMA_REFUSES = {
  modelMissing: (model: string) => refused(404, `model "${model}" not found, try pulling it first`),
  contextTooLong: () => refused(400, 'the input length exceeds the context length'),
  busy: () => refused(503, 'server busy, please try again.  maximum pending requests exceeded'),
  outOfMemory: () => refused(500, 'model requires more system memory (8.0 GiB) than is available (5.5 GiB)'),
}

/** A pulled model of 3B and 128k of context that can call tools, but for what `given` says. */
export const aPulledModel = (given: Partial<PulledModel> = {}): PulledModel => ({
  name: 'llama3.2:3b',
  contextLength: 131_072,
  parameterSize: '3.2B',
  bytes: 2_019_393_189,
  capabilities: ['completion', 'tools'],
  ...given,
})

/**
 * A server that speaks Ollama's API, OpenAI's `/v1` included. A model's first call loads it, which takes `loadMs`
 * before the first byte; calls that come meanwhile wait for the same load.
 */
export async function fakeOllama({
  models = [aPulledModel()],
  loadMs = 0,
  port,
}: {
  models?: PulledModel[]
  loadMs?: number
  port?: number
} = {}): Promise<FakeOllama> {
  const host: Host = { models, loaded: new Set(), loading: new Map(), loadMs }
  return { ...(await fakeServer((call) => route(host, call), port)), models, loaded: host.loaded }
}

interface Host {
  models: PulledModel[]
  loaded: Set<string>
  loading: Map<string, Promise<void>>
  loadMs: number
}

function route(host: Host, call: Call): Routed {
  const { models, loaded } = host
  switch (`${call.method} ${call.path}`) {
    case 'GET /':
      return { status: 200, body: 'Ollama is running' }
    case 'GET /api/version':
      return { status: 200, body: { version: '0.12.6' } }
    case 'GET /api/tags':
      return { status: 200, body: { models: models.map(listed) } }
    case 'GET /api/ps':
      return { status: 200, body: { models: models.filter(({ name }) => loaded.has(name)).map(running) } }
    case 'POST /api/show':
      return show(host, call)
    case 'POST /api/chat':
      return native(host, call, 'chat')
    case 'POST /api/generate':
      return native(host, call, 'generate')
    case 'GET /v1/models': {
      const names = models.map(({ name }) => name)
      return modelList(names, 'library')
    }
    case 'POST /v1/chat/completions':
      return openAi(host, call)
    default:
      return { status: 404, body: '404 page not found' }
  }
}

function native(host: Host, call: Call, endpoint: 'chat' | 'generate'): Routed {
  const { model, ...request } = (call.body ?? {}) as Partial<Generation>
  if (!model) return refused(400, 'model is required')
  const name = pulled(host, model)?.name
  if (!name) return OLLAMA_REFUSES.modelMissing(model)
  const asked = { ...request, model, endpoint }
  const empty = loadedOnly(asked)
  if (empty && request.keep_alive === 0) {
    host.loaded.delete(name)
    return empty
  }
  const wait = host.loaded.has(name) ? 0 : host.loadMs
  return { ...(empty ?? generation(asked, wait)), ready: () => load(host, name) }
}

function openAi(host: Host, call: Call): Routed {
  const missing = (model: string) =>
    pulled(host, model) ? null : inOpenAiShape(OLLAMA_REFUSES.modelMissing(model))
  const routed = chatCompletion(call, missing, 'ollama')
  if ('status' in routed) return routed
  const { model } = call.body as { model: string }
  return { ...routed, ready: () => load(host, tagged(model)) }
}

/** Resolves when the model is in memory; whoever asks while it loads waits for the same load. */
async function load({ loaded, loading, loadMs }: Host, name: string): Promise<void> {
  if (loaded.has(name)) return
  const under = loading.get(name) ?? elapse(loadMs, undefined, { ref: false })
  loading.set(name, under)
  await under
  loading.delete(name)
  loaded.add(name)
}

const pulled = ({ models }: Host, name: string) => models.find((model) => model.name === tagged(name))

/** The same refusal as `/v1` gives it. */
export function inOpenAiShape({ status, body }: HttpAnswer): HttpAnswer {
  const types: Record<number, string> = { 400: 'invalid_request_error', 404: 'not_found_error' }
  const { error: message } = body as { error: string }
  return { status, body: { error: { message, type: types[status] ?? 'api_error', param: null, code: null } } }
}

const tagged = (name: string) => (name.includes(':') ? name : `${name}:latest`)

const details = ({ parameterSize }: PulledModel) => ({
  parent_model: '',
  format: 'gguf',
  family: 'llama',
  families: ['llama'],
  parameter_size: parameterSize,
  quantization_level: 'Q4_K_M',
})

const listed = (model: PulledModel) => ({
  name: model.name,
  model: model.name,
  modified_at: '2026-01-01T00:00:00Z',
  size: model.bytes,
  digest: 'a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72',
  details: details(model),
})

function running(model: PulledModel) {
  const { modified_at: _, ...entry } = listed(model)
  const expires = new Date(Date.now() + 300_000).toISOString()
  return { ...entry, expires_at: expires, size_vram: model.bytes, context_length: 4096 }
}

function show(host: Host, { body }: Call): HttpAnswer {
  const { model: name } = (body ?? {}) as { model?: string }
  if (!name) return refused(400, 'model is required')
  const model = pulled(host, name)
  if (!model) return refused(404, `model '${name}' not found`)
  return {
    status: 200,
    body: {
      modelfile: `FROM ${name}`,
      parameters: '',
      template: '{{ .Prompt }}',
      details: details(model),
      model_info: {
        'general.architecture': 'llama',
        'general.parameter_count': 3_212_749_888,
        'llama.context_length': model.contextLength,
        'llama.embedding_length': 3072,
      },
      capabilities: model.capabilities,
      modified_at: '2026-01-01T00:00:00Z',
    },
  }
}
