import { z } from 'zod'
import type { Caller } from './caller.ts'
import type { Home, State, TaskSummary } from './contract.ts'
import type { Sql } from './db.ts'
import { parse } from './errors.ts'
import { backendTroubles } from './model/backend-state.ts'
import { rangeOf } from './money/range.ts'
import { sumsOf } from './money/sums.ts'
import { summaryColumns } from './tasks.ts'
import { listTodos } from './todo-list.ts'

const SHOWN = 5
const DAY_MS = 86_400_000

const Input = z.strictObject({ since: z.iso.datetime({ offset: true }).optional() })

/** What matters now: what waits for a decision, runs, ended since `since` (a day ago when not given), and is due. */
export async function home(sql: Sql, input: z.input<typeof Input>, caller: Caller): Promise<Home> {
  const as_of = new Date().toISOString()
  const since = parse(Input, input).since ?? new Date(Date.now() - DAY_MS).toISOString()
  const [waiting_for_you, running, finished, failed, counts, due, { problems }, spent_usd] =
    await Promise.all([
      active(sql, 'awaiting_approval', caller),
      active(sql, 'running', caller),
      ended(sql, sql`state = 'done'`, since, caller),
      ended(sql, sql`state in ('dead', 'expired')`, since, caller),
      count(sql, caller),
      listTodos(sql, { next: true, limit: SHOWN, zone: caller.zone }),
      backendTroubles(sql),
      spentToday(sql, caller),
    ])
  const { pending, open, overdue } = counts
  return {
    as_of,
    since,
    waiting_for_you,
    running,
    pending,
    finished,
    failed,
    todos: { open, overdue, due: due.todos },
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
  return all!.known_usd > 0 && all!.unknown_calls === 0 ? all!.known_usd : null
}

/** `as` is written out in the statement: an index of few rows is only used where it plainly fits. */
async function ended(sql: Sql, as: ReturnType<Sql>, since: string, caller: Caller): Promise<TaskSummary[]> {
  const rows = await sql<TaskSummary[]>`
    select ${summaryColumns(sql)} from hai.task_queue
    where finished_at >= ${since} and ${as} and ${caller.sees(sql)}
    order by finished_at desc, id desc limit ${SHOWN}`
  return [...rows]
}

async function count(sql: Sql, caller: Caller): Promise<{ pending: number; open: number; overdue: number }> {
  const [row] = await sql<{ pending: number; open: number; overdue: number }[]>`
    select
      (select count(*)::int from hai.task_queue where state = 'pending' and ${caller.sees(sql)}) as pending,
      count(*)::int as open,
      count(*) filter (where
        coalesce(due_at < now(), due_on < (now() at time zone ${caller.zone})::date))::int as overdue
    from hai.todo where status = 'open'`
  return row!
}
