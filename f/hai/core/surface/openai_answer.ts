import { type Code, type HaiError, STATUS } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import { own } from '../base/own.ts'
import type { AnswerEnding, State, TaskError, TaskResult, TokensUsed } from '../task/shape.ts'
import { MODEL, SMALL_MODEL, TOO_LONG } from './openai_request.ts'

/** Tokens by OpenAI's names. */
interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
  completion_tokens_details: { reasoning_tokens: number }
}

export interface Completion {
  id: string
  object: 'chat.completion'
  /** Seconds since 1970. */
  created: number
  model: string
  choices: [
    {
      index: 0
      message: { role: 'assistant'; content: string; refusal: null }
      logprobs: null
      finish_reason: AnswerEnding
    },
  ]
  /** Not given when a backend didn't say. */
  usage?: Usage
}

/** Of what an answer is one. `bare`: a program reads it, so that no word of ours may be in it. */
export interface Asked {
  model: string
  bare: boolean
}

/** The answer of a task that is done. */
export function completionOf(task: TaskResult, { model, bare }: Asked): Completion {
  const { id, output = '', usage, ending = 'stop' } = task
  const content = `${output}${bare ? '' : noticesIn(task)}`
  return {
    id: `chatcmpl-${id}`,
    object: 'chat.completion',
    created: now(),
    model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content, refusal: null },
        logprobs: null,
        finish_reason: ending,
      },
    ],
    ...(usage ? { usage: inTheirNames(usage) } : {}),
  }
}

const now = () => Math.floor(Date.now() / 1000)

function inTheirNames({ input, output, cached, reasoning }: TokensUsed): Usage {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: reasoning },
  }
}

/** What a person is to know of an answer, as its last lines. */
function noticesIn({ notices = [], output = '' }: TaskResult): string {
  if (notices.length === 0) return ''
  return `${output === '' ? '' : '\n\n'}${notices.map((notice) => `(${notice})`).join('\n')}`
}

/** Characters that a header may have here. */
const LONGEST_HEADER = 1000

/** The same for a client, where headers can still be sent. */
export function noticeHeader({ notices = [] }: TaskResult): Record<string, string> {
  if (notices.length === 0) return {}
  const text = notices.join('; ').replace(/[^\x20-\x7e]+/g, ' ')
  return { 'x-hai-notice': text.slice(0, LONGEST_HEADER) }
}

/** The frames of one answer as server-sent events, each ready to be written. */
export interface Frames {
  /** Says whose message it is; the first of all. */
  begin(): string
  /** More of the answer. */
  text(piece: string): string
  /** What is still to be said of a task that is done, after all of its text. */
  end(task: TaskResult): string
  /** In place of the end. */
  failed(refusal: Refusal): string
}

/** A comment, which clients pass over: that the connection is alive. */
export const ALIVE = ': waiting\n\n'

export function framesOf(taskId: string, asked: Asked & { include_usage: boolean }): Frames {
  const { model, bare, include_usage } = asked
  const head = { id: `chatcmpl-${taskId}`, object: 'chat.completion.chunk', created: now(), model }
  const chunk = (choices: object[], usage?: Usage) =>
    frame({ ...head, choices, ...(include_usage ? { usage: usage ?? null } : {}) })
  const delta = (delta: object, finish_reason: AnswerEnding | null = null) =>
    chunk([{ index: 0, delta, logprobs: null, finish_reason }])
  const text = (content: string) => (content === '' ? '' : delta({ content }))
  return {
    begin: () => delta({ role: 'assistant', content: '' }),
    text,
    end(task) {
      const { ending = 'stop', usage } = task
      const used = include_usage && usage ? chunk([], inTheirNames(usage)) : ''
      return `${bare ? '' : text(noticesIn(task))}${delta({}, ending)}${used}data: [DONE]\n\n`
    },
    failed: ({ body }) => frame(body),
  }
}

const frame = (data: object) => `data: ${JSON.stringify(data)}\n\n`

/** An answer that came together, as a stream. */
export function wholeStream(task: TaskResult, asked: Asked & { include_usage: boolean }): string {
  const frames = framesOf(task.id, asked)
  return [frames.begin(), frames.text(task.output ?? ''), frames.end(task)].join('')
}

/** An error in OpenAI's shape. */
export interface Refusal {
  status: number
  headers: Record<string, string>
  body: {
    error: {
      message: string
      type: 'invalid_request_error' | 'server_error'
      param: string | null
      code: string | null
    }
  }
}

/** Of an error of hai's what a refusal is made of; its message is without what was sent. */
export interface Told {
  code: Code
  message: string
  details?: Record<string, unknown> | undefined
}

/** An error as a route tells it. */
export const plainly = ({ code, plain, details }: HaiError): Told => ({ code, message: plain, details })

/** A request that was refused before it became a task. */
export function refusalOf({ code, message, details }: Told): Refusal {
  const { param, reason, retry_after_seconds } = details ?? {}
  const status = STATUS[code]
  const theirs = code === 'not_found' && param === 'model' ? 'model_not_found' : THEIRS[code]
  return refusal(status, {
    message: status < 500 ? message : withoutAddress(message),
    param: typeof param === 'string' ? param : null,
    code: typeof reason === 'string' ? reason : (theirs ?? code),
    // what is refused for good is not to be sent again; what can't be taken now may be
    retry: status >= 500,
    ...(retry_after_seconds === undefined ? {} : { headers: { 'retry-after': String(retry_after_seconds) } }),
  })
}

const THEIRS: Partial<Record<Code, string>> = { unauthorized: 'invalid_api_key' }

interface Why {
  message: string
  code: string
  param?: string | null
  retry?: boolean
  headers?: Record<string, string>
}

function refusal(status: number, { message, code, param = null, retry = false, headers = {} }: Why): Refusal {
  const type = status < 500 ? 'invalid_request_error' : 'server_error'
  return {
    status,
    headers: { ...headers, ...(retry ? {} : { 'x-should-retry': 'false' }) },
    body: { error: { message, type, param, code } },
  }
}

const ADDRESS = /:\/\/|\b\d{1,3}(?:\.\d{1,3}){3}\b|:\d{2,5}\b|(?:^|\s)\/\w/

/** What keeps hai from answering is the operator's; who asks learns of no address of the house. */
const withoutAddress = (message: string): string =>
  ADDRESS.test(message) ? 'there can be no answer right now; try again in a while' : message

/**
 * A task that got no answer, or has none yet, in a sentence for whoever chats: it was taken, so that no client is to send
 * it again of itself. Undefined for one that is done.
 */
export function failureOf({ id, state, error }: TaskResult): Refusal | undefined {
  if (state === 'done') return undefined
  const name = shortId(id)
  const stands = STANDS[state]
  if (stands) return refusal(503, { message: stands(name), code: state })
  const code = error?.code ?? 'failed'
  if (code === 'context_too_long') return refusal(400, { ...TOO_MUCH, code: TOO_LONG, param: 'messages' })
  if (code === 'unsupported')
    return refusal(400, { message: unsupported(error), code, param: paramIn(error) })
  const message = `${own(SAID, code) ?? 'This could not be answered.'} ${more(name)}`
  return refusal(code === 'budget' ? 429 : 503, { message, code })
}

// clients tell it from other refusals by the first words
const TOO_MUCH = {
  message:
    "this model's maximum context length is exceeded, even without what was said before; shorten it, or begin a new chat",
}

/** What the backend can't do for an answer, by the field that asks for it. */
const FIELD = /\b(?:response_format|max_tokens|stop|temperature|top_p)\b/

const paramIn = (error: TaskError | undefined): string | null => FIELD.exec(error?.message ?? '')?.[0] ?? null

const unsupported = (error: TaskError | undefined): string =>
  `${paramIn(error) ?? 'a parameter'}: the model that would answer can't do this; leave it out`

const more = (name: string) => `The operator sees why: hai task show ${name}`

/** Not every state that a task ends in says why; of those that go on nothing is lost. */
const STANDS: Partial<Record<State, (name: string) => string>> = {
  pending: (name) => goesOn('waits for its turn', name),
  running: (name) => goesOn('is being answered', name),
  awaiting_approval: (name) => goesOn('waits for a decision', name),
  cancelled: (name) => `This was cancelled. ${more(name)}`,
  expired: (name) => `There was no answer in time. ${more(name)}`,
  rejected: (name) => `This was not allowed. ${more(name)}`,
}

const goesOn = (how: string, name: string) =>
  `Your question ${how}, which takes longer than this can wait. It goes on: hai task tail ${name}`

const NO_MODEL = 'No model could be reached to answer this.'
const BROKEN = 'The model broke off, and no whole answer came.'
const LIMITED = 'The model’s provider takes no calls from here right now.'

/** Why there is no answer, without an address, a name or a command of the house. */
const SAID: Readonly<Record<string, string>> = {
  unreachable: NO_MODEL,
  unavailable: NO_MODEL,
  loading: 'The model was still being loaded.',
  certificate: NO_MODEL,
  wrong_url: NO_MODEL,
  missing: NO_MODEL,
  unusable: NO_MODEL,
  model_missing: NO_MODEL,
  no_route: 'There is no model that may answer this.',
  no_key: LIMITED,
  login_expired: LIMITED,
  quota_exhausted: LIMITED,
  rate_limited: LIMITED,
  budget: 'All that may be spent is spent.',
  stalled: BROKEN,
  cut: BROKEN,
  empty_answer: BROKEN,
  garbled: BROKEN,
  backend_error: 'The model refused the question or failed.',
  tool_call: 'The model wanted a tool instead of answering.',
  no_room: 'The answer would not fit into what the model may write.',
  refused: 'The model refused to answer this.',
}

const known = (id: string, name?: string) => ({
  id,
  object: 'model',
  created: 0,
  owned_by: 'hai',
  ...(name ? { name } : {}),
})

/** The models a chat client may choose from, the one for people first. */
export function modelList() {
  return { object: 'list', data: [known(MODEL), known(SMALL_MODEL, `${SMALL_MODEL} (titles, tags)`)] }
}

/** One of them; undefined when there is none of this name. */
export const modelOf = (id: string) => modelList().data.find((model) => model.id === id)
