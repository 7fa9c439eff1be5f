import { parse } from '../base/errors.ts'
import { type Completion, completeChat, Streaming } from './chat.ts'
import type { Shaped } from './response.ts'

/**
 * `completeChat`, in the form of a stream for clients that ask for one: a script's result has one body, so the words come
 * together at the end.
 */
export async function answerChat(
  ...args: Parameters<typeof completeChat>
): Promise<Completion | (Shaped<string> & { windmill_content_type: string })> {
  const completion = await completeChat(...args)
  const { stream, stream_options } = parse(Streaming, args[1])
  if (!stream) return completion
  const result = framesOf(completion, stream_options?.include_usage ?? false)
  return { windmill_status_code: 200, windmill_content_type: 'text/event-stream', result }
}

function framesOf({ id, created, model, choices, usage }: Completion, withUsage: boolean): string {
  const [{ message, finish_reason }] = choices
  const chunk = (choices: object[], more = {}) => ({
    id,
    object: 'chat.completion.chunk',
    created,
    model,
    choices,
    ...more,
  })
  const chunks = [
    chunk([{ index: 0, delta: { role: 'assistant', content: message.content }, finish_reason: null }]),
    chunk([{ index: 0, delta: {}, finish_reason }]),
    ...(withUsage && usage ? [chunk([], { usage })] : []),
  ]
  return [...chunks.map((one) => JSON.stringify(one)), '[DONE]'].map((data) => `data: ${data}\n\n`).join('')
}
