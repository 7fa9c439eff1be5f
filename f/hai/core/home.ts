import { z } from 'zod'
import type { Caller } from './base/caller.ts'
import type { Home, State, TaskSummary } from './base/contract.ts'
import { dayBounds } from './base/dates.ts'
import type { Part, Sql } from './base/db.ts'
import { parse } from './base/errors.ts'
import { Instant } from './base/instant.ts'
import { COUNT_LIMIT, totalOf } from './base/total.ts'
import { rangeOf, sumsOf } from './cost/sums.ts'
import { backendTroubles } from './model/trouble.ts'
import { settingTroubles } from './settings.ts'
import { summaryColumns } from './task/list.ts'
import { listTodos } from './todo/list.ts'

const SHOWN = 5
const DAY_MS = 86_400_000

const Input = z.strictObject({ since: Instant.optional() })

/**
 * What matters now: what waits for a decision, runs, ended since `since` (a day ago when not given), and is due. Counts
 * are whole, lists show the first five.
 */
export async function home(sql: Sql, input: z.input<typeof Input>, caller: Caller): Promise<Home> {
  const { zone } = caller
  const as_of = new Date().toISOString()
  const since = parse(Input, input).since ?? new Date(Date.now() - DAY_MS).toISOString()
  const { to: tomorrow } = dayBounds('today', { zone, now: new Date() })
  const [waiting_for_you, running, finished, failed, counts, todos, next, backends, settings, spent_usd] =
    await Promise.all([
      active(sql, 'awaiting_approval', caller),
      active(sql, 'running', caller),
      ended(sql, sql`state = 'done'`, since, caller),
      ended(sql, sql`state in ('dead', 'expired')`, since, caller),
      countTasks(sql, since, caller),
      countTodos(sql, zone, tomorrow),
      listTodos(sql, { next: true, limit: SHOWN, zone }, caller.sees),
      backendTroubles(sql),
      settingTroubles(sql),
      spentToday(sql, caller),
    ])
  const { pending, waiting_for_you: waits, running: runs } = counts
  const problems = [...settings.broken, ...settings.guards, ...backends.problems]
  const [done, dead] = [totalOf(counts.finished), totalOf(counts.failed)]
  const capped = [
    ...(done.total_capped ? ['finished' as const] : []),
    ...(dead.total_capped ? ['failed' as const] : []),
  ]
  return {
    as_of,
    since,
    totals: {
      waiting_for_you: waits,
      running: runs,
      finished: done.total,
      failed: dead.total,
      ...(capped.length > 0 ? { capped } : {}),
    },
    waiting_for_you,
    running,
    pending,
    finished,
    failed,
    todos: { ...todos, next: next.todos },
    spent_usd,
    ...(problems.length > 0 && caller.role !== 'member' ? { problems } : {}),
  }
}

async function active(sql: Sql, state: State, caller: Caller): Promise<TaskSummary[]> {
  const rows = await sql<TaskSummary[]>`
    select ${summaryColumns(sql)} from hai.task_queue
    where state = ${state} and finished_at is null and ${caller.sees(sql)}
    order by created_at desc, id desc limit ${SHOWN}`
  return [...rows]
}

/** USD; null while nothing metered was called, and when nobody knows what one of the calls cost. */
async function spentToday(sql: Sql, { role, name, zone }: Caller): Promise<number | null> {
  const range = rangeOf({ days: 1 }, zone)
  const [all] = await sumsOf(sql, range, [], role === 'member' ? name : null)
  return all!.known_usd > 0 && all!.unknown_calls + all!.presumed_calls === 0 ? all!.known_usd : null
}

/** `as` is written out in the statement: an index of few rows is only used where it plainly fits. */
async function ended(sql: Sql, as: ReturnType<Sql>, since: string, caller: Caller): Promise<TaskSummary[]> {
  const rows = await sql<TaskSummary[]>`
    select ${summaryColumns(sql)} from hai.task_queue
    where finished_at >= ${since} and ${as} and ${caller.sees(sql)}
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
    (select count(*)::int from hai.task_queue where ${which} and ${caller.sees(sql)})`
  // in the order of the lists: so the same indexes will do
  const past = (which: Part) => sql`
    (select count(*)::int from (
      select finished_at from hai.task_queue where finished_at >= ${since} and ${which} and ${caller.sees(sql)}
      order by finished_at desc, id desc limit ${COUNT_LIMIT}) counted)`
  const [row] = await sql<[Counts]>`
    select ${current(sql`state = 'pending'`)} as pending,
      ${current(sql`state = 'awaiting_approval' and finished_at is null`)} as waiting_for_you,
      ${current(sql`state = 'running' and finished_at is null`)} as running,
      ${past(sql`state = 'done'`)} as finished,
      ${past(sql`state in ('dead', 'expired')`)} as failed`
  return row
}

/** Each open todo is in one of four groups; one that is due today and whose hour has passed is overdue. */
async function countTodos(sql: Sql, zone: string, tomorrow: string): Promise<Omit<Home['todos'], 'next'>> {
  const [row] = await sql<[Omit<Home['todos'], 'next'>]>`
    select count(*)::int as open, (count(*) filter (where late))::int as overdue,
      (count(*) filter (where soon and not late))::int as due_today,
      (count(*) filter (where not soon))::int as due_later, (count(*) filter (where soon is null))::int as undated
    from (
      select coalesce(due_at < now(), due_on < (now() at time zone ${zone})::date) as late,
        coalesce(due_at < ${tomorrow}, due_on < (${tomorrow}::timestamptz at time zone ${zone})::date) as soon
      from hai.todo where status = 'open'
    ) todo`
  return row
}
