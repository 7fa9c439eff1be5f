import { setTimeout } from 'node:timers/promises'
import type { ClaimedTask } from './contract.ts'
import type { Sql } from './db.ts'
import { HaiError } from './errors.ts'
import { execute, type Means } from './execute.ts'
import { shortId } from './ids.ts'
import { claim, HEARTBEAT_SECONDS, hasClaimable, heartbeat, isLeaseLost, LANES, release } from './lease.ts'
import { answered, failAndWake, type Start, wake } from './wakeup.ts'

/** Between two looks at a queue in which another worker held what this one wanted; milliseconds, doubling. */
const PASSED_OVER_MS = 4
const PASSED_OVER_MOST_MS = 256

export interface Shift extends Means {
  /** Names the worker in events: a job, or a process elsewhere. */
  worker: string
  jobId?: string
  lanes?: string[]
  /** No new task is begun after so many seconds; the one at hand is finished. */
  budgetSeconds: number
  /** Stops between tasks and gives the one at hand back. */
  signal: AbortSignal
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
    await attempt(sql, task, shift, AbortSignal.any([lease.signal, shift.signal]))
  } catch (error) {
    if (!isLeaseLost(error)) throw error
  } finally {
    lease.stop()
  }
}

/** An error of the work is the attempt's outcome; a lost lease, or a database that is gone, is nobody's here to write. */
async function attempt(sql: Sql, task: ClaimedTask, shift: Shift, signal: AbortSignal): Promise<void> {
  const held = { id: task.id, lease_no: task.lease_no }
  try {
    if (shift.signal.aborted) await release(sql, held, 'its worker was told to stop')
    else await execute(sql, task, shift, signal)
  } catch (error) {
    if (isLeaseLost(error)) throw error
    if (shift.signal.aborted) await release(sql, held, 'its worker was told to stop')
    // a lease that was lost meanwhile refuses this as well, and then there is nothing to write
    else await failed(sql, task, error, shift.start)
  }
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

interface KeptLease {
  /** Aborts when the lease is lost: what still runs is for nobody. */
  signal: AbortSignal
  stop(): void
}

/** Renews in the background until it is stopped or the lease is lost. */
function keepLease(sql: Sql, { id, lease_no }: ClaimedTask): KeptLease {
  const lost = new AbortController()
  const timer = setInterval(async () => {
    try {
      await heartbeat(sql, { id, lease_no })
    } catch (error) {
      if (!(error instanceof HaiError)) {
        console.error(`heartbeat of ${id} failed, tried again in ${HEARTBEAT_SECONDS} s: ${error}`)
        return
      }
      clearInterval(timer)
      lost.abort(error)
    }
  }, HEARTBEAT_SECONDS * 1000)
  return { signal: lost.signal, stop: () => clearInterval(timer) }
}
