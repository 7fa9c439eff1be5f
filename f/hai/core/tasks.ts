import { z } from 'zod'
import type { Caller } from './caller.ts'
import type { State, TaskEvent, TaskEvents, TaskResult, TaskView } from './contract.ts'
import type { Sql } from './db.ts'
import { HaiError, parse } from './errors.ts'
import { isFullId, taskId } from './ids.ts'
import { partialOf } from './partial.ts'
import { summaryColumns } from './task-list.ts'
import { waitingOn } from './waiting.ts'

const SHOWN_EVENTS = 100

/** Everything about one task, with why it waits and the newest 100 of its steps and events, its answer's pieces apart. */
export async function showTask(sql: Sql, given: string, caller: Caller): Promise<TaskView> {
  const id = await taskId(sql, given, caller)
  const [task] = await sql<Omit<TaskView, 'waiting_on' | 'events' | 'steps' | 'totals'>[]>`
    select ${summaryColumns(sql)}, content, output, result, task_ref, on_behalf_of, target_agent, data_tier, trace_id,
      metadata, lease_no, job_id, verdict, (select case when bool_or(usd is null or at_least and billing = 'metered') then null else sum(usd)::float8 end
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
  const told = { waiting_on, steps: [...steps], events: [...events], totals, ...(partial ? { partial } : {}) }
  return { ...task!, ...told }
}

/** How a task stands: its answer when there is one, else what had come of it; its error when it ended badly. */
export async function taskResult(sql: Sql, given: string, caller: Caller): Promise<TaskResult> {
  const id = await taskId(sql, given, caller)
  const [task] = await sql<{ [K in keyof Required<Omit<TaskResult, 'partial'>>]: TaskResult[K] | null }[]>`
    select id, state, output, result, error from hai.task_queue where id = ${id}`
  const partial = await partialOf(sql, { id, state: task!.state!, output: task!.output ?? null })
  const said = { ...task, partial: partial ?? null }
  return Object.fromEntries(
    Object.entries(said).filter(([, value]) => value !== null),
  ) as unknown as TaskResult
}

const Events = z.strictObject({
  id: z.string(),
  after: z.int().min(0).default(0),
  limit: z.int().min(1).max(1000).default(200),
})

/** The task's history after a cursor, oldest first. Nothing is skipped: numbers are given under the task's row lock. */
export async function taskEvents(
  sql: Sql,
  input: z.input<typeof Events>,
  caller: Caller,
): Promise<TaskEvents> {
  const { id: given, after, limit } = parse(Events, input)
  const id = isFullId(given) ? given : await taskId(sql, given, caller)
  const [task] = await sql<{ state: State; last_seq: number; job_id: string | null; events: TaskEvent[] }[]>`
    select state, last_seq, job_id, coalesce((
      select jsonb_agg(to_jsonb(e) - 'task_id' order by seq) from (
        select * from hai.task_event where task_id = task_queue.id and seq > ${after}::bigint order by seq limit ${limit}
      ) e
    ), '[]') as events
    from hai.task_queue where id = ${id} and ${caller.sees(sql)}`
  if (!task) throw new HaiError('not_found', `no task ${given}; see hai task ls`)
  const { job_id, ...rest } = task
  // JSON that Postgres made has its own form of a time
  const events = task.events.map((event) => ({ ...event, at: new Date(event.at).toISOString() }))
  return { ...rest, events, ...(job_id ? { job_id } : {}) }
}
