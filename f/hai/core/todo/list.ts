import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import { brokenSettings } from '../base/config.ts'
import type { Total } from '../base/contract.ts'
import type { Part, Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { contains, normal, Tag, Text, termsOf } from '../base/normal.ts'
import { COUNT_LIMIT, cut, readCursor, totalOf } from '../base/page.ts'
import { Instant } from '../base/time.ts'
import { TODO_STATUSES, type Todo, type TodoList } from './shape.ts'

/** What a todo waits for, each looked up by its id: a join might read all that is open for every row. */
const openDependencies = (sql: Sql) => sql`
  select needs.id from unnest(todo.depends_on) as needs (id)
  where (select status from hai.todo needed where needed.id = needs.id) = 'open'`

/** What a caller may see of the tasks that were made of todos. */
export type Sees = Caller['sees']

/** A todo is the household's; the answer of its task is seen by whoever may see that. */
const seen = (sql: Sql, sees: Sees, result: Part) => sql`
  case when result is not null and exists (
    select from hai.task_queue where task_queue.id = todo.task_id and ${sees(sql)}) then ${result} end`

/** Of somebody who is to see none of them. */
export const nobody: Sees = (sql) => sql`false` as ReturnType<Sees>

/** The columns of a `Todo`, in every statement that returns one; without answers where `sees` is not given. */
export const todoColumns = (sql: Sql, zone: string, sees: Sees = nobody) => sql`
  id, body, status, tags, priority,
  coalesce(to_char(due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), due_on::text) as due,
  status = 'open' and coalesce(due_at < now(), due_on < (now() at time zone ${zone})::date, false) as overdue,
  recur, follows, depends_on,
  array(${openDependencies(sql)}) as blocked_by,
  metadata, created_by, task_id, ${seen(sql, sees, sql`result`)} as result, created_at, updated_at, closed_at,
  closed_by, changed_by, changed_at`

const STATUSES = [...TODO_STATUSES, 'all'] as const

const List = z.strictObject({
  status: z
    .preprocess((given) => (typeof given === 'string' ? normal(given) : given), z.enum(STATUSES))
    .default('open'),
  tag: Tag.optional(),
  /** Words that are in its body, its tags or its result. */
  text: Text.optional(),
  /** The same, word by word, however many. */
  terms: z.array(z.string()).optional(),
  due_from: Instant.optional(),
  due_before: Instant.optional(),
  /** Only what can be done now, most pressing first. */
  next: z.boolean().default(false),
  limit: z.int().min(1).max(500).default(50),
  cursor: z.string().optional(),
  zone: z.string(),
})
type Filter = z.output<typeof List> & { sees: Sees }

/**
 * Open todos by due date, others newest first, and how many there are; `next_cursor` when there are more. Answers of tasks
 * are shown and searched as far as `sees` goes, which is nowhere when not given.
 */
export async function listTodos(
  sql: Sql,
  input: z.input<typeof List>,
  sees: Sees = nobody,
): Promise<TodoList> {
  const by = { ...parse(List, input), sees }
  if (by.next) return nextTodos(sql, by)
  const open = by.status === 'open'
  const after = by.cursor === undefined ? null : readCursor(by.cursor, { byDue: open })
  const rows = await sql<(Todo & { until?: string })[]>`
    select ${todoColumns(sql, by.zone, by.sees)} ${open ? sql`, ${untilText(sql, by.zone)} as until` : sql``}
    from hai.todo
    where ${matches(sql, by)}
      ${after && open ? sql`and (${until(sql, by.zone)}, created_at, id) > (${untilOf(sql, after.until)}, ${after.created_at}::timestamptz, ${after.id})` : sql``}
      ${after && !open ? sql`and (created_at, id) < (${after.created_at}::timestamptz, ${after.id})` : sql``}
    order by ${inOrder(sql, by)}
    limit ${by.limit + 1}`
  const { page, next_cursor } = cut(rows, by.limit)
  const todos = page.map(({ until: _, ...todo }) => todo)
  const isWhole = !next_cursor && !by.cursor
  const total = isWhole ? totalOf(todos.length) : await countTodos(sql, by)
  return { todos, ...total, ...(next_cursor ? { next_cursor } : {}) }
}

/** `listTodos` for a caller; the operator is told when the setting is not in force that says when a day begins. */
export async function todosFor(
  sql: Sql,
  input: Omit<z.input<typeof List>, 'zone'>,
  { role, sees, zone }: Caller,
): Promise<TodoList> {
  const [list, broken] = await Promise.all([
    listTodos(sql, { ...input, zone }, sees),
    role === 'operator' ? brokenSettings(sql) : [],
  ])
  const problems = broken.filter((sentence) => sentence.startsWith('budget configuration '))
  return { ...list, ...(problems.length > 0 ? { problems } : {}) }
}

const inOrder = (sql: Sql, { status, zone }: Filter) =>
  status === 'open' ? sql`${until(sql, zone)}, created_at, id` : sql`created_at desc, id desc`

/**
 * When a todo is overdue: its time, or the end of its day where the reader is, before the first moment of the next one.
 * So whatever is overdue comes first.
 */
const until = (sql: Sql, zone: string) =>
  sql`coalesce(due_at, ((due_on + 1)::timestamp at time zone ${zone}) - interval '1 millisecond', 'infinity')`

const untilText = (sql: Sql, zone: string) => sql`
  case when due_on is null then 'infinity' else (extract(epoch from ${until(sql, zone)}) * 1000)::bigint::text end`

const untilOf = (sql: Sql, text: string) =>
  text === 'infinity'
    ? sql`timestamptz 'infinity'`
    : sql`timestamptz 'epoch' + ${text}::bigint * interval '1 millisecond'`

/** How many todos are as asked, wherever a page begins. */
async function countTodos(sql: Sql, by: Filter): Promise<Total> {
  const [row] = await sql<[{ found: number }]>`
    select count(*)::int as found from (
      select created_at from hai.todo where ${matches(sql, by)}
      -- in the order of the list: so the same index will do
      order by ${inOrder(sql, by)} limit ${COUNT_LIMIT}) counted`
  return totalOf(row.found)
}

/** What is overdue comes first, then what is due within two days or urgent; then priority, due date, age. */
async function nextTodos(sql: Sql, by: Filter): Promise<TodoList> {
  const rows = await sql<(Todo & { total: number })[]>`
    -- read on its own: beside the price of the look-ups, the way to the rows would not matter to the planner
    with todo as materialized (
      select * from hai.todo where ${matches(sql, { ...by, status: 'open' })}
    )
    select ${todoColumns(sql, by.zone, by.sees)}, (count(*) over ())::int as total from todo
    where not exists (${openDependencies(sql)})
    order by
      ${until(sql, by.zone)} <= now() desc,
      coalesce(due_on <= (now() at time zone ${by.zone})::date + 2, false) or priority = 'urgent' desc,
      array_position(array['urgent', 'high', 'normal', 'low'], priority), ${until(sql, by.zone)}, created_at, id
    limit ${by.limit}`
  return { todos: rows.map(({ total: _, ...todo }) => todo), total: rows[0]?.total ?? 0 }
}

function matches(sql: Sql, by: Filter) {
  // `<> 'open'` leads to the index of closed ones, which open ones are kept out of
  const closed = sql`status = ${by.status} and status <> 'open'`
  // what was stored before tags were composed may be decomposed
  const tags = by.tag ? [...new Set([by.tag, by.tag.normalize('NFD')])] : []
  const terms = by.terms ?? (by.text ? termsOf(by.text) : [])
  return sql`
    ${by.status === 'all' ? sql`true` : by.status === 'open' ? sql`status = 'open'` : closed}
    ${by.tag ? sql`and tags && ${tags}` : sql``}
    ${contains(sql, sql`body, '#' || nullif(array_to_string(tags, ' #'), ''), ${seen(sql, by.sees, sql`result`)}`, terms)}
    ${by.due_from ? sql`and coalesce(due_at >= ${by.due_from}, due_on >= (${by.due_from}::timestamptz at time zone ${by.zone})::date)` : sql``}
    ${by.due_before ? sql`and coalesce(due_at < ${by.due_before}, due_on < (${by.due_before}::timestamptz at time zone ${by.zone})::date)` : sql``}`
}
