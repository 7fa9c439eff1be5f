import type { TaskResult } from '../f/hai/core/task/shape.ts'

/** A version of Ollama's whose API this is; clients ask for it before they call. */
export const OLLAMA_VERSION = '0.12.6'
/** As Ollama names a model without a tag. */
const TAG = ':latest'
/** What Ollama does to models, or with them, and hai does not. */
export const NOT_SERVED = [
  'generate',
  'pull',
  'push',
  'create',
  'copy',
  'delete',
  'embed',
  'embeddings',
  'blobs',
]

const DETAILS = {
  parent_model: '',
  format: 'hai',
  family: 'hai',
  families: ['hai'],
  parameter_size: '',
  quantization_level: '',
}
const SINCE = '2026-01-01T00:00:00Z'

/** The models, as `GET /api/tags` lists them. */
export function tags(models: readonly string[]) {
  const listed = models.map((name) => ({
    name: `${name}${TAG}`,
    model: `${name}${TAG}`,
    modified_at: SINCE,
    size: 0,
    digest: Buffer.from(name.padEnd(32, '.')).toString('hex'),
    details: DETAILS,
  }))
  return { models: listed }
}

/** What `POST /api/show` says of each of them. */
export const shown = () => ({
  license: '',
  modelfile: '',
  parameters: '',
  template: '',
  details: DETAILS,
  model_info: { 'general.architecture': 'hai' },
  capabilities: ['completion'],
  modified_at: SINCE,
})

type Fields = Record<string, unknown>

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The model's name without the tag that Ollama's clients put behind it. */
export const untagged = (model: unknown): unknown =>
  typeof model === 'string' && model.endsWith(TAG) ? model.slice(0, -TAG.length) : model

/**
 * A body of `POST /api/chat` as that of a chat completion. What Ollama's options have no word for there, such as
 * `num_ctx`, and what only concerns the memory of a server, is passed over.
 */
export function asCompletion(body: unknown): unknown {
  if (!isObject(body)) return body
  const { model, messages, stream, format, tools, options } = body
  const { num_predict, temperature, top_p, stop } = isObject(options) ? options : {}
  const isLimit = typeof num_predict !== 'number' || num_predict > 0
  return {
    model: untagged(model),
    messages: Array.isArray(messages) ? messages.map(asMessage) : messages,
    stream: stream ?? true,
    ...given({ tools, temperature, top_p, stop: isEmpty(stop) ? undefined : stop }),
    // -1 and -2 are without a limit
    ...given({ max_tokens: isLimit ? num_predict : undefined }),
    ...given({ response_format: formatOf(format) }),
  }
}

const isEmpty = (stop: unknown): boolean => Array.isArray(stop) && stop.length === 0

const given = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))

function asMessage(message: unknown): unknown {
  if (!isObject(message)) return message
  const { images, content, ...rest } = message
  if (!Array.isArray(images) || images.length === 0) return { ...rest, content }
  const pictures = images.map(() => ({ type: 'image_url', image_url: { url: 'data:image/png;base64,' } }))
  return { ...rest, content: [...(content ? [{ type: 'text', text: content }] : []), ...pictures] }
}

function formatOf(format: unknown): unknown {
  if (format === 'json') return { type: 'json_object' }
  if (isObject(format)) return { type: 'json_schema', json_schema: { name: 'answer', schema: format } }
  // as an empty one, which some clients send, is none
  return format === '' ? undefined : format
}

/** Of an answer that is being written. */
export const piece = (model: string, content: string) => ({
  model,
  created_at: new Date().toISOString(),
  message: { role: 'assistant', content },
  done: false,
})

/** The last line of a stream, with an empty text, or a whole answer; `began` in milliseconds. */
export function finished(
  model: string,
  content: string,
  { usage, ending }: Pick<TaskResult, 'usage' | 'ending'>,
  began: number,
) {
  const took = Math.round((performance.now() - began) * 1e6)
  return {
    model,
    created_at: new Date().toISOString(),
    message: { role: 'assistant', content },
    done: true,
    done_reason: ending === 'length' ? 'length' : 'stop',
    total_duration: took,
    load_duration: 0,
    prompt_eval_count: usage?.input ?? 0,
    prompt_eval_duration: 0,
    eval_count: usage?.output ?? 0,
    eval_duration: took,
  }
}
