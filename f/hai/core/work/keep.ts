import type { Sql } from '../base/db.ts'
import { HaiError, withoutWords } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import type { HeldTask } from '../model/held_task.ts'
import type { AttemptFailure } from '../task/backend.ts'
import { HEARTBEAT_SECONDS, heartbeat, heldOf, isHeld, isLeaseLost, release } from '../task/lease.ts'
import type { ClaimedTask } from '../task/shape.ts'
import { failAndWake, type Start } from '../task/wake.ts'

/** What it takes to hold a task, whatever is done with it. */
export interface TaskLease extends Pick<HeldTask, 'heartbeat' | 'release' | 'fail'> {
  /** Where somebody may leave it at any moment: whether it is still to be worked on, looked at between heartbeats. */
  isHeld?: () => Promise<boolean>
}

/** Between two such looks: who stops a chat asks the next question soon, and its model may answer one at a time. */
const LOOK_MS = 500

/**
 * One task from its claim to its end: its lease is renewed meanwhile, an error of the work is the attempt's outcome, and
 * `stop` gives it back. Whoever lost the lease on the way writes nothing. A lost queue rejects: nobody here can write it.
 */
export async function keep(
  handle: TaskLease,
  id: string,
  stop: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const lease = keepLease(handle, id)
  try {
    await attempt(handle, id, stop, () => work(AbortSignal.any([lease.signal, stop])))
  } catch (error) {
    if (!isLeaseLost(error)) throw error
    await freeSlot(handle, id)
  } finally {
    lease.stop()
  }
}

/** Whoever says that a lease is lost frees its slot; what said so within a transaction has undone that with the rest. */
async function freeSlot(handle: TaskLease, id: string): Promise<void> {
  try {
    await handle.heartbeat()
  } catch (error) {
    if (!isLeaseLost(error)) console.error(`the slot of ${id} stays taken until its lease ends: ${error}`)
  }
}

async function attempt(
  handle: TaskLease,
  id: string,
  stop: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  const giveBack = () => handle.release('its worker was told to stop')
  try {
    if (stop.aborted) await giveBack()
    else await work()
  } catch (error) {
    if (isLeaseLost(error)) throw error
    if (stop.aborted) await giveBack()
    // a lease that was lost meanwhile refuses this as well, and then there is nothing to write
    else await handle.fail(failureOf(error, id))
  }
}

function failureOf(error: unknown, id: string): AttemptFailure {
  // a refusal will be the same tomorrow; anything else may be the weather
  if (error instanceof HaiError) {
    const { code, message } = error
    return { code, message, retryable: code === 'unavailable', ...nextOf(error, id) }
  }
  // the task has its words; the job, and so its log, may be somebody else's
  console.error(withoutWords(error).stack)
  return {
    code: 'failed',
    message: error instanceof Error ? error.message : String(error),
    retryable: true,
    next_step: `hai task logs ${shortId(id)}`,
  }
}

/** Whoever knows what to mend says so, and then the same task may go on; a question that is not accepted stays so. */
function nextOf({ code, details }: HaiError, id: string): { next_step?: string } {
  const cure = details?.next_step
  if (typeof cure === 'string') return { next_step: `${cure}; then hai task retry ${shortId(id)}` }
  return code === 'invalid' ? { next_step: 'change what is not accepted, and ask anew: hai ask "…"' } : {}
}

interface KeptLease {
  /** Aborts when the lease is lost: what still runs is for nobody. */
  signal: AbortSignal
  stop(): void
}

/** Renews in the background until it is stopped or the lease is lost. */
function keepLease(handle: TaskLease, id: string): KeptLease {
  const lost = new AbortController()
  const beat = async () => {
    try {
      await handle.heartbeat()
    } catch (error) {
      if (!isLeaseLost(error)) {
        console.error(`heartbeat of ${id} failed, tried again in ${HEARTBEAT_SECONDS} s: ${error}`)
        return
      }
      stop()
      lost.abort(error)
    }
  }
  // one that fails is no news: the heartbeat tells of it
  const look = async () => {
    if ((await handle.isHeld?.().catch(() => true)) === false) await beat()
  }
  const timers = [setInterval(beat, HEARTBEAT_SECONDS * 1000)]
  if (handle.isHeld) timers.push(setInterval(look, LOOK_MS))
  const stop = () => {
    for (const timer of timers) clearInterval(timer)
  }
  return { signal: lost.signal, stop }
}

/** Holds a task for a worker that has the database. */
export function leaseOf(sql: Sql, task: ClaimedTask, start?: Start): TaskLease {
  const held = heldOf(task)
  return {
    ...(task.chat ? { isHeld: () => isHeld(sql, held) } : {}),
    heartbeat: () => heartbeat(sql, held),
    release: (reason) => release(sql, held, reason),
    fail: (failure) => failAndWake(sql, { ...held, ...failure }, start),
  }
}
