import { z } from 'zod'
import { HaiError, parse } from '../base/errors.ts'
import { storableJson } from '../base/text.ts'
import { type AnswerForm, CONTENT_BYTES, CONTEXT_BYTES, type Said } from '../task/shape.ts'
import { isErrand, unwrapped, withoutFiles } from './openai_forms.ts'
import { type Message, refused, type Told, told } from './openai_messages.ts'

/** The model there is for a chat client, who answers is hai's to choose; and the one for what the client asks for itself. */
export const MODEL = 'hai'
export const SMALL_MODEL = 'hai-small'

/** Where a chat's tasks say they come from. */
const SOURCE = 'openwebui'

/** OpenAI's word for what doesn't fit, by which clients know that they may shorten it. */
export const TOO_LONG = 'context_length_exceeded'

/** Characters that say who speaks. */
const LONGEST_USER = 200

/** A request for an answer, as hai takes it. */
export interface ChatRequest {
  /** For `inbox`. Whoever asks adds `idempotency_key`, and `waiter` in `chat`. */
  envelope: ChatEnvelope
  /** As it was asked for: the answer names it again. */
  model: string
  stream: boolean
  /** Whether a stream ends with what it used. */
  include_usage: boolean
  /** Whether only the answer itself may be in the text: it is read by a program. */
  bare: boolean
}

/** An envelope, as `inbox` takes it, of a chat's question. */
export interface ChatEnvelope {
  source: string
  content: string
  user?: string
  priority?: 'low'
  idempotency_key?: string
  chat: {
    instructions: string
    turns: Said[]
    begun?: string
    answer: AnswerForm
    errand: boolean
    waiter?: string
  }
}

const isNone = (value: unknown) => value === undefined || value === null

/** What is one of these values, or not given. */
const only = (is: (value: unknown) => boolean, why: string) =>
  z
    .unknown()
    .refine((value) => isNone(value) || is(value), why)
    .optional()

const isList = (value: unknown): value is unknown[] => Array.isArray(value)
const isIn = (least: number, most: number) => (value: unknown) =>
  typeof value === 'number' && value >= least && value <= most
const isWhole = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1

const UNASKED = ['auto', 'none']
const NO_TOOLS = 'a client’s tools are not called: expected auto or none, or leave it out'

/** A tool that must be called, or one of several. */
function isOffered(choice: unknown): boolean {
  if (typeof choice === 'string') return UNASKED.includes(choice)
  if (typeof choice !== 'object' || choice === null) return false
  const { type, allowed_tools } = choice as { type?: unknown; allowed_tools?: { mode?: unknown } | null }
  if (type === 'allowed_tools') return UNASKED.includes(String(allowed_tools?.mode))
  return UNASKED.includes(String(type))
}

const isStop = (value: unknown) => {
  const all = isList(value) ? value : [value]
  return all.length <= 16 && all.every((one) => typeof one === 'string' && one !== '' && !one.includes('\0'))
}

const limit = only(isWhole, 'expected a whole number of tokens, at least 1 and at most 9007199254740991')

/** What would change the shape of the answer and can't be done is refused; what only tunes a model passes. */
const Chat = z.looseObject({
  model: z.string(),
  messages: z.array(z.looseObject({ role: z.string() })).min(1, 'expected at least one message'),
  stream: only((value) => typeof value === 'boolean', 'expected true or false'),
  stream_options: only(
    (value) => typeof value === 'object' && !isList(value),
    'expected an object, as {"include_usage": true}',
  ),
  n: only((value) => value === 1, 'expected 1: there is one answer'),
  best_of: only((value) => value === 1, 'expected 1: there is one answer'),
  tools: only(isList, 'expected a list'),
  functions: only(isList, 'expected a list'),
  tool_choice: only(isOffered, NO_TOOLS),
  function_call: only(isOffered, NO_TOOLS),
  max_tokens: limit,
  max_completion_tokens: limit,
  stop: only(isStop, 'expected a text that is not empty, or a list of at most 16 of them'),
  temperature: only(isIn(0, 2), 'expected a number from 0 to 2'),
  top_p: only(isIn(0, 1), 'expected a number from 0 to 1'),
  response_format: z.unknown().optional(),
  logprobs: only((value) => value === false, 'there are none; leave it out'),
  top_logprobs: only((value) => value === 0, 'there are none; leave it out'),
  modalities: only(
    (value) => isList(value) && value.every((one) => one === 'text'),
    'expected ["text"]: answers are text only',
  ),
  audio: only(() => false, 'answers are text only; leave it out'),
  web_search_options: only(() => false, 'the web is not searched; leave it out'),
  user: only(
    (value) => typeof value === 'string' && !value.includes('\0'),
    'expected text without NUL characters',
  ),
})

/**
 * A body of `POST /v1/chat/completions`, read; nothing is asked of anybody. `invalid`, naming the field and what it may be,
 * never its value; `not_found` for another model.
 */
export function chatRequest(body: unknown): ChatRequest {
  const given = read(body)
  const { model, messages } = given
  if (model !== MODEL && model !== SMALL_MODEL) throw unknownModel()
  const stream = given.stream === true
  const said = told(messages as Message[])
  const errand = model === SMALL_MODEL || isErrand(said, stream)
  const { content, ...before } = fitting(withoutFiles(unwrapped(said)))
  const answer = formOf(given)
  const user = whoSpeaks(given.user)
  const envelope: ChatEnvelope = {
    source: SOURCE,
    content,
    ...(user ? { user } : {}),
    ...(errand ? { priority: 'low' } : {}),
    chat: { ...before, answer, errand },
  }
  return {
    envelope,
    model,
    stream,
    include_usage: (given.stream_options as { include_usage?: unknown } | null)?.include_usage === true,
    bare: errand || answer.response_format !== undefined,
  }
}

/** As much as a task can hold; how much a model can read is told later. */
function fitting(said: Told): Told {
  const { content, instructions, turns, begun = '' } = said
  const bytes = (texts: string[]) => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  const before = bytes([instructions, begun, ...turns.map((turn) => turn.content)])
  if (bytes([content]) <= CONTENT_BYTES && before <= CONTEXT_BYTES) return said
  const most = `a message has at most ${CONTENT_BYTES / 1024} KiB, all before it ${CONTEXT_BYTES / 1024 ** 2} MiB`
  throw new HaiError('invalid', `messages: longer than hai's maximum context length: ${most}; send less`, {
    details: { param: 'messages', reason: TOO_LONG },
  })
}

/** `not_found`: there is no model of this name for a chat client. */
export const unknownModel = (): HaiError =>
  new HaiError('not_found', `this model is not known; there is ${MODEL}, and ${SMALL_MODEL} for errands`, {
    details: { param: 'model' },
  })

function read(body: unknown): z.output<typeof Chat> {
  if (typeof body !== 'object' || body === null || isList(body))
    throw new HaiError('invalid', 'body: expected a JSON object')
  try {
    return parse(Chat, body)
  } catch (error) {
    if (!(error instanceof HaiError)) throw error
    const [param] = /^[a-z_][\w.]*(?=: )/.exec(error.plain) ?? []
    throw new HaiError('invalid', error.plain, { details: param ? { param } : {}, cause: error })
  }
}

function formOf(given: z.output<typeof Chat>): AnswerForm {
  const { max_tokens, max_completion_tokens, stop, temperature, top_p } = given
  const limits = [max_tokens, max_completion_tokens].filter((one) => typeof one === 'number')
  const stops = (isList(stop) ? stop : [stop]).filter((one) => typeof one === 'string')
  const response_format = formatOf(given.response_format)
  return {
    ...(limits.length > 0 ? { max_tokens: Math.min(...limits) } : {}),
    ...(stops.length > 0 ? { stop: stops } : {}),
    ...(typeof temperature === 'number' ? { temperature } : {}),
    ...(typeof top_p === 'number' ? { top_p } : {}),
    ...(response_format ? { response_format } : {}),
  }
}

const Schema = z.looseObject({
  name: z.string().min(1),
  schema: z.looseObject({}).optional(),
})

function formatOf(format: unknown): AnswerForm['response_format'] {
  if (isNone(format)) return undefined
  const { type, json_schema } = Object(format) as { type?: unknown; json_schema?: unknown }
  if (type === 'text') return undefined
  if (type === 'json_object') return { type }
  if (type !== 'json_schema')
    throw refused('response_format.type', 'expected text, json_object or json_schema')
  const schema = Schema.safeParse(json_schema)
  if (!schema.success)
    throw refused('response_format.json_schema', 'expected an object with a name and a schema')
  return { type, json_schema: storableJson(schema.data) as { name: string } }
}

function whoSpeaks(user: unknown): string | undefined {
  const name = typeof user === 'string' ? user.trim() : ''
  if (name.length > LONGEST_USER) throw refused('user', `expected at most ${LONGEST_USER} characters`)
  return name || undefined
}
