import { type Caller, clockOf, inZone } from '../base/caller.ts'
import { inTransaction, type Sql } from '../base/db.ts'
import { asksHai, firstLane } from '../builtin/first_lane.ts'
import { reply } from '../builtin/table.ts'
import { complete } from '../task/finish.ts'
import { leaveToModels } from '../task/lane.ts'
import { BUILT_IN, claim, heldOf } from '../task/lease.ts'
import type { ClaimedTask } from '../task/shape.ts'
import { keep, leaseOf } from './keep.ts'

/** Answers without a model when the whole of the task says what it wants; false when it doesn't, or names its agent. */
export async function answerBuiltIn(sql: Sql, task: ClaimedTask, caller: Caller): Promise<boolean> {
  const { time_zone } = task
  const as = time_zone ? inZone(caller, time_zone) : caller
  const asker = clockOf(as, { now: new Date(task.run_at), task_id: task.id, caller: as, firstLane })
  const known = asksHai(task, asker)
  if (!known) return false
  // what the answer did and that it is given are one fact: a crash between them can't do it twice
  return inTransaction(sql, async (tx) => {
    const answer = await reply(tx, known, asker, task.chat ? task : undefined)
    if (!answer) return false
    const { text, undo, data, refused } = answer
    const output = undo ? `${text}\nundo: ${undo}` : text
    const result = data === undefined ? {} : { result: data }
    const ended = { ...heldOf(task), output, ...result, agent: 'built-in', route: 'built-in' }
    await complete(tx, ended, refused)
    return true
  })
}

/** A task that was just claimed, held while it is answered so; false, with the lease as it was, when that takes a model. */
export async function answerClaimed(sql: Sql, task: ClaimedTask, caller: Caller): Promise<boolean> {
  let answered = true
  const never = new AbortController().signal
  await keep(leaseOf(sql, task), task.id, never, async () => {
    answered = await answerBuiltIn(sql, task, caller)
  })
  return answered
}

/** The job that a task came in by, and the caller that a task's requester is. */
export interface Taker {
  jobId?: string | undefined
  principal(requester: string): Caller
}

/**
 * Works on a task that was committed just now in the job that took it in, if hai answers it itself: claimed, held and ended
 * as by any other worker. False when it is not to be had, as somebody was quicker, or it waits for its turn in a
 * conversation: then it is due like any other.
 */
export async function answerAtOnce(sql: Sql, id: string, { jobId, principal }: Taker): Promise<boolean> {
  const worker = jobId ? { worker: `job ${jobId}`, job_id: jobId } : { worker: 'the door of the inbox' }
  const task = await claim(sql, { ...worker, lanes: [BUILT_IN], only: id })
  if (!task) return false
  if (!(await answerClaimed(sql, task, principal(task.requester)))) await leaveToModels(sql, task)
  return true
}
