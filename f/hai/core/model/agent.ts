import type { ClaimedTask } from '../contract.ts'
import { inTransaction, type Sql } from '../db.ts'
import { type Held, isLeaseLost } from '../lease.ts'
import { complete, fail } from '../outcome.ts'
import { finishStep, note, startStep } from '../steps.ts'
import { type Answer, callModel } from './call.ts'
import type { Choice, Message, Models } from './config.ts'
import { type CallFailure, classify, tokensOfFailure } from './failure.ts'
import { load } from './ollama.ts'
import { buildPrompt } from './prompt.ts'
import { Telling } from './telling.ts'
import { type Made, openUsage, settleUsage } from './usage.ts'

export interface Run {
  choice: Choice
  models: Models
  apiKey: string | undefined
  /** Aborts when the lease is lost or the worker must stop. */
  signal: AbortSignal
  /** Where the answer's text goes while it is written. */
  stream: (id: string, at: number, text: string) => void
}

/**
 * Answers one task with one model call. A call that an earlier attempt finished is read from the journal and not paid
 * again. Resolves when the task has ended or goes back for another attempt; rejects when it was aborted.
 */
export async function answerWithModel(
  sql: Sql,
  task: ClaimedTask,
  run: Run,
): Promise<{ run_at: string | null }> {
  const { choice, signal } = run
  const held = { id: task.id, lease_no: task.lease_no }
  await note(sql, held, 'route', `→ ${choice.name}/${choice.model}: ${choice.reason}`)
  try {
    const { answer, route } = await journaledCall(sql, task, run)
    if (answer.cut) await note(sql, held, 'cut', 'the answer stops at the longest that the model may write')
    await complete(sql, {
      ...held,
      output: answer.text,
      agent: 'general',
      route,
    })
    return { run_at: null }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof FailedCall)) throw error
    return fail(sql, { ...held, ...error.failure })
  }
}

/** Marks an error as the backend's: everything else is the database's or ours, and not to be explained as a call. */
class FailedCall extends Error {
  failure: CallFailure

  constructor(failure: CallFailure, cause: unknown) {
    super(failure.message, { cause })
    this.failure = failure
  }
}

/** What the journal keeps: whoever replays it may have chosen another model meanwhile. */
interface Journaled {
  answer: Answer
  route: string
}

async function journaledCall(sql: Sql, task: ClaimedTask, run: Run): Promise<Journaled> {
  const { choice } = run
  const held = { id: task.id, lease_no: task.lease_no }
  const call_id = `${task.id}:${task.round}:1`
  const route = `${choice.name}/${choice.model}`
  // what is asked, not of whom: between two attempts the model, the window or the earlier turns may change
  const request = { content: task.content }
  const step = await startStep(sql, { ...held, call_id, name: route, request })
  if (step.state === 'finished') return step.response as Journaled
  const { messages, notices } = await buildPrompt(sql, task, choice.context)
  for (const notice of notices) await note(sql, held, 'notice', notice)
  const made = { call_id: `${call_id}:${task.lease_no}`, choice }
  const response = { answer: await madeCall(sql, held, run, made, messages), route }
  try {
    await inTransaction(sql, async (tx) => {
      await finishStep(tx, { ...held, call_id, response })
      await settleUsage(tx, made, response.answer)
    })
  } catch (error) {
    // the answer came too late for its task, but it was made
    if (isLeaseLost(error)) await settleUsage(sql, made, response.answer)
    throw error
  }
  return response
}

async function madeCall(sql: Sql, held: Held, run: Run, made: Made, messages: Message[]): Promise<Answer> {
  const { choice, models, apiKey, signal } = run
  if (choice.loading) await loaded(sql, held, run)
  await openUsage(sql, made, held)
  const started = performance.now()
  const telling = new Telling(sql, held, run.stream)
  try {
    const livenessSeconds = models.liveness_seconds
    const onText = (text: string) => telling.add(text)
    return await callModel({ choice, apiKey, messages, livenessSeconds, signal, onText })
  } catch (error) {
    signal.throwIfAborted()
    const ms = Math.round(performance.now() - started)
    await settleUsage(sql, made, { tokens: tokensOfFailure(error), ms })
    throw new FailedCall(classify(error, choice), error)
  } finally {
    await telling.end()
  }
}

async function loaded(sql: Sql, held: Held, { choice, signal }: Run): Promise<void> {
  await note(sql, held, 'loading', `loading ${choice.model} into memory`)
  try {
    await load(choice, signal)
  } catch (error) {
    signal.throwIfAborted()
    throw new FailedCall(classify(error, choice), error)
  }
}
