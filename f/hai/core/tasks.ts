import { z } from 'zod'
import type { Caller } from './caller.ts'
import {
  STATES,
  type State,
  type TaskEvent,
  type TaskEvents,
  type TaskList,
  type TaskResult,
  type TaskSummary,
  type TaskView,
} from './contract.ts'
import { cut, readCursor } from './cursor.ts'
import type { Sql } from './db.ts'
import { HaiError, parse } from './errors.ts'
import { isFullId, taskId } from './ids.ts'
import { waitingOn } from './waiting.ts'

const OPEN: State[] = ['pending', 'running', 'awaiting_approval']
const ENDED = STATES.filter((state) => !OPEN.includes(state))
const among = (wanted: State[], half: State[]) => wanted.filter((state) => half.includes(state))
const SHOWN_EVENTS = 100

/** The columns of a `TaskSummary`, in every statement that returns one. */
export const summaryColumns = (sql: Sql) => sql`
  id, state, source, requester, conversation_id, left(split_part(content, ${'\n'}, 1), 200) as excerpt, priority, lane,
  agent, attempt, max_attempts, error, todo_id, run_at, expires_at, created_at, started_at, finished_at`

const instant = z.iso.datetime({ offset: true, error: 'expected a time such as 2026-11-22T18:00:00Z' })

/** `open` and names of states, in any number with commas between them. */
const states = (text: string): State[] => [
  ...new Set(text.split(',').flatMap((word) => (word.trim() === 'open' ? OPEN : [word.trim() as State]))),
]

const List = z.strictObject({
  state: z
    .string()
    .refine(
      (text) => states(text).every((state) => STATES.includes(state)),
      `expected open or any of ${STATES.join(', ')}`,
    )
    .transform(states)
    .optional(),
  source: z.string().optional(),
  agent: z.string().optional(),
  requester: z.string().optional(),
  conversation_id: z.string().optional(),
  since: instant.optional(),
  until: instant.optional(),
  text: z.string().trim().min(1).max(200).optional(),
  limit: z.int().min(1).max(500).default(50),
  cursor: z.string().optional(),
})

/** Tasks the caller may see, newest first; `next_cursor` when there are more. `text` looks at the first 16,384 characters. */
export async function listTasks(sql: Sql, input: z.input<typeof List>, caller: Caller): Promise<TaskList> {
  const by = parse(List, input)
  const after = by.cursor === undefined ? null : readCursor(by.cursor)
  const page = (inState: ReturnType<Sql>) => sql<TaskSummary[]>`
    select ${summaryColumns(sql)} from hai.task_queue
    where ${caller.sees(sql)} and ${inState}
      ${by.source ? sql`and source = ${by.source}` : sql``}
      ${by.agent ? sql`and agent = ${by.agent}` : sql``}
      ${by.requester ? sql`and requester = ${by.requester}` : sql``}
      ${by.conversation_id ? sql`and conversation_id = ${by.conversation_id}` : sql``}
      ${by.since ? sql`and created_at >= ${by.since}` : sql``}
      ${by.until ? sql`and created_at < ${by.until}` : sql``}
      ${by.text ? sql`and to_tsvector('simple', left(content, 16384)) @@ websearch_to_tsquery('simple', ${by.text})` : sql``}
      ${after ? sql`and (created_at, id) < (${after.created_at}::timestamptz, ${after.id})` : sql``}
    order by created_at desc, id desc
    limit ${by.limit + 1}`
  const perState = (wanted: State[], half: ReturnType<Sql>) => sql`
    select found.* from unnest(${wanted}::text[]) as wanted (state)
    cross join lateral (${page(sql`state = wanted.state and ${half}`)}) as found`
  // a page per state, merged: `state = any(…)` would walk all of history to find the few that are open
  const rows = by.state
    ? await sql<TaskSummary[]>`
        ${perState(among(by.state, OPEN), sql`finished_at is null`)}
        union all ${perState(among(by.state, ENDED), sql`finished_at is not null`)}
        order by created_at desc, id desc
        limit ${by.limit + 1}`
    : await page(sql`true`)
  const { page: tasks, next_cursor } = cut(rows, by.limit)
  return { tasks, ...(next_cursor ? { next_cursor } : {}) }
}

/** Everything about one task, with why it waits and its last 100 steps and events, its answer's pieces apart. */
export async function showTask(sql: Sql, given: string, caller: Caller): Promise<TaskView> {
  const id = await taskId(sql, given, caller)
  const [task] = await sql<Omit<TaskView, 'waiting_on' | 'events' | 'steps'>[]>`
    select ${summaryColumns(sql)}, content, output, result, task_ref, on_behalf_of, target_agent, data_tier, trace_id,
      metadata, lease_no, job_id, verdict, (select case when bool_or(usd is null) then null else sum(usd)::float8 end
        from hai.usage where usage.task_id = task_queue.id) as cost_usd,
      coalesce((
        select jsonb_agg(jsonb_build_object('name', name, 'media_type', media_type, 'bytes', octet_length(content)) order by a.id)
        from hai.artifact a where a.task_id = task_queue.id
      ), '[]') as context
    from hai.task_queue where id = ${id}`
  const [steps, events, waiting_on] = await Promise.all([
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
    waitingOn(sql, id),
  ])
  return { ...task!, waiting_on, steps: [...steps], events: [...events] }
}

/** How a task stands: its answer when there is one, its error when it ended badly. */
export async function taskResult(sql: Sql, given: string, caller: Caller): Promise<TaskResult> {
  const id = await taskId(sql, given, caller)
  const [task] = await sql<{ [K in keyof TaskResult]-?: TaskResult[K] | null }[]>`
    select id, state, output, result, error from hai.task_queue where id = ${id}`
  return Object.fromEntries(
    Object.entries(task!).filter(([, value]) => value !== null),
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
        select * from hai.task_event where task_id = task_queue.id and seq > ${after} order by seq limit ${limit}
      ) e
    ), '[]') as events
    from hai.task_queue where id = ${id} and ${caller.sees(sql)}`
  if (!task) throw new HaiError('not_found', `no task ${given}; see hai task ls`)
  const { job_id, ...rest } = task
  // JSON that Postgres made has its own form of a time
  const events = task.events.map((event) => ({ ...event, at: new Date(event.at).toISOString() }))
  return { ...rest, events, ...(job_id ? { job_id } : {}) }
}
