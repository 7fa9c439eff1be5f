import { ApiError } from './api-error.ts'
import type { Executor } from './executor.ts'
import { OPERATOR } from './identity.ts'
import type { Job } from './jobs.ts'

const HOUR_MS = 3_600_000
const ASK_AGAIN_MS = 60_000

interface Queue {
  running: number
  due: number
  next_due_at: string | null
}

/** Tells when a stack that was started on demand may stop: no call for a while, and nothing due within the hour. */
export class IdleWatch {
  #limit: number
  #lastCall = Date.now()
  #askedAt = 0

  /** Zero minutes: it never may. */
  constructor(minutes: number) {
    this.#limit = minutes * 60_000
  }

  called(): void {
    this.#lastCall = Date.now()
  }

  async mayStop(executor: Executor, busy: boolean): Promise<boolean> {
    const now = Date.now()
    if (this.#limit === 0 || busy || now - this.#lastCall < this.#limit) return false
    if (now - this.#askedAt < Math.min(ASK_AGAIN_MS, this.#limit)) return false
    this.#askedAt = now
    const lastCall = this.#lastCall
    const waits = await workWaits(executor)
    return !waits && this.#lastCall === lastCall
  }
}

/** What can't be asked counts as work that waits: a stack that stops too late costs less than a task that is late. */
async function workWaits(executor: Executor): Promise<boolean> {
  const job = await askHealth(executor)
  // A bundle without that door has no queue.
  if (!job) return false
  await job.done
  if (!job.success) return true
  const { queue } = JSON.parse(job.result ?? '{}') as { queue?: Queue }
  if (!queue || queue.running > 0 || queue.due > 0) return true
  return queue.next_due_at !== null && Date.parse(queue.next_due_at) - Date.now() < HOUR_MS
}

async function askHealth(executor: Executor): Promise<Job | undefined> {
  try {
    return await executor.submit({ path: 'f/hai/admin/health', args: {}, identity: OPERATOR })
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined
    throw error
  }
}
