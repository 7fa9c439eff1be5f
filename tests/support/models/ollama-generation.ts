import { type Answer, type HttpAnswer, piecesOf, type ToolCall, tokensOf } from './behaviour.ts'
import type { ModelCall } from './fake-server.ts'
import type { Frames } from './play.ts'

/** The body of `/api/chat` or `/api/generate`, and which of them it was. */
export interface Generation {
  endpoint: 'chat' | 'generate'
  model: string
  messages?: unknown[]
  prompt?: string
  stream?: boolean
  keep_alive?: number | string
}

const NANOSECONDS = 1_000_000

/** What an empty request gets, which only loads the model, or with `keep_alive` 0 unloads it; null for others. */
export function loadedOnly(request: Generation): HttpAnswer | null {
  if (request.endpoint === 'chat' ? request.messages?.length : request.prompt) return null
  const done_reason = request.keep_alive === 0 ? 'unload' : 'load'
  return { status: 200, body: { ...head(request, ''), done: true, done_reason } }
}

/** A call of the model that first spends `loadMs` on loading it. */
export const generation = (request: Generation, loadMs: number): ModelCall => ({
  streamed: request.stream !== false,
  frames: (answer) => ndjson(request, statistics(answer, loadMs)),
  whole: (answer) => ({
    ...head(request, piecesOf(answer).join(''), {
      ...(answer.reasoning ? { thinking: answer.reasoning.join('') } : {}),
      ...(answer.toolCalls ? { tool_calls: answer.toolCalls.map(toolCall) } : {}),
    }),
    ...statistics(answer, loadMs),
  }),
})

function ndjson(request: Generation, last: object): Frames {
  const line = (data: object) => `${JSON.stringify(data)}\n`
  const part = (text: string, extra: object = {}) => line({ ...head(request, text, extra), done: false })
  return {
    contentType: 'application/x-ndjson',
    open: () => '',
    reasoning: (thinking) => part('', { thinking }),
    text: (piece) => part(piece),
    toolCall: (call, index) => part('', { tool_calls: [toolCall(call, index)] }),
    close: () => line({ ...head(request, ''), ...last }),
    error: () => line({ error: 'an error was encountered while running the model: unexpected EOF' }),
  }
}

/** What every line has. Extra fields belong to the message, or, where there is none, to the line. */
function head({ endpoint, model }: Generation, text: string, extra: object = {}) {
  const said =
    endpoint === 'chat'
      ? { message: { role: 'assistant', content: text, ...extra } }
      : { response: text, ...extra }
  return { model, created_at: new Date().toISOString(), ...said }
}

/** Durations are nanoseconds: 10 ms a token out, 1 ms a token in, 20 ms to find the model loaded. */
function statistics(answer: Answer, loadMs: number) {
  const { input, cacheRead, cacheWrite, output } = tokensOf(answer)
  const prompt = input + cacheRead + cacheWrite
  const load = (loadMs || 20) * NANOSECONDS
  return {
    done: true,
    done_reason: answer.finish ?? 'stop',
    total_duration: load + (prompt + 10 * output) * NANOSECONDS,
    load_duration: load,
    prompt_eval_count: prompt,
    prompt_eval_duration: prompt * NANOSECONDS,
    eval_count: output,
    eval_duration: 10 * output * NANOSECONDS,
  }
}

const toolCall = ({ id, name, arguments: given }: ToolCall, index: number) => ({
  id,
  function: { index, name, arguments: given },
})
