import { type Answer, type Call, type HttpAnswer, piecesOf, tokensOf } from './behaviour.ts'
import { type FakeServer, fakeServer, type ModelCall } from './fake-server.ts'
import type { Frames } from './play.ts'

export interface ChatRequest {
  model: string
  messages: { role: string; content: unknown }[]
  stream?: boolean
  stream_options?: { include_usage?: boolean }
}

/** Where Ollama's answers on `/v1` differ: no token details, whole tool calls, its own field for reasoning. */
export type Dialect = 'openai' | 'ollama'

const refused = (
  status: number,
  message: string,
  { type = 'invalid_request_error', param = null, code = null }: Record<string, string | null> = {},
): HttpAnswer => ({ status, body: { error: { message, type, param, code } } })

/** OpenAI's refusals, in its words. Retry-after is in seconds. */
export const OPENAI_REFUSES = {
  unauthorized: () =>
    refused(401, 'Incorrect API key provided: sk-fake. You can find your API key at https://example.com.', {
      code: 'invalid_api_key',
    }),
  modelMissing: (model: string) =>
    refused(404, `The model \`${model}\` does not exist or you do not have access to it.`, {
      code: 'model_not_found',
    }),
  contextTooLong: (limit = 8192, sent = 9102) =>
    refused(
      400,
      `This model's maximum context length is ${limit} tokens. However, your messages resulted in ${sent} tokens. ` +
        'Please reduce the length of the messages.',
      { param: 'messages', code: 'context_length_exceeded' },
    ),
  rateLimited: (retryAfter: number): HttpAnswer => ({
    ...refused(429, `Rate limit reached for requests. Please try again in ${retryAfter}s.`, {
      type: 'requests',
      code: 'rate_limit_exceeded',
    }),
    headers: { 'retry-after': String(retryAfter) },
  }),
  quotaExhausted: () =>
    refused(429, 'You exceeded your current quota, please check your plan and billing details.', {
      type: 'insufficient_quota',
      code: 'insufficient_quota',
    }),
  broken: () =>
    refused(500, 'The server had an error while processing your request.', { type: 'server_error' }),
}

/** A server that speaks OpenAI's chat completions; with `apiKey` it takes no other. */
export function fakeOpenAi({
  models = ['gpt-fake'],
  apiKey,
  port,
}: {
  models?: string[]
  apiKey?: string
  port?: number
} = {}): Promise<FakeServer> {
  return fakeServer((call) => {
    if (apiKey && call.headers.authorization !== `Bearer ${apiKey}`) return OPENAI_REFUSES.unauthorized()
    const place = `${call.method} ${call.path}`
    if (place === 'GET /v1/models') return modelList(models, 'system')
    if (place === 'POST /v1/chat/completions') {
      return chatCompletion(call, (model) =>
        models.includes(model) ? null : OPENAI_REFUSES.modelMissing(model),
      )
    }
    return refused(404, `Invalid URL (${place})`)
  }, port)
}

/** The body of `GET /v1/models`. */
export const modelList = (models: string[], owner: string): HttpAnswer => ({
  status: 200,
  body: {
    object: 'list',
    data: models.map((id) => ({ id, object: 'model', created: 1_700_000_000, owned_by: owner })),
  },
})

/** A call of `POST /v1/chat/completions`; `refuse` may turn its model down. */
export function chatCompletion(
  { body }: Call,
  refuse: (model: string) => HttpAnswer | null,
  dialect: Dialect = 'openai',
): HttpAnswer | ModelCall {
  const request = (body ?? {}) as Partial<ChatRequest>
  if (!request.model) return refused(400, 'you must provide a model parameter')
  if (!request.messages?.length) return refused(400, "[] is too short - 'messages'", { param: 'messages' })
  const refusal = refuse(request.model)
  if (refusal) return refusal
  return {
    streamed: request.stream === true,
    frames: (answer) => chunks(request as ChatRequest, answer, dialect),
    whole: (answer) => completion(request as ChatRequest, answer, dialect),
  }
}

const envelope = (object: string, model: string, dialect: Dialect) => ({
  id: 'chatcmpl-fake',
  object,
  created: Math.floor(Date.now() / 1000),
  model,
  system_fingerprint: dialect === 'ollama' ? 'fp_ollama' : 'fp_fake',
})

function usage(answer: Answer, dialect: Dialect, messages: unknown) {
  const { input, cacheRead, cacheWrite, output, reasoning } = tokensOf(answer, messages)
  const prompt = input + cacheRead + cacheWrite
  const counts = { prompt_tokens: prompt, completion_tokens: output, total_tokens: prompt + output }
  if (dialect === 'ollama') return counts
  return {
    ...counts,
    prompt_tokens_details: { cached_tokens: cacheRead, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoning, audio_tokens: 0 },
  }
}

const finish = (answer: Answer) => (answer.toolCalls?.length ? 'tool_calls' : (answer.finish ?? 'stop'))

function completion({ model, messages }: ChatRequest, answer: Answer, dialect: Dialect) {
  const calls = (answer.toolCalls ?? []).map(({ id, name, arguments: given }) => ({
    id,
    type: 'function',
    function: { name, arguments: JSON.stringify(given) },
  }))
  const thought = answer.reasoning?.join('')
  const message = {
    role: 'assistant',
    content: calls.length > 0 && piecesOf(answer).length === 0 ? null : piecesOf(answer).join(''),
    ...(thought ? { [dialect === 'ollama' ? 'reasoning' : 'reasoning_content']: thought } : {}),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  }
  return {
    ...envelope('chat.completion', model, dialect),
    choices: [{ index: 0, message, finish_reason: finish(answer) }],
    usage: usage(answer, dialect, messages),
  }
}

function chunks({ model, messages, stream_options }: ChatRequest, answer: Answer, dialect: Dialect): Frames {
  const wanted = stream_options?.include_usage === true
  const head = envelope('chat.completion.chunk', model, dialect)
  const ollama = dialect === 'ollama'
  const frame = (data: object) => `data: ${JSON.stringify(data)}\n\n`
  const chunk = (delta: object, reason: string | null = null) =>
    frame({
      ...head,
      choices: [
        {
          index: 0,
          delta: ollama ? { role: 'assistant', content: '', ...delta } : delta,
          finish_reason: reason,
        },
      ],
      ...(wanted && !ollama ? { usage: null } : {}),
    })
  return {
    contentType: 'text/event-stream',
    open: () => (ollama ? '' : chunk({ role: 'assistant', content: '' })),
    reasoning: (piece) => chunk({ [ollama ? 'reasoning' : 'reasoning_content']: piece }),
    text: (piece) => chunk({ content: piece }),
    toolCall: ({ id, name, arguments: given }, index) => {
      const text = JSON.stringify(given)
      const named = (args: string) =>
        chunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: args } }] })
      if (ollama) return named(text)
      const halves = [text.slice(0, text.length / 2), text.slice(text.length / 2)]
      return (
        named('') +
        halves.map((part) => chunk({ tool_calls: [{ index, function: { arguments: part } }] })).join('')
      )
    },
    close: () =>
      chunk({}, finish(answer)) +
      (wanted ? frame({ ...head, choices: [], usage: usage(answer, dialect, messages) }) : '') +
      'data: [DONE]\n\n',
    error: () => frame(OPENAI_REFUSES.broken().body as object),
  }
}
