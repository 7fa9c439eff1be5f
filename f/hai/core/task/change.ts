import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { shortId, taskId } from '../base/ids.ts'
import { chatOf } from './chat.ts'
import { type Asked, type FirstLane, laneOf, PRIORITY_SHIFT } from './envelope.ts'
import { headStartIn } from './lane.ts'
import { summaryColumns } from './list.ts'
import type { State, TaskSummary } from './shape.ts'

const Cancel = z.strictObject({ id: z.string(), reason: z.string().trim().min(1).max(1000).optional() })

/**
 * Ends a task that has not ended. Its worker, if any, learns it at its next heartbeat and keeps its slot until then;
 * what it still writes is refused. Cancelling twice is fine; any other ended task is `conflict`.
 */
export async function cancel(sql: Sql, input: z.input<typeof Cancel>, caller: Caller): Promise<TaskSummary> {
  const { id: given, reason } = parse(Cancel, input)
  const id = await taskId(sql, given, caller)
  const [task] = await cancelOpen(sql, [id], `cancelled by ${caller.name}${reason ? `: ${reason}` : ''}`)
  return task ?? already(sql, id, ['cancelled'], 'only what has not ended can be cancelled')
}

/** Ends those of these tasks that have not ended, each with `text` as the reason, and gives them. */
export async function cancelOpen(sql: Sql, ids: string[], text: string): Promise<TaskSummary[]> {
  return sql<TaskSummary[]>`
    with ended as (
      update hai.task_queue
      set state = 'cancelled', error = jsonb_build_object('code', 'cancelled', 'message', ${text}::text),
          last_seq = last_seq + 1, updated_at = now(), finished_at = now()
      where id = any(${ids}) and state in ('pending', 'running', 'awaiting_approval')
      returning *
    ), told as (
      insert into hai.task_event (task_id, seq, type, text)
      select id, last_seq, 'cancelled', ${text} from ended
    )
    select ${summaryColumns(sql)} from ended`
}

const Retry = z.strictObject({ id: z.string() })

/**
 * Puts an ended task back, into the lane that `firstLane` names: attempts and time start again, its history and its last
 * answer stay as events.
 */
export async function retry(
  sql: Sql,
  input: z.input<typeof Retry>,
  caller: Caller,
  firstLane?: FirstLane,
): Promise<TaskSummary> {
  const { id: given } = parse(Retry, input)
  const id = await taskId(sql, given, caller)
  const [asked] = await sql<(Asked & { time_zone: string | null })[]>`
    select source, content, target_agent, model, time_zone,
      array(select name from hai.artifact where task_id = ${id}) as context,
      errand, ${chatOf(sql, sql`${id}`)} as chat
    from hai.task_queue where id = ${id}`
  const { zone, dayFirst } = caller
  const clock = { zone: asked!.time_zone ?? zone, dayFirst, now: new Date() }
  const lane = firstLane?.(asked!, clock) ?? laneOf(asked!.source)
  const head = headStartIn(lane, asked!.source)
  const [task] = await sql<TaskSummary[]>`
    with old as (
      select id, output, error, state from hai.task_queue
      where id = ${id} and state in ('dead', 'cancelled', 'expired', 'rejected')
      for update
    ), freed as (
      delete from hai.lease where task_id = (select id from old)
    ), again as (
      update hai.task_queue t
      set state = 'pending', attempt = 0, round = round + 1, next_attempt = true, suspends = 0, waited = null,
          waits_for = null, run_at = now(), waiters = null, left_at = null,
          -- not where a route of before has put it
          lane = ${lane},
          claim_at = now() - make_interval(secs => ${head} + (${sql.json(PRIORITY_SHIFT)} ->> priority)::int),
          expires_at = now() + make_interval(secs => ttl_seconds),
          output = null, result = null, error = null, verdict = null, verdict_note = null,
          acknowledged_at = null, acknowledged_by = null,
          last_seq = last_seq + 1, updated_at = now(), finished_at = null
      from old where t.id = old.id
      returning t.*
    ), told as (
      insert into hai.task_event (task_id, seq, type, text, data)
      select again.id, last_seq, 'retried', 'retried by ' || ${caller.name}::text || ' after ' || old.state,
        jsonb_build_object('state', old.state, 'output', old.output, 'error', old.error)
      from again, old
    )
    select ${summaryColumns(sql)} from again`
  return task ?? already(sql, id, [], 'only dead, cancelled, expired or rejected tasks can be retried')
}

const Feedback = z.strictObject({
  id: z.string(),
  verdict: z.enum(['useful', 'noise', 'acted']),
  note: z.string().trim().min(1).max(1000).optional(),
})

/** Records what a person thinks of an ended task's answer; the last word counts. */
export async function feedback(
  sql: Sql,
  input: z.input<typeof Feedback>,
  caller: Caller,
): Promise<TaskSummary> {
  const { id: given, verdict, note } = parse(Feedback, input)
  const id = await taskId(sql, given, caller)
  const [task] = await sql<TaskSummary[]>`
    with rated as (
      update hai.task_queue
      set verdict = ${verdict}, verdict_note = ${note ?? null}, last_seq = last_seq + 1, updated_at = now()
      where id = ${id} and finished_at is not null
      returning *
    ), told as (
      insert into hai.task_event (task_id, seq, type, text)
      select id, last_seq, 'feedback', ${`${caller.name}: ${verdict}${note ? `, ${note}` : ''}`} from rated
    )
    select ${summaryColumns(sql)} from rated`
  return task ?? already(sql, id, [], 'rate it when it has ended')
}

/** The verb didn't apply: give back a task that is already where it was to go, refuse any other. */
async function already(sql: Sql, id: string, fine: State[], rule: string): Promise<TaskSummary> {
  const [task] = await sql<TaskSummary[]>`select ${summaryColumns(sql)} from hai.task_queue where id = ${id}`
  if (task && fine.includes(task.state)) return task
  throw new HaiError('conflict', `task ${shortId(id)} is ${task?.state}; ${rule}`, {
    details: { state: task?.state },
  })
}
