import type { Caller } from '../base/caller.ts'
import type { Part, Sql } from '../base/db.ts'
import { COUNT_LIMIT, totalOf } from '../base/page.ts'
import { summaryColumns } from './list.ts'
import type { State, TaskSummary, TasksNow } from './shape.ts'

const SHOWN = 5

/** What waits for a decision, runs, and ended since `since`, without errands. Counts are whole, lists show the first five. */
export async function tasksNow(sql: Sql, caller: Caller, since: string): Promise<TasksNow> {
  const [waiting_for_you, running, finished, failed, counts] = await Promise.all([
    active(sql, 'awaiting_approval', caller),
    active(sql, 'running', caller),
    ended(sql, sql`state = 'done'`, since, caller),
    ended(sql, sql`state in ('dead', 'expired')`, since, caller),
    countTasks(sql, since, caller),
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
    finished,
    failed,
  }
}

async function active(sql: Sql, state: State, caller: Caller): Promise<TaskSummary[]> {
  const rows = await sql<TaskSummary[]>`
    select ${summaryColumns(sql)} from hai.task_queue
    where state = ${state} and finished_at is null and not errand and ${caller.sees(sql)}
    order by created_at desc, id desc limit ${SHOWN}`
  return [...rows]
}

/** `as` is written out in the statement: an index of few rows is only used where it plainly fits. */
async function ended(sql: Sql, as: Part, since: string, caller: Caller): Promise<TaskSummary[]> {
  const rows = await sql<TaskSummary[]>`
    select ${summaryColumns(sql)} from hai.task_queue
    where finished_at >= ${since} and ${as} and not errand and ${caller.sees(sql)}
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

async function countTasks(sql: Sql, since: string, caller: Caller): Promise<Counts> {
  const current = (which: Part) => sql`
    (select count(*)::int from hai.task_queue where ${which} and not errand and ${caller.sees(sql)})`
  // in the order of the lists: so the same indexes will do
  const past = (which: Part) => sql`
    (select count(*)::int from (
      select finished_at from hai.task_queue where finished_at >= ${since} and ${which} and not errand and ${caller.sees(sql)}
      order by finished_at desc, id desc limit ${COUNT_LIMIT}) counted)`
  const [row] = await sql<[Counts]>`
    select ${current(sql`state = 'pending'`)} as pending,
      ${current(sql`state = 'awaiting_approval' and finished_at is null`)} as waiting_for_you,
      ${current(sql`state = 'running' and finished_at is null`)} as running,
      ${past(sql`state = 'done'`)} as finished,
      ${past(sql`state in ('dead', 'expired')`)} as failed`
  return row
}
