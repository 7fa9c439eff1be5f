import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { jobId } from '../base/door.ts'
import type { Accepted } from '../task/shape.ts'
import { leave } from '../task/waiter.ts'
import { thenWake } from '../task/wake.ts'
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
 * The last message of a chat as a task, and its answer, waited for; the task goes on after that, but is left when the
 * client hangs up, by which Windmill stops this job. As a stream for clients that ask for one: a script's result has one body, so the words come together at the end.
 */
export async function answerChat(sql: Sql, body: unknown, caller: Caller, helper: Helper): Promise<Answered> {
  const request = chatRequest(body)
  const { chat, ...envelope } = request.envelope
  const waiter = helper.jobId ? { waiter: helper.jobId } : {}
  const sent = { ...envelope, chat: { ...chat, ...waiter } }
  const { task_id } = (await receive(sql, sent, caller, helper)) as Accepted
  const task = await waitForTask(sql, { id: task_id, seconds: WAIT_SECONDS }, caller, helper)
  if (helper.stopped?.aborted && helper.jobId)
    await thenWake(sql, leave(sql, { id: task_id, waiter: helper.jobId }, caller), helper.start)
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

/** A model as an address names it. */
export const ModelById = z.strictObject({ id: z.string().regex(/^[\w.:-]{1,100}$/) })

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
