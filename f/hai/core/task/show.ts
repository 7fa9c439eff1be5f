import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { isFullId, taskId } from '../base/ids.ts'
import { answerColumns } from './answered.ts'
import { summaryColumns } from './list.ts'
import { withStepFor } from './next_step.ts'
import {
  RESTRICTED,
  type State,
  type TaskEvent,
  type TaskEvents,
  type TaskResult,
  type TaskView,
} from './shape.ts'
import { waitingOn } from './waiting.ts'

const SHOWN_EVENTS = 100

/** Everything about one task, with why it waits and the newest 100 of its steps and events, its answer's pieces apart. */
export async function showTask(sql: Sql, given: string, caller: Caller): Promise<TaskView> {
  const id = await taskId(sql, given, caller)
  const [task] = await sql<Omit<TaskView, 'waiting_on' | 'events' | 'steps' | 'totals'>[]>`
    select ${summaryColumns(sql)}, content, output, result, task_ref, on_behalf_of, target_agent, model, data_tier, trace_id,
      metadata, lease_no, job_id, errand, verdict, (select case when bool_or(usd is null or at_least and billing = 'metered') then null else sum(usd)::float8 end
        from hai.usage where usage.task_id = task_queue.id) as cost_usd,
      coalesce((
        select jsonb_agg(jsonb_build_object('name', name, 'media_type', media_type, 'bytes', octet_length(content)) order by a.id)
        from hai.artifact a where a.task_id = task_queue.id
      ), '[]') as context
    from hai.task_queue where id = ${id}`
  const [steps, events, [totals], waiting_on, partial] = await Promise.all([
    sql<TaskView['steps']>`
      select * from (
        select call_id, name, state, started_at, finished_at from hai.task_step
        where task_id = ${id} order by started_at desc, call_id desc limit ${SHOWN_EVENTS}
      ) newest order by started_at, call_id`,
    sql<TaskEvent[]>`
      select seq, at, type, text, data from (
        select * from hai.task_event
        where task_id = ${id} and type <> 'delta' order by seq desc limit ${SHOWN_EVENTS}
      ) newest order by seq`,
    sql<[TaskView['totals']]>`
      select (select count(*)::int from hai.task_step where task_id = ${id}) as steps,
        (select count(*)::int from hai.task_event where task_id = ${id} and type <> 'delta') as events`,
    waitingOn(sql, id),
    partialOf(sql, task!),
  ])
  const told = {
    waiting_on: withStepFor(caller, waiting_on),
    error: withStepFor(caller, task!.error),
    steps: [...steps],
    totals,
  }
  if (isClosed(task!, caller)) return { ...task!, ...CLOSED, ...told, events: events.map(closed) }
  return { ...task!, ...told, events: [...events], ...(partial ? { partial } : {}) }
}

/** What is restricted is read by who asked it, and by nobody who only may see that it is there. */
const isClosed = (task: { data_tier: string; requester: string }, { name }: Caller): boolean =>
  task.data_tier === RESTRICTED && task.requester !== name

const CLOSED = { content: '(restricted)', output: null, result: null, metadata: {}, context: [] }

/** Its type and time; a text only where it is none of the answer's. */
const closed = ({ seq, at, type, text }: TaskEvent): TaskEvent => ({
  seq,
  at,
  type,
  text: type === 'delta' ? '' : text,
  data: {},
})

/** How a task stands: its answer when there is one with what it took, else what had come of it; its error when it ended badly. */
export async function taskResult(sql: Sql, given: string, caller: Caller): Promise<TaskResult> {
  return resultOf(sql, await taskId(sql, given, caller), caller)
}

/** The same of a task that the caller is known to see, once it has ended or waits for approval; undefined before. */
export async function outcomeOf(sql: Sql, id: string, caller: Caller): Promise<TaskResult | undefined> {
  const result = await resultOf(sql, id, caller)
  return stands(result) ? result : undefined
}

const stands = ({ state }: { state: State }) => state !== 'pending' && state !== 'running'

async function resultOf(sql: Sql, id: string, caller: Caller): Promise<TaskResult> {
  const [row] = await sql<(Stored & { requester: string; data_tier: string })[]>`
    select id, state, output, result, error, ${answerColumns(sql)}, requester, data_tier
    from hai.task_queue where id = ${id}`
  const { requester, data_tier, ...task } = row!
  const partial = await partialOf(sql, { id, state: task.state!, output: task.output ?? null })
  const told = { ...task, error: withStepFor(caller, task.error) }
  const said = isClosed({ requester, data_tier }, caller)
    ? { ...told, output: null, result: null }
    : { ...told, partial: partial ?? null }
  return Object.fromEntries(
    Object.entries(said).filter(([, value]) => value !== null),
  ) as unknown as TaskResult
}

type Stored = { [K in keyof Required<Omit<TaskResult, 'partial'>>]: TaskResult[K] | null }

const Events = z.strictObject({
  id: z.string(),
  after: z.int().min(0).default(0),
  limit: z.int().min(1).max(1000).default(200),
  with_result: z.boolean().default(false),
  with_waiting: z.boolean().default(false),
})

interface Followed {
  state: State
  last_seq: number
  job_id: string | null
  requester: string
  data_tier: string
  events: TaskEvent[]
}

/** The task's history after a cursor, oldest first. Nothing is skipped: numbers are given under the task's row lock. */
export async function taskEvents(
  sql: Sql,
  input: z.input<typeof Events>,
  caller: Caller,
): Promise<TaskEvents> {
  const { id: given, after, limit, with_result, with_waiting } = parse(Events, input)
  const id = isFullId(given) ? given : await taskId(sql, given, caller)
  const [task] = await sql<Followed[]>`
    select state, last_seq, job_id, requester, data_tier, coalesce((
      select jsonb_agg(to_jsonb(e) - 'task_id' order by seq) from (
        select * from hai.task_event where task_id = task_queue.id and seq > ${after}::bigint order by seq limit ${limit}
      ) e
    ), '[]') as events
    from hai.task_queue where id = ${id} and ${caller.sees(sql)}`
  if (!task)
    throw new HaiError('not_found', `no task ${given}; see hai task ls`, {
      plain: 'there is no task with this id; see hai task ls',
    })
  const { job_id, requester, data_tier, ...rest } = task
  // JSON that Postgres made has its own form of a time
  const timed = task.events.map((event) => ({ ...event, at: new Date(event.at).toISOString() }))
  const events = isClosed({ requester, data_tier }, caller) ? timed.map(closed) : timed
  const whole = with_result && stands(task) && events.length < limit
  const outcome = whole ? { outcome: await resultOf(sql, id, caller) } : {}
  const asked = with_waiting && !stands(task)
  const waiting = asked ? { waiting_on: withStepFor(caller, await waitingOn(sql, id)) } : {}
  return { ...rest, events, ...(job_id ? { job_id } : {}), ...outcome, ...waiting }
}

/** States of a task that ended without the whole of its answer. */
const BROKEN_OFF: readonly State[] = ['dead', 'cancelled', 'expired', 'rejected']

interface Task {
  id: string
  state: State
  output: string | null
}

/**
 * What had come of the answer of a task that ended without one, from the pieces that its history kept: those of the last
 * attempt that wrote anything. Undefined when nothing had come, and of any other task.
 */
export async function partialOf(sql: Sql, { id, state, output }: Task): Promise<string | undefined> {
  if (!BROKEN_OFF.includes(state) || output !== null) return undefined
  const pieces = await sql<{ text: string; at: number | null }[]>`
    select text, (data ->> 'at')::float8 as at from hai.task_event
    where task_id = ${id} and type = 'delta' and seq >= (
      select max(seq) from hai.task_event where task_id = ${id} and type = 'delta' and data ->> 'at' = '0')
    order by seq`
  let come = ''
  for (const { text, at } of pieces) if (at === come.length) come += text
  return come || undefined
}
