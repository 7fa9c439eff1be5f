import type { Caller } from '../base/caller.ts'
import { dayBounds } from '../base/dates.ts'
import type { Sql } from '../base/db.ts'
import { forgetChanges } from './journal.ts'
import { listTodos } from './list.ts'
import type { TodosNow } from './shape.ts'

const SHOWN = 5

/** What is due. Counts are whole, the list shows the five that come next. */
export async function now(sql: Sql, { zone, sees }: Caller): Promise<TodosNow> {
  const { to: tomorrow } = dayBounds('today', { zone, now: new Date() })
  const [counts, next] = await Promise.all([
    countTodos(sql, zone, tomorrow),
    listTodos(sql, { next: true, limit: SHOWN, zone }, sees),
  ])
  return { todos: { ...counts, next: next.todos } }
}

/** Each open todo is in one of four groups; one that is due today and whose hour has passed is overdue. */
async function countTodos(
  sql: Sql,
  zone: string,
  tomorrow: string,
): Promise<Omit<TodosNow['todos'], 'next'>> {
  const [row] = await sql<[Omit<TodosNow['todos'], 'next'>]>`
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

/** What was changed long ago is kept no longer. */
export const tend = forgetChanges
