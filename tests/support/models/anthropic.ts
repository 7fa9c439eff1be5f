import { type Answer, type Call, type HttpAnswer, piecesOf, tokensOf } from './behaviour.ts'
import { type FakeServer, fakeServer, type ModelCall } from './fake-server.ts'
import type { Frames } from './play.ts'

interface MessagesRequest {
  model: string
  max_tokens: number
  messages: { role: string; content: unknown }[]
  stream?: boolean
}

const REQUEST_ID = 'req_011fake'

const refused = (status: number, type: string, message: string, headers = {}): HttpAnswer => ({
  status,
  headers: { 'request-id': REQUEST_ID, ...headers },
  body: { type: 'error', error: { type, message }, request_id: REQUEST_ID },
})

const invalid = (message: string) => refused(400, 'invalid_request_error', message)

/** The API's refusals, in its words. Retry-after is in seconds; `until` is a UTC day. */
export const ANTHROPIC_REFUSES = {
  unauthorized: () => refused(401, 'authentication_error', 'invalid x-api-key'),
  modelMissing: (model: string) => refused(404, 'not_found_error', `model: ${model}`),
  contextTooLong: (sent = 215_000, limit = 200_000) =>
    invalid(`prompt is too long: ${sent} tokens > ${limit} maximum`),
  noCredit: () =>
    invalid(
      'Your credit balance is too low to access the Anthropic API. ' +
        'Please go to Plans & Billing to upgrade or purchase credits.',
    ),
  spendLimit: (until: string) =>
    invalid(
      `You have reached your specified API usage limits. You will regain access on ${until} at 00:00 UTC.`,
    ),
  rateLimited: (retryAfter: number) =>
    refused(429, 'rate_limit_error', 'Number of requests has exceeded your rate limit.', {
      'retry-after': String(retryAfter),
    }),
  overloaded: () => refused(529, 'overloaded_error', 'Overloaded'),
}

/** A server that speaks the Messages API; with `apiKey` it takes no other. */
export function fakeAnthropic({
  models = ['claude-fake'],
  apiKey,
  port,
}: {
  models?: string[]
  apiKey?: string
  port?: number
} = {}): Promise<FakeServer> {
  return fakeServer((call) => {
    const key = call.headers['x-api-key']
    if (!key || (apiKey && key !== apiKey)) return ANTHROPIC_REFUSES.unauthorized()
    if (!call.headers['anthropic-version']) return invalid('anthropic-version: header is required')
    const place = `${call.method} ${call.path}`
    if (place === 'GET /v1/models') return modelList(models)
    if (place === 'POST /v1/messages') return message(call, models)
    return refused(404, 'not_found_error', 'Not found')
  }, port)
}

const modelList = (models: string[]): HttpAnswer => ({
  status: 200,
  body: {
    data: models.map((id) => ({
      type: 'model',
      id,
      display_name: id,
      created_at: '2026-01-01T00:00:00Z',
    })),
    has_more: false,
    first_id: models[0] ?? null,
    last_id: models.at(-1) ?? null,
  },
})

function message({ body }: Call, models: string[]): HttpAnswer | ModelCall {
  const request = (body ?? {}) as Partial<MessagesRequest>
  if (!request.model) return invalid('model: Field required')
  if (!request.max_tokens) return invalid('max_tokens: Field required')
  if (!request.messages?.length) return invalid('messages: at least one message is required')
  const { model } = request
  if (!models.includes(model)) return ANTHROPIC_REFUSES.modelMissing(model)
  return {
    streamed: request.stream === true,
    frames: (answer) => events(model, answer, request.messages),
    whole: (answer) => ({
      ...head(model),
      content: blocks(answer),
      stop_reason: stopReason(answer),
      usage: usage(answer, request.messages),
    }),
  }
}

const head = (model: string) => ({
  id: 'msg_01fake',
  type: 'message',
  role: 'assistant',
  model,
  content: [] as object[],
  stop_reason: null as string | null,
  stop_sequence: null,
})

const blocks = (answer: Answer): object[] => [
  ...(answer.reasoning
    ? [{ type: 'thinking', thinking: answer.reasoning.join(''), signature: 'c2lnbmVk' }]
    : []),
  ...(piecesOf(answer).length > 0 ? [{ type: 'text', text: piecesOf(answer).join('') }] : []),
  ...(answer.toolCalls ?? []).map(({ id, name, arguments: input }) => ({
    type: 'tool_use',
    id,
    name,
    input,
  })),
]

function stopReason({ toolCalls, finish }: Answer): string {
  if (toolCalls?.length) return 'tool_use'
  return finish === 'length' ? 'max_tokens' : 'end_turn'
}

function usage(answer: Answer, messages: unknown, soFar?: number) {
  const { input, cacheRead, cacheWrite, output } = tokensOf(answer, messages)
  return {
    input_tokens: input,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cacheRead,
    cache_creation: { ephemeral_5m_input_tokens: cacheWrite, ephemeral_1h_input_tokens: 0 },
    output_tokens: soFar ?? output,
    service_tier: 'standard',
  }
}

const event = (data: { type: string }) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`
const named = (type: string, fields: object = {}) => event({ type, ...fields })

/** A block opens with its first piece and closes when another begins, so that the empty answer has none. */
function events(model: string, answer: Answer, messages: unknown): Frames {
  let index = -1
  let open: string | null = null
  const stop = () => (open === null ? '' : named('content_block_stop', { index }))
  const start = (type: string, content_block: object) => {
    const before = stop()
    open = type
    index += 1
    const ping = index === 0 ? named('ping') : ''
    return before + named('content_block_start', { index, content_block: { type, ...content_block } }) + ping
  }
  const within = (type: string, content_block: object) => (open === type ? '' : start(type, content_block))
  const delta = (type: string, fields: object) =>
    named('content_block_delta', { index, delta: { type, ...fields } })
  // a thinking block is signed before it closes; the signature comes with its last piece
  let thoughts = answer.reasoning?.length ?? 0
  const signed = () => (--thoughts === 0 ? delta('signature_delta', { signature: 'c2lnbmVk' }) : '')

  return {
    contentType: 'text/event-stream; charset=utf-8',
    open: () => named('message_start', { message: { ...head(model), usage: usage(answer, messages, 1) } }),
    reasoning: (thinking) =>
      within('thinking', { thinking: '', signature: '' }) + delta('thinking_delta', { thinking }) + signed(),
    text: (text) => within('text', { text: '' }) + delta('text_delta', { text }),
    toolCall: ({ id, name, arguments: input }) => {
      const json = JSON.stringify(input)
      const parts = ['', json.slice(0, json.length / 2), json.slice(json.length / 2)]
      const opened = start('tool_use', { id, name, input: {} })
      return opened + parts.map((partial_json) => delta('input_json_delta', { partial_json })).join('')
    },
    close: () => {
      const { cache_creation: _, service_tier: __, ...counts } = usage(answer, messages)
      const last = { delta: { stop_reason: stopReason(answer), stop_sequence: null }, usage: counts }
      return stop() + named('message_delta', last) + named('message_stop')
    },
    error: () => named('error', { error: { type: 'overloaded_error', message: 'Overloaded' } }),
  }
}
