import { setTimeout as elapse } from 'node:timers/promises'
import { type Answer, type Call, type HttpAnswer, piecesOf } from './behaviour.ts'
import { type FakeServer, fakeServer, type Routed } from './fake-server.ts'
import type { Frames, Stage } from './play.ts'
import { countTokens } from './tokens.ts'

export interface LlamaCpp {
  /** The window in tokens, of each slot: prompt and answer together. */
  n_ctx: number
  /** How many requests are worked at once; others wait for theirs. */
  slots: number
  /** Milliseconds between the comments that are sent while a slot is waited for or a prompt is read; 0 for none. */
  pingMs: number
  /** Milliseconds from the start until the model is in memory. */
  loadMs: number
  /** Milliseconds that a token of the prompt takes that the slot has not read before. */
  promptMs: number
  /** Milliseconds that a token of the answer takes. */
  tokenMs: number
  /** The one model; whatever a request names, this one answers. */
  model: string
  /** With it no other is taken. */
  apiKey: string | undefined
  port: number | undefined
}

export interface FakeLlamaCpp extends FakeServer {
  /** From now on the model is loaded again, which takes so long. */
  reload(milliseconds: number): void
  /** Tokens of each prompt that was taken, and how many of them its slot knew already; in order of arrival. */
  prompts: { tokens: number; cached: number }[]
}

const USUAL: LlamaCpp = {
  n_ctx: 4096,
  slots: 1,
  pingMs: 30_000,
  loadMs: 0,
  promptMs: 0,
  tokenMs: 0,
  model: 'model.gguf',
  apiKey: undefined,
  port: undefined,
}

const HEADERS = { server: 'llama.cpp', 'access-control-allow-origin': '' }

const refused = (status: number, type: string, message: string, more = {}): HttpAnswer => ({
  status,
  headers: { ...HEADERS, 'content-type': 'application/json; charset=utf-8' },
  body: { error: { code: status, message, type, ...more } },
})

/** The server's refusals, in its words. */
export const LLAMA_REFUSES = {
  unauthorized: () => refused(401, 'authentication_error', 'Invalid API Key'),
  notFound: () => refused(404, 'not_found_error', 'File Not Found'),
  loading: () => refused(503, 'unavailable_error', 'Loading model'),
  contextTooLong: (n_prompt_tokens: number, n_ctx: number) =>
    refused(
      400,
      'exceed_context_size_error',
      `request (${n_prompt_tokens} tokens) exceeds the available context size (${n_ctx} tokens), try increasing it`,
      { n_prompt_tokens, n_ctx },
    ),
}

/**
 * A server that speaks as llama.cpp's does: one model in memory, a window that is refused when it is exceeded, slots
 * that are waited for, a prompt that a slot need not read twice, comments as its sign of life. Each piece of a scripted
 * answer is one token; an answer ends at `max_tokens` and at the window's end.
 */
export async function fakeLlamaCpp(given: Partial<LlamaCpp> = {}): Promise<FakeLlamaCpp> {
  const options = { ...USUAL, ...given }
  const host: Host = {
    options,
    loadedAt: Date.now() + options.loadMs,
    free: Array.from({ length: options.slots }, (): Slot => ({ read: '' })),
    waiting: [],
    prompts: [],
  }
  const server = await fakeServer((call) => route(host, call), options.port)
  return {
    ...server,
    prompts: host.prompts,
    reload: (milliseconds) => {
      host.loadedAt = Date.now() + milliseconds
      for (const slot of host.free) slot.read = ''
    },
  }
}

interface Slot {
  /** The prompt that it read last. */
  read: string
}

interface Host {
  options: LlamaCpp
  loadedAt: number
  free: Slot[]
  waiting: ((slot: Slot) => void)[]
  prompts: FakeLlamaCpp['prompts']
}

function route(host: Host, call: Call): Routed {
  const { apiKey, model, n_ctx } = host.options
  if (Date.now() < host.loadedAt) return LLAMA_REFUSES.loading()
  switch (`${call.method} ${call.path}`) {
    case 'GET /health':
      return { status: 200, headers: HEADERS, body: { status: 'ok' } }
    case 'GET /v1/models':
      return { status: 200, headers: HEADERS, body: modelList(model, n_ctx) }
    case 'POST /v1/chat/completions':
      if (apiKey && call.headers.authorization !== `Bearer ${apiKey}`) return LLAMA_REFUSES.unauthorized()
      return completion(host, call)
    default:
      return LLAMA_REFUSES.notFound()
  }
}

interface Request {
  messages: { role: string; content: string | { text: string }[] }[]
  stream?: boolean
  stream_options?: { include_usage?: boolean }
  max_tokens?: number
  max_completion_tokens?: number
}

function completion(host: Host, { body }: Call): Routed {
  const request = (body ?? {}) as Request
  if (!Array.isArray(request.messages))
    return refused(500, 'server_error', "[json.exception.out_of_range.403] key 'messages' not found")
  const prompt = templated(request)
  const tokens = countTokens(prompt)
  const { n_ctx, model } = host.options
  if (tokens >= n_ctx) return LLAMA_REFUSES.contextTooLong(tokens, n_ctx)
  const count = { tokens, cached: 0 }
  host.prompts.push(count)
  const room = Math.min(request.max_tokens ?? request.max_completion_tokens ?? Infinity, n_ctx - tokens)
  let slot: Slot | undefined
  return {
    streamed: request.stream === true,
    ready: async (stage) => {
      if (request.stream) {
        stage.response.writeHead(200, STREAM)
        stage.response.flushHeaders()
      }
      const ping = pinging(host, stage)
      try {
        slot = await freeSlot(host, stage.gone)
        count.cached = countTokens(commonStart(slot.read, prompt))
        await elapse((tokens - count.cached) * host.options.promptMs, undefined, { signal: stage.gone })
        slot.read = prompt
      } finally {
        clearInterval(ping)
      }
    },
    over: () => slot && freed(host, slot),
    shaped: (answer) => limited(answer, room, host.options.tokenMs),
    frames: (answer) => frames(request, model, count, answer),
    whole: (answer) => ({
      choices: [
        {
          finish_reason: answer.finish ?? 'stop',
          index: 0,
          message: { role: 'assistant', content: piecesOf(answer).join('') },
        },
      ],
      ...head(model, 'chat.completion'),
      ...usage(count, answer),
    }),
  }
}

const STREAM = { ...HEADERS, 'x-accel-buffering': 'no', 'content-type': 'text/event-stream' }

function pinging({ options }: Host, { response, call }: Stage): NodeJS.Timeout | undefined {
  const streamed = (call.body as Request).stream === true
  return streamed && options.pingMs > 0
    ? setInterval(() => response.write(':\n\n'), options.pingMs)
    : undefined
}

/** A slot that nobody uses; who came first has it first, and who leaves waits no more. */
function freeSlot(host: Host, gone: AbortSignal): Promise<Slot> {
  gone.throwIfAborted()
  const slot = host.free.shift()
  if (slot) return Promise.resolve(slot)
  return new Promise((resolve, reject) => {
    host.waiting.push(resolve)
    gone.addEventListener('abort', () => {
      host.waiting = host.waiting.filter((one) => one !== resolve)
      reject(gone.reason)
    })
  })
}

function freed(host: Host, slot: Slot): void {
  const next = host.waiting.shift()
  if (next) next(slot)
  else host.free.push(slot)
}

/** The answer as far as there is room for it; a text that is not in pieces has one a word. */
function limited({ text = [], ...answer }: Answer, room: number, tokenMs: number): Answer {
  const pieces = typeof text === 'string' ? (text.match(/\s*\S+|\s+$/g) ?? []) : piecesOf({ text })
  const paced = { ...answer, text: pieces, pause: { between: tokenMs, ...answer.pause } }
  return pieces.length > room ? { ...paced, text: pieces.slice(0, room), finish: 'length' } : paced
}

const ID = 'chatcmpl-Ae320xIbarnQgEhJJSM3fLObwVVmV7D8'
const head = (model: string, object: string) => ({
  created: 1_795_880_452,
  id: ID,
  model,
  system_fingerprint: 'b0-unknown',
  object,
})

function frames(request: Request, model: string, count: Count, answer: Answer): Frames {
  const frame = (data: object) => `data: ${JSON.stringify(data)}\n\n`
  const chunk = (delta: object, finish_reason: string | null = null) =>
    frame({ choices: [{ finish_reason, index: 0, delta }], ...head(model, 'chat.completion.chunk') })
  const counted = request.stream_options?.include_usage
    ? frame({ choices: [], ...head(model, 'chat.completion.chunk'), ...usage(count, answer) })
    : ''
  return {
    contentType: STREAM['content-type'],
    open: () => chunk({ role: 'assistant', content: null }),
    reasoning: (piece) => chunk({ reasoning_content: piece }),
    text: (piece) => chunk({ content: piece }),
    toolCall: ({ id, name, arguments: args }, index) =>
      chunk({
        tool_calls: [{ index, id, type: 'function', function: { name, arguments: JSON.stringify(args) } }],
      }),
    close: () => `${chunk({}, answer.finish ?? 'stop')}${counted}data: [DONE]\n\n`,
    error: () => frame({ error: { code: 500, message: 'Compute error.', type: 'server_error' } }),
  }
}

type Count = FakeLlamaCpp['prompts'][number]

function usage({ tokens, cached }: Count, answer: Answer) {
  const output = answer.tokens?.output ?? piecesOf(answer).length + (answer.reasoning?.length ?? 0)
  return {
    usage: {
      completion_tokens: output,
      prompt_tokens: tokens,
      total_tokens: tokens + output,
      prompt_tokens_details: { cached_tokens: cached },
    },
    timings: {
      cache_n: cached,
      prompt_n: tokens - cached,
      prompt_ms: 125.192,
      prompt_per_token_ms: 3.91225,
      prompt_per_second: 255.60738705348587,
      predicted_n: output,
      predicted_ms: 34.667,
      predicted_per_token_ms: 8.66675,
      predicted_per_second: 115.38350592782761,
    },
  }
}

const textOf = (content: Request['messages'][number]['content']) =>
  typeof content === 'string' ? content : content.map(({ text }) => text).join('\n')

const templated = ({ messages }: Request) =>
  `${messages.map(({ role, content }) => `<|im_start|>${role}\n${textOf(content)}<|im_end|>\n`).join('')}<|im_start|>assistant\n`

function commonStart(a: string, b: string): string {
  let length = 0
  while (length < a.length && a[length] === b[length]) length += 1
  return a.slice(0, length)
}

const modelList = (model: string, n_ctx: number) => ({
  models: [
    {
      ...{ name: model, model, modified_at: '', size: '', digest: '', type: 'model', description: '' },
      ...{ tags: [''], capabilities: ['completion'], parameters: '' },
      details: {
        ...{ parent_model: '', format: 'gguf', family: '', families: [''] },
        ...{ parameter_size: '', quantization_level: '' },
      },
    },
  ],
  object: 'list',
  data: [
    {
      ...{ id: model, aliases: [model], tags: [], object: 'model' },
      architecture: { input_modalities: ['text'], output_modalities: ['text'] },
      created: 1_795_880_452,
      owned_by: 'llamacpp',
      meta: {
        ...{ vocab_type: 2, n_vocab: 49_152, n_ctx, n_ctx_train: 8192, n_embd: 576 },
        ...{ n_params: 134_515_008, size: 96_576_768, ftype: 'Q4_1' },
      },
    },
  ],
})
