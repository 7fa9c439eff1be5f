import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { HaiError, parse, short } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import type { Turn } from '../task/conversation.ts'
import type { Accepted, AnswerEnding, TaskResult } from '../task/shape.ts'
import { receive } from './inbox.ts'
import type { Shaped } from './request.ts'
import { type Helper, outcomeOf, waitForTask } from './wait.ts'

/** The one model there is for a chat client: who answers is hai's to choose. */
const MODEL = 'hai'
const SOURCE = 'openwebui'
const WAIT_SECONDS = 300

const Text = z.union(
  [
    z.string(),
    z
      .array(z.strictObject({ type: z.literal('text'), text: z.string() }))
      .transform((parts) => parts.map(({ text }) => text).join('')),
  ],
  { error: 'expected text; hai takes no images, sound or files here' },
)

const Said = z.looseObject({ role: z.enum(['system', 'developer', 'user', 'assistant']), content: Text })

const none = z.array(z.unknown()).refine((given) => given.length === 0, 'hai has its own; leave it out')

/** Whether the answer is to come as a stream, and with its usage at the end. */
const Streaming = z.looseObject({
  stream: z.boolean().default(false),
  stream_options: z.looseObject({ include_usage: z.boolean().default(false) }).optional(),
})

/** What would change the shape of the answer is refused; what only tunes a model is not hai's to pass on. */
const Chat = z.looseObject({
  model: z.string(),
  messages: z
    .array(Said)
    .min(1)
    .refine((turns) => turns.at(-1)?.role === 'user', 'expected a last message of the user'),
  ...Streaming.shape,
  n: z.literal(1).optional(),
  tools: none.optional(),
  functions: none.optional(),
  response_format: z.looseObject({ type: z.literal('text') }).optional(),
  user: z.string().min(1).max(200).optional(),
})

interface Completion {
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

/**
 * The last message as a task, in the conversation that the earlier ones are of, and its answer, waited for. The task
 * goes on when nobody waits any more. `not_found` for another model, `gone` or `unavailable` when there is no answer.
 */
export async function completeChat(
  sql: Sql,
  body: unknown,
  caller: Caller,
  helper: Helper,
): Promise<Completion> {
  const { model, messages, user } = parse(Chat, body)
  if (model !== MODEL)
    throw new HaiError('not_found', `model ${short(model)} is not known; the one there is, is ${MODEL}`, {
      plain: `this model is not known; the one there is, is ${MODEL}`,
    })
  const place = await placed(sql, messages, caller)
  const envelope = { source: SOURCE, ...place, ...(user ? { user } : {}) }
  const { task_id } = (await receive(sql, envelope, caller, helper)) as Accepted
  const waited = await waitForTask(sql, { id: task_id, seconds: WAIT_SECONDS }, caller, helper)
  const { state, next_step } = outcomeOf(waited)
  if (state !== 'done') {
    throw new HaiError(
      'unavailable',
      `task ${shortId(task_id)} is ${state} and goes on, though nobody waits any more; ${next_step}`,
      { details: { task_id, state } },
    )
  }
  return completion(waited)
}

function completion(task: TaskResult): Completion {
  const { id, output = '', ending = 'stop' } = task
  return {
    id: `chatcmpl-${id}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: MODEL,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: output, refusal: null },
        logprobs: null,
        finish_reason: ending,
      },
    ],
    ...usageOf(task),
  }
}

/** The models a chat client may choose from. */
export function chatModels() {
  return { object: 'list', data: [{ id: MODEL, object: 'model', created: 0, owned_by: 'hai' }] }
}

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

/** As many of the caller's newest tasks are looked at for the conversation that a chat goes on with. */
const NEWEST = 200

interface Message {
  role: string
  content: string
}

/** The part of an envelope that a chat's messages make. */
interface Placed {
  content: string
  conversation_id?: string
  context?: { name: string; content: string }[]
}

/**
 * The last message as content. A chat client sends all that was said each time: where that is a conversation hai has,
 * word for word, the task is its next turn; where not, as after an edit, the earlier messages are attached.
 */
async function placed(sql: Sql, messages: Message[], caller: Caller): Promise<Placed> {
  const instructions = messages.filter(({ role }) => role === 'system' || role === 'developer')
  const said = messages.filter((message) => !instructions.includes(message))
  const earlier = said.slice(0, -1)
  const conversation_id = await conversationOf(sql, earlier, caller)
  const context = [
    ...attached(
      'instructions',
      instructions.map(({ content }) => content),
    ),
    ...attached(
      'earlier messages',
      conversation_id ? [] : earlier.map(({ role, content }) => `${role}: ${content}`),
    ),
  ]
  return {
    content: said.at(-1)!.content,
    ...(conversation_id ? { conversation_id } : {}),
    ...(context.length > 0 ? { context } : {}),
  }
}

function attached(name: string, texts: string[]): { name: string; content: string }[] {
  return texts.length > 0 ? [{ name, content: texts.join('\n\n') }] : []
}

async function conversationOf(sql: Sql, earlier: Message[], caller: Caller): Promise<string | undefined> {
  const turns = turnsOf(earlier)
  const last = turns?.at(-1)
  if (!turns || !last) return undefined
  const known = await sql<{ conversation_id: string; turns: Turn[] }[]>`
    with candidate as (
      select distinct conversation_id from (
        select conversation_id, state, content, output from hai.task_queue
        where requester = ${caller.name} order by created_at desc, id desc limit ${NEWEST}
      ) newest
      where state = 'done' and content = ${last.content} and output = ${last.output}
    )
    select conversation_id, jsonb_agg(jsonb_build_object('content', content, 'output', output) order by created_at, id) as turns
    from hai.task_queue join candidate using (conversation_id)
    where requester = ${caller.name} and state = 'done' and output is not null
    group by conversation_id`
  return known.find((conversation) => same(conversation.turns, turns))?.conversation_id
}

/** Questions each with its answer; undefined when the messages are anything else. */
function turnsOf(messages: Message[]): Turn[] | undefined {
  const isAlternating = messages.every(({ role }, at) => role === (at % 2 === 0 ? 'user' : 'assistant'))
  if (!isAlternating || messages.length % 2 === 1) return undefined
  const questions = messages.filter((_, at) => at % 2 === 0)
  return questions.map(({ content }, at) => ({
    content: content.trim(),
    output: messages[2 * at + 1]!.content,
  }))
}

const same = (these: Turn[], those: Turn[]) =>
  these.length === those.length &&
  these.every(({ content, output }, at) => content === those[at]!.content && output === those[at]!.output)

/** Tokens by OpenAI's names. */
interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
  completion_tokens_details: { reasoning_tokens: number }
}

/** Nothing where it isn't known. */
function usageOf({ usage }: TaskResult): { usage?: Usage } {
  if (!usage) return {}
  const { input, output, cached, reasoning } = usage
  return {
    usage: {
      prompt_tokens: input,
      completion_tokens: output,
      total_tokens: input + output,
      prompt_tokens_details: { cached_tokens: cached },
      completion_tokens_details: { reasoning_tokens: reasoning },
    },
  }
}

/** An error as a door answers it. */
interface Failed {
  windmill_status_code: number
  windmill_headers?: Record<string, string>
  result: { error: { code: string; message: string; details?: Record<string, unknown> } }
}

/**
 * A door's answer, an error in OpenAI's shape. A task that was taken is there, whatever became of it: OpenAI's clients
 * are told not to send it again, as they would of themselves.
 */
export async function inOpenAiShape(answering: Promise<object | Failed>): Promise<object> {
  const answer = await answering
  const { windmill_status_code, windmill_headers, result } = answer as Failed
  if (!(windmill_status_code >= 400)) return answer
  const { code, message, details } = result.error
  const type = windmill_status_code < 500 ? 'invalid_request_error' : 'server_error'
  const wasTaken = details?.task_id !== undefined
  return {
    windmill_status_code,
    windmill_headers: { ...windmill_headers, ...(wasTaken ? { 'x-should-retry': 'false' } : {}) },
    result: { error: { message, type, param: null, code } },
  }
}
