import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { shortId, taskId } from '../base/ids.ts'
import { backoff } from '../base/time.ts'
import { BUILT_IN, hasClaimable } from '../task/lease.ts'
import type { State, TaskResult } from '../task/shape.ts'
import { taskResult } from '../task/show.ts'
import { scopeOf, type WorkerOptions, work } from '../work/worker.ts'

/** Between two looks, milliseconds: a built-in answers at once, a model takes its time. */
const LOOK = { first: 25, most: 1000 }

/** After so long what is due waits perhaps for the very worker that waits here. */
const HELP_AFTER_MS = 1000
/** For so long tasks are begun before the next look at the one that is waited for. */
const HELP_SECONDS = 1

/** Less than Windmill lets a caller of the sync route wait. */
const MOST_SECONDS = 540

const Wait = z.strictObject({ id: z.string(), seconds: z.number().min(0).max(MOST_SECONDS) })

/** What a waiting job works with when it must. It streams nothing: it is the job of one person, and helps everybody. */
export interface Helper extends Pick<WorkerOptions, 'principal' | 'models' | 'start' | 'jobId'> {
  /** Aborts when the job is stopped, as by a caller who hangs up: then it waits for nothing and gives back what it works on. */
  stopped?: AbortSignal
}

/**
 * A task when it has ended, waits for a decision, or `seconds` are over. Only for jobs of the work pool: where all of
 * its workers wait like this, nobody would be left to do what they wait for, nor what anybody asks hai itself, so a
 * waiting job then works as well.
 */
export async function waitForTask(
  sql: Sql,
  input: z.input<typeof Wait>,
  caller: Caller,
  helper: Helper,
): Promise<TaskResult> {
  const { id: given, seconds } = parse(Wait, input)
  const id = await taskId(sql, given, caller)
  const began = Date.now()
  const end = began + seconds * 1000
  for (let looks = 1; ; looks += 1) {
    const { state, lane, elsewhere } = await look(sql, id)
    const left = end - Date.now()
    if (!isUnderWay(state) || left <= 0 || helper.stopped?.aborted) return taskResult(sql, id, caller)
    const isOurs = state === 'pending' && !elsewhere
    const lanes = isOurs ? [BUILT_IN, lane] : [BUILT_IN]
    if (Date.now() - began >= HELP_AFTER_MS) await help(sql, lanes, caller, helper)
    const pause = { ...(helper.stopped ? { signal: helper.stopped } : {}) }
    await setTimeout(Math.min(backoff(looks, LOOK), left), undefined, pause).catch(() => {})
  }
}

const isUnderWay = (state: State) => state === 'pending' || state === 'running'
interface Seen {
  state: State
  lane: string
  /** Only workers elsewhere serve its lane. */
  elsewhere: boolean
}

async function look(sql: Sql, id: string): Promise<Seen> {
  const [task] = await sql<Seen[]>`
    select state, lane,
      exists (select from hai.lane_slot s where s.lane = t.lane and s.elsewhere) as elsewhere
    from hai.task_queue t where id = ${id}`
  return task!
}

/** Takes what is due in these lanes, in its order, for a moment. */
async function help(sql: Sql, lanes: string[], { name, role }: Caller, helper: Helper): Promise<void> {
  const trusted = role === 'operator'
  if (!(await hasClaimable(sql, lanes, scopeOf({ reader: name, trusted })))) return
  const { stopped: signal = new AbortController().signal } = helper
  const shift = {
    worker: 'a job that waits',
    reader: name,
    trusted,
    lanes,
    budgetSeconds: HELP_SECONDS,
    signal,
  }
  await work(sql, { ...helper, ...shift })
}

/** How a task stands that was waited for, and where to look when there is no answer yet. */
export type Waited = TaskResult & { next_step?: string }

/** A task that was waited for. `gone`, or `budget`, when it ended without an answer. */
export function outcomeOf(task: TaskResult): Waited {
  const { id, state, error } = task
  const name = shortId(id)
  if (state === 'done') return task
  if (isUnderWay(state)) return { ...task, next_step: `hai task tail ${name}` }
  if (state === 'awaiting_approval') return { ...task, next_step: `hai task show ${name}` }
  const reason = [error?.message, error?.next_step].filter(Boolean).join('; ')
  const code = error?.code === 'budget' ? 'budget' : 'gone'
  throw new HaiError(code, `task ${name} is ${state}: ${reason || 'no reason is known'}`, {
    details: { task_id: id, state, ...(error ? { error } : {}) },
    // what is to be done next may say again what was asked
    plain: `task ${name} is ${state}: ${error?.message ?? 'no reason is known'}; hai task show ${name} says what to do`,
  })
}
