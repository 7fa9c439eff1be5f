import { randomUUID } from 'node:crypto'
import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { jobId } from '../base/door.ts'
import type { Turn } from '../task/conversation.ts'
import type { Accepted, Said } from '../task/shape.ts'
import { receive } from './inbox.ts'
import {
  type Completion,
  completionOf,
  failureOf,
  modelOf,
  noticeHeader,
  type Refusal,
  refusalOf,
  type Told,
  wholeStream,
} from './openai_answer.ts'
import { chatRequest, unknownModel } from './openai_request.ts'
import type { Shaped } from './request.ts'
import { type Helper, waitForTask } from './wait.ts'

const WAIT_SECONDS = 300

/** A chat's answer: a completion, a stream of it, or why there is none. */
export type Answered = Shaped<Completion | string | Refusal['body']>

/**
 * The last message of a chat as a task, and its answer, waited for; the task goes on when nobody waits any more. As a
 * stream for clients that ask for one: a script's result has one body, so the words come together at the end.
 */
export async function answerChat(sql: Sql, body: unknown, caller: Caller, helper: Helper): Promise<Answered> {
  const request = chatRequest(body)
  const { chat, ...envelope } = request.envelope
  const conversation_id = chat.errand ? undefined : await conversationOf(sql, chat.turns, caller)
  const waiter = helper.jobId ? { waiter: helper.jobId } : {}
  const sent = { ...envelope, ...(conversation_id ? { conversation_id } : {}), chat: { ...chat, ...waiter } }
  const { task_id } = (await receive(sql, sent, caller, helper)) as Accepted
  const task = await waitForTask(sql, { id: task_id, seconds: WAIT_SECONDS }, caller, helper)
  const failure = failureOf(task)
  if (failure) return shaped(failure)
  const windmill_headers = noticeHeader(task)
  if (!request.stream)
    return { windmill_status_code: 200, windmill_headers, result: completionOf(task, request) }
  const result = wholeStream(task, request)
  return {
    windmill_status_code: 200,
    windmill_content_type: 'text/event-stream',
    windmill_headers,
    result,
  }
}

/** `not_found` when there is no model of this name. */
export function chatModel(id: string): object {
  const model = modelOf(id)
  if (!model) throw unknownModel()
  return model
}

/** A success with a status, or an error: a door's own, or one in OpenAI's shape already. */
interface Formed {
  windmill_status_code: number
  windmill_headers?: Record<string, string>
  result: unknown
}

/** What a route for OpenAI's clients answers: an error in their shape, and each answer with the name of its job. */
export async function inOpenAiShape(answering: Promise<object>): Promise<object> {
  const answer = await answering
  const formed =
    'windmill_status_code' in answer ? (answer as Formed) : { windmill_status_code: 200, result: answer }
  const told = isDoorsOwn(formed) ? shaped(refusalOf(formed.result.error)) : formed
  return { ...told, windmill_headers: { ...told.windmill_headers, 'x-request-id': jobId() || randomUUID() } }
}

function isDoorsOwn(answer: Formed): answer is Formed & { result: { error: Told } } {
  if (answer.windmill_status_code < 400) return false
  const { error } = answer.result as { error: object }
  return !('type' in error)
}

const shaped = ({ status, headers, body }: Refusal): Formed & { result: Refusal['body'] } => ({
  windmill_status_code: status,
  windmill_headers: headers,
  result: body,
})

/** As many of the caller's newest tasks are looked at for the conversation that a chat goes on with. */
const NEWEST = 200

/** The conversation that was said word for word, for lists and search alone: a model is shown what was sent. */
async function conversationOf(sql: Sql, earlier: Said[], caller: Caller): Promise<string | undefined> {
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
function turnsOf(messages: Said[]): Turn[] | undefined {
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
