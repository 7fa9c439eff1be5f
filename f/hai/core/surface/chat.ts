import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import type { Accepted } from '../base/contract.ts'
import type { Sql } from '../base/db.ts'
import { HaiError, parse, short } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import { placed } from './chat_history.ts'
import { type Finish, type Usage, usageOf } from './chat_usage.ts'
import { receive } from './inbox.ts'
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

const Turn = z.looseObject({ role: z.enum(['system', 'developer', 'user', 'assistant']), content: Text })
export type ChatTurn = z.output<typeof Turn>

const none = z.array(z.unknown()).refine((given) => given.length === 0, 'hai has its own; leave it out')

/** Whether the answer is to come as a stream, and with its usage at the end. */
export const Streaming = z.looseObject({
  stream: z.boolean().default(false),
  stream_options: z.looseObject({ include_usage: z.boolean().default(false) }).optional(),
})

/** What would change the shape of the answer is refused; what only tunes a model is not hai's to pass on. */
const Chat = z.looseObject({
  model: z.string(),
  messages: z
    .array(Turn)
    .min(1)
    .refine((turns) => turns.at(-1)?.role === 'user', 'expected a last message of the user'),
  ...Streaming.shape,
  n: z.literal(1).optional(),
  tools: none.optional(),
  functions: none.optional(),
  response_format: z.looseObject({ type: z.literal('text') }).optional(),
  user: z.string().min(1).max(200).optional(),
})

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
      finish_reason: Finish
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
  const { state, output, next_step } = outcomeOf(waited)
  if (state !== 'done') {
    throw new HaiError(
      'unavailable',
      `task ${shortId(task_id)} is ${state} and goes on, though nobody waits any more; ${next_step}`,
      { details: { task_id, state } },
    )
  }
  return completion(task_id, output ?? '', await usageOf(sql, task_id))
}

function completion(
  id: string,
  content: string,
  { usage, finish }: Awaited<ReturnType<typeof usageOf>>,
): Completion {
  return {
    id: `chatcmpl-${id}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: MODEL,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content, refusal: null },
        logprobs: null,
        finish_reason: finish,
      },
    ],
    ...(usage ? { usage } : {}),
  }
}

/** The models a chat client may choose from. */
export function chatModels() {
  return { object: 'list', data: [{ id: MODEL, object: 'model', created: 0, owned_by: 'hai' }] }
}
