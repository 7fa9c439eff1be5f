import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'
import { outage, type Sql } from '../base/db.ts'
import { parse, withoutWords } from '../base/errors.ts'
import { backoff } from '../base/time.ts'
import { ringOutbox } from '../outbox/ring.ts'
import { BUILT_IN, claim, claimableLanes, hasClaimable, LANES } from '../task/lease.ts'
import { arrived, wake } from '../task/wake.ts'
import { type ExecuteOptions, execute } from './execute.ts'
import { heldTask } from './held_task.ts'
import { keep } from './keep.ts'

/** Between two looks at a queue in which another worker held what this one wanted; milliseconds, doubling. */
const PASSED_OVER = { first: 4, most: 256 }
/** Between two looks for what hai answers itself, while everything at hand waits for a model. */
const BUILT_IN_MS = 1_000

export interface WorkerOptions extends ExecuteOptions {
  /** Names the worker in events: a job, or a process elsewhere. */
  worker: string
  jobId?: string
  /** All that are served here when not given: the common ones, and those of local models. */
  lanes?: string[]
  /** Tasks at once, as long as all but one of them wait for a model. */
  concurrency?: number
  /** No new task is begun after so many seconds; those at hand are finished. */
  budgetSeconds: number
  /** Stops between tasks and gives those at hand back. */
  signal: AbortSignal
  /** It is the operator's or a schedule's; another's, `reader`'s or nobody's, may be cancelled by who rang it. */
  trusted?: boolean
}

/** Which tasks a job may have, by whose it is. */
export const scopeOf = ({ trusted, reader = '' }: Pick<WorkerOptions, 'trusted' | 'reader'>) => ({
  elsewhere: false,
  ...(trusted ? {} : { owner: reader }),
})

const Call = z.strictObject({
  /** Of this bundle's own lanes; all when none is named. */
  lanes: z.array(z.string().min(1).max(100)).max(100).default([]),
  budget_seconds: z.number().min(0).max(3600).default(600),
  concurrency: z.int().min(1).max(64).default(16),
})

/** `work` as whoever calls a worker asks for it. */
export async function answerCall(
  sql: Sql,
  input: z.input<typeof Call>,
  job: Omit<WorkerOptions, 'lanes' | 'budgetSeconds' | 'concurrency'>,
): Promise<{ ran: number }> {
  const { lanes, budget_seconds, concurrency } = parse(Call, input)
  const limits = { budgetSeconds: budget_seconds, concurrency }
  if (lanes.length === 0) return work(sql, { ...job, ...limits })
  // what only workers elsewhere can answer would be taken and given back without end
  const here = await sql<{ lane: string }[]>`
    select distinct lane from hai.lane_slot where lane = any(${lanes}) and not elsewhere`
  return here.length === 0
    ? { ran: 0 }
    : work(sql, { ...job, ...limits, lanes: lanes.filter((lane) => here.some((row) => row.lane === lane)) })
}

/**
 * Works until nothing is due or the time is used, then leaves a successor if work is due. A call is a wake-up and not
 * an assignment: nothing to claim is success.
 */
export async function work(sql: Sql, options: WorkerOptions): Promise<{ ran: number }> {
  // before the first claim: a call that counts as coming while its worker is busy would keep others from being called
  if (options.jobId) await arrived(sql, options.jobId)
  const loops = new Loops(sql, options)
  await loops.done()
  if (loops.called) await wake(sql, options.start)
  return { ran: loops.ran }
}

/** Each loop takes one task after another; while it waits for a model, another one may begin. */
class Loops {
  ran = 0
  /** Stopped by the clock or by a signal, and not because nothing was due. */
  called = false
  #sql: Sql
  #options: WorkerOptions
  #end: number
  #busy = 0
  /** Of those, the ones that wait for a model. */
  #waiting = 0
  #watched = false
  #over = new AbortController()
  /** How each ended. */
  #all: Promise<unknown>[] = []

  constructor(sql: Sql, options: WorkerOptions) {
    this.#sql = sql
    this.#options = options
    this.#end = Date.now() + options.budgetSeconds * 1000
    this.#begin()
  }

  /** Waits for all, as a task that was begun is to be finished whatever happens to another; then throws the first error, without its words. */
  async done(): Promise<void> {
    const errors: unknown[] = []
    // the list grows while it is waited for
    for (const loop of this.#all) errors.push(await loop)
    const error = errors.find((one) => one !== undefined)
    if (error) throw outage(error)?.code === 'unavailable' ? error : withoutWords(error)
  }

  #begin(): void {
    if (this.#busy < (this.#options.concurrency ?? 1)) this.#add(this.#options.lanes)
  }

  #add(lanes: string[] | undefined): void {
    this.#busy += 1
    const ended = (error?: unknown) => {
      this.#busy -= 1
      if (this.#busy === 0) this.#over.abort()
      return error
    }
    this.#all.push(this.#work(lanes).then(() => ended(), ended))
  }

  /** Another loop may begin; and while all wait, what hai answers itself is not held back by what asks models. */
  #waits(): void {
    this.#waiting += 1
    this.#begin()
    const { lanes = [BUILT_IN] } = this.#options
    if (this.#watched || !lanes.includes(BUILT_IN)) return
    this.#watched = true
    this.#all.push(this.#watch().catch((error: unknown) => error))
  }

  async #watch(): Promise<void> {
    const scope = scopeOf(this.#options)
    const over = AbortSignal.any([this.#over.signal, this.#options.signal])
    const rest = Math.max(0, this.#end - Date.now())
    const ends = AbortSignal.any([over, AbortSignal.timeout(rest)])
    for (;;) {
      await setTimeout(BUILT_IN_MS, undefined, { signal: ends }).catch(() => {})
      if (ends.aborted) return
      const idle = this.#waiting === this.#busy && (await hasClaimable(this.#sql, [BUILT_IN], scope))
      if (idle && !ends.aborted) this.#add([BUILT_IN])
    }
  }

  async #work(only: string[] | undefined): Promise<void> {
    const { worker, jobId, signal, start } = this.#options
    const lanes = only ?? [...LANES]
    const scope = scopeOf(this.#options)
    let passedOver = 0
    // where a claim looks first needs no looking up; the other lanes are few, and asked for when these have nothing
    let looked = lanes
    while (!signal.aborted && Date.now() < this.#end) {
      const job = jobId ? { job_id: jobId } : {}
      const task = await claim(this.#sql, { worker, lanes: looked, ...job, ...scope })
      if (task) {
        const handle = heldTask(this.#sql, task, start)
        let waits = 0
        const means = {
          ...this.#options,
          waits: () => {
            waits += 1
            this.#waits()
          },
        }
        await keep(handle, task.id, signal, (lost) => execute(this.#sql, task, handle, means, lost)).finally(
          () => {
            this.#waiting -= waits
          },
        )
        // what it spent may have brought a cap near
        await ringOutbox(this.#sql, start)
        this.ran += 1
        passedOver = 0
        looked = lanes
        continue
      }
      const open = await claimableLanes(this.#sql, only, scope)
      if (open.length === 0) return
      const others = open.filter((lane) => !lanes.includes(lane))
      if (looked === lanes && others.length > 0) {
        looked = others
        continue
      }
      passedOver += 1
      await setTimeout(backoff(passedOver, PASSED_OVER))
      looked = lanes
    }
    this.called = true
  }
}
