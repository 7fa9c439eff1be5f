import type { Caller } from '../base/caller.ts'
import type { Part, Sql } from '../base/db.ts'
import { COUNT_LIMIT, totalOf } from '../base/page.ts'
import { unacknowledged } from './acknowledge.ts'
import { REPORT } from './envelope.ts'
import { summaryColumns } from './list.ts'
import { listed } from './listed.ts'
import type { Past, State, TaskSummary, TasksNow } from './shape.ts'

const SHOWN = 5

/**
 * What waits for a decision, runs, and ended as long ago as `past` says, without errands. Alerts that fire are told as
 * that, not as tasks, unless telling of them failed. Counts are whole, lists show the first five.
 */
export async function tasksNow(sql: Sql, caller: Caller, past: Past): Promise<TasksNow> {
  const finishedAs = finishedUnseen(sql, past)
  const failedAs = sql`finished_at >= ${past.failed_since} and ${unacknowledged(sql)}`
  const [waiting_for_you, running, waiting, finished, failed, counts] = await Promise.all([
    active(sql, 'awaiting_approval', caller),
    active(sql, 'running', caller),
    stuck(sql, caller),
    ended(sql, finishedAs, caller),
    ended(sql, failedAs, caller),
    countTasks(sql, { finished: finishedAs, failed: failedAs }, caller),
  ])
  const [done, dead] = [totalOf(counts.finished), totalOf(counts.failed)]
  const capped = [
    ...(done.total_capped ? ['finished' as const] : []),
    ...(dead.total_capped ? ['failed' as const] : []),
  ]
  return {
    totals: {
      waiting_for_you: counts.waiting_for_you,
      running: counts.running,
      finished: done.total,
      failed: dead.total,
      ...(capped.length > 0 ? { capped } : {}),
    },
    waiting_for_you,
    running,
    pending: counts.pending,
    ...(waiting.length > 0 ? { waiting: await listed(sql, waiting, caller) } : {}),
    finished,
    failed,
    failed_since: past.failed_since,
  }
}

/** `state` is written out in each statement: an index of few rows is only used where it plainly fits. */
const finishedUnseen = (sql: Sql, { since, read }: Past) => sql`
  finished_at >= ${since} and state = 'done' and not errand
  -- whoever chats has been given the answer, but who left before it came
  and not (chat and left_at is null)
  and id <> all(${[...read]}::text[])
  and not (intent is not distinct from ${REPORT} and exists (
    select from hai.alert where alert.task_id = task_queue.id and alert.ended is null))`

async function active(sql: Sql, state: State, caller: Caller): Promise<TaskSummary[]> {
  const rows = await sql<TaskSummary[]>`
    select ${summaryColumns(sql)} from hai.task_queue
    where state = ${state} and finished_at is null and not errand and ${caller.sees(sql)}
    order by created_at desc, id desc limit ${SHOWN}`
  return [...rows]
}

/** What should have begun by now, and what was put off after it had; the oldest first. */
async function stuck(sql: Sql, caller: Caller): Promise<TaskSummary[]> {
  const rows = await sql<TaskSummary[]>`
    select ${summaryColumns(sql)} from hai.task_queue
    where state = 'pending' and finished_at is null and (run_at <= now() or error is not null)
      and not errand and ${caller.sees(sql)}
    order by created_at, id limit ${SHOWN}`
  return [...rows]
}

async function ended(sql: Sql, as: Part, caller: Caller): Promise<TaskSummary[]> {
  const rows = await sql<TaskSummary[]>`
    select ${summaryColumns(sql)} from hai.task_queue
    where ${as} and ${caller.sees(sql)}
    order by finished_at desc, id desc limit ${SHOWN}`
  return [...rows]
}

interface Counts {
  pending: number
  waiting_for_you: number
  running: number
  finished: number
  failed: number
}

async function countTasks(
  sql: Sql,
  { finished, failed }: { finished: Part; failed: Part },
  caller: Caller,
): Promise<Counts> {
  const current = (which: Part) => sql`
    (select count(*)::int from hai.task_queue where ${which} and not errand and ${caller.sees(sql)})`
  // in the order of the lists: so the same indexes will do
  const past = (as: Part) => sql`
    (select count(*)::int from (
      select finished_at from hai.task_queue where ${as} and ${caller.sees(sql)}
      order by finished_at desc, id desc limit ${COUNT_LIMIT}) counted)`
  const [row] = await sql<[Counts]>`
    select ${current(sql`state = 'pending'`)} as pending,
      ${current(sql`state = 'awaiting_approval' and finished_at is null`)} as waiting_for_you,
      ${current(sql`state = 'running' and finished_at is null`)} as running,
      ${past(finished)} as finished,
      ${past(failed)} as failed`
  return row
}
