import { setTimeout } from 'node:timers/promises'
import type { Caller } from './caller.ts'
import type { ClaimedTask } from './contract.ts'
import { inTransaction, type Sql } from './db.ts'
import { HaiError } from './errors.ts'
import { shortId } from './ids.ts'
import { answer, recognise } from './intents/table.ts'
import { claim, HEARTBEAT_SECONDS, hasClaimable, heartbeat, isLeaseLost, LANES, release } from './lease.ts'
import { complete, fail } from './outcome.ts'
import { answered, failAndWake, type Start, wake } from './wakeup.ts'

/** Between two looks at a queue in which another worker held what this one wanted; milliseconds, doubling. */
const PASSED_OVER_MS = 4
const PASSED_OVER_MOST_MS = 256

export interface Shift {
  /** Names the worker in events: a job, or a process elsewhere. */
  worker: string
  jobId?: string
  lanes?: string[]
  /** No new task is begun after so many seconds; the one at hand is finished. */
  budgetSeconds: number
  /** Stops between tasks and gives the one at hand back. */
  signal: AbortSignal
  /** The caller that a task's requester is: what a task may see is what he may see. */
  principal(requester: string): Caller
  start?: Start
}

/**
 * Works until nothing is due or the time is used, then leaves a successor if work is due. A call is a wake-up and not
 * an assignment: nothing to claim is success.
 */
export async function work(sql: Sql, shift: Shift): Promise<{ ran: number }> {
  const lanes = shift.lanes ?? [...LANES]
  const end = Date.now() + shift.budgetSeconds * 1000
  let ran = 0
  let pause = PASSED_OVER_MS
  // before the first claim: a call that counts as coming while its worker is busy would keep others from being called
  if (shift.jobId) await answered(sql, shift.jobId)
  while (!shift.signal.aborted && Date.now() < end) {
    const task = await claim(sql, {
      worker: shift.worker,
      lanes,
      ...(shift.jobId ? { job_id: shift.jobId } : {}),
    })
    if (task) {
      await run(sql, task, shift)
      ran += 1
      pause = PASSED_OVER_MS
    } else if (await hasClaimable(sql, lanes)) {
      await setTimeout(pause)
      pause = Math.min(2 * pause, PASSED_OVER_MOST_MS)
    } else {
      return { ran }
    }
  }
  await wake(sql, shift.start)
  return { ran }
}

/** One task from its claim to its end. Whoever lost the lease on the way writes nothing and goes on to the next. */
async function run(sql: Sql, task: ClaimedTask, shift: Shift): Promise<void> {
  const lease = keepLease(sql, task)
  try {
    await attempt(sql, task, shift)
  } catch (error) {
    if (!isLeaseLost(error)) throw error
  } finally {
    lease.stop()
  }
}

/** An error of the work is the attempt's outcome; a lost lease, or a database that is gone, is nobody's here to write. */
async function attempt(sql: Sql, task: ClaimedTask, shift: Shift): Promise<void> {
  const { id, lease_no } = task
  try {
    if (shift.signal.aborted) await release(sql, { id, lease_no }, 'its worker was told to stop')
    else await execute(sql, task, shift.principal(task.requester))
  } catch (error) {
    if (isLeaseLost(error)) throw error
    await failed(sql, task, error, shift.start)
  }
}

/** Built-in answers cost nothing and come first; what they don't cover has nobody to go to yet. */
async function execute(sql: Sql, task: ClaimedTask, caller: Caller): Promise<void> {
  const { id, lease_no } = task
  const asker = { zone: caller.zone, now: new Date(task.run_at), task_id: id, caller }
  const known = task.context.length === 0 ? recognise(task.content, asker) : undefined
  if (!known) {
    await fail(sql, { id, lease_no, ...noRoute(task) })
    return
  }
  // what the answer did and that it is given are one fact: a crash between them can't do it twice
  await inTransaction(sql, async (tx) => {
    const reply = await answer(tx, known, asker)
    const output = reply.undo ? `${reply.text}\nundo: ${reply.undo}` : reply.text
    const result = reply.data === undefined ? {} : { result: reply.data }
    await complete(tx, { id, lease_no, output, ...result, agent: 'built-in', route: 'built-in' })
  })
}

function noRoute(task: ClaimedTask) {
  return {
    code: 'no_route',
    message:
      task.context.length > 0
        ? 'attached text needs a model, and none is configured'
        : 'no built-in command matches the whole of this, and no model is configured',
    next_step: `hai ask help shows what works without a model; to keep it: hai todo add --raw ${quote(task.content)}`,
  }
}

/** As the first line would be typed in a shell. */
function quote(content: string): string {
  const line = content.split('\n', 1)[0]!.slice(0, 80)
  return `'${line.replaceAll("'", `'\\''`)}'`
}

async function failed(sql: Sql, task: ClaimedTask, error: unknown, start: Start | undefined): Promise<void> {
  const { id, lease_no } = task
  const ours = error instanceof HaiError
  const message = error instanceof Error ? error.message : String(error)
  // a refusal will be the same tomorrow; anything else may be the weather
  const retryable = !ours || error.code === 'unavailable'
  const code = ours ? error.code : 'failed'
  if (!ours) console.error(error)
  const next_step = ours ? {} : { next_step: `hai task logs ${shortId(id)}` }
  await failAndWake(sql, { id, lease_no, code, message, retryable, ...next_step }, start)
}

/** Renews in the background. A refusal ends the renewing: the task's next write will be refused as well. */
function keepLease(sql: Sql, { id, lease_no }: ClaimedTask): { stop(): void } {
  const timer = setInterval(async () => {
    try {
      await heartbeat(sql, { id, lease_no })
    } catch (error) {
      if (error instanceof HaiError) clearInterval(timer)
      else console.error(`heartbeat of ${id} failed, tried again in ${HEARTBEAT_SECONDS} s: ${error}`)
    }
  }, HEARTBEAT_SECONDS * 1000)
  return { stop: () => clearInterval(timer) }
}
