import { z } from 'zod'
import { TODO_STATUSES, type Todo, type TodoList } from './contract.ts'
import { cut, readCursor } from './cursor.ts'
import type { Sql } from './db.ts'
import { parse } from './errors.ts'

/** What a todo waits for, each looked up by its id: a join might read all that is open for every row. */
const openDependencies = (sql: Sql) => sql`
  select needs.id from unnest(todo.depends_on) as needs (id)
  where (select status from hai.todo needed where needed.id = needs.id) = 'open'`

/** The columns of a `Todo`, in every statement that returns one. */
export const todoColumns = (sql: Sql, zone: string) => sql`
  id, body, status, tags, priority,
  coalesce(to_char(due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), due_on::text) as due,
  status = 'open' and coalesce(due_at < now(), due_on < (now() at time zone ${zone})::date, false) as overdue,
  depends_on,
  array(${openDependencies(sql)}) as blocked_by,
  metadata, created_by, task_id, result, created_at, updated_at, closed_at`

const List = z.strictObject({
  status: z.enum([...TODO_STATUSES, 'all']).default('open'),
  tag: z.string().optional(),
  text: z.string().trim().min(1).max(200).optional(),
  due_before: z.iso
    .datetime({ offset: true, error: 'expected a time such as 2026-11-22T18:00:00Z' })
    .optional(),
  /** Only what can be done now, most pressing first. */
  next: z.boolean().default(false),
  limit: z.int().min(1).max(500).default(50),
  cursor: z.string().optional(),
  zone: z.string(),
})

/** Open todos by due date, others newest first; `next_cursor` when there are more. */
export async function listTodos(sql: Sql, input: z.input<typeof List>): Promise<TodoList> {
  const by = parse(List, input)
  if (by.next) return nextTodos(sql, by)
  const open = by.status === 'open'
  const after = by.cursor === undefined ? null : readCursor(by.cursor, { byDay: open })
  const rows = await sql<(Todo & { day?: string })[]>`
    select ${todoColumns(sql, by.zone)} ${open ? sql`, coalesce(due_on, 'infinity')::text as day` : sql``}
    from hai.todo
    where ${matches(sql, by)}
      ${after && open ? sql`and (coalesce(due_on, 'infinity'), created_at, id) > (${after.day}::date, ${after.created_at}::timestamptz, ${after.id})` : sql``}
      ${after && !open ? sql`and (created_at, id) < (${after.created_at}::timestamptz, ${after.id})` : sql``}
    order by ${open ? sql`coalesce(due_on, 'infinity'), created_at, id` : sql`created_at desc, id desc`}
    limit ${by.limit + 1}`
  const { page, next_cursor } = cut(rows, by.limit)
  return { todos: page.map(({ day: _, ...todo }) => todo), ...(next_cursor ? { next_cursor } : {}) }
}

/** What is overdue, due within two days or urgent comes first; then priority, due date, age. */
async function nextTodos(sql: Sql, by: z.output<typeof List>): Promise<TodoList> {
  const rows = await sql<Todo[]>`
    -- read on its own: beside the price of the look-ups, the way to the rows would not matter to the planner
    with todo as materialized (
      select * from hai.todo where ${matches(sql, { ...by, status: 'open' })}
    )
    select ${todoColumns(sql, by.zone)} from todo
    where not exists (${openDependencies(sql)})
    order by
      coalesce(due_on <= (now() at time zone ${by.zone})::date + 2, false) or priority = 'urgent' desc,
      array_position(array['urgent', 'high', 'normal', 'low'], priority), due_on nulls last, created_at, id
    limit ${by.limit}`
  return { todos: [...rows] }
}

function matches(sql: Sql, by: Omit<z.output<typeof List>, 'next'>) {
  // `<> 'open'` leads to the index of closed ones, which open ones are kept out of
  const closed = sql`status = ${by.status} and status <> 'open'`
  return sql`
    ${by.status === 'all' ? sql`true` : by.status === 'open' ? sql`status = 'open'` : closed}
    ${by.tag ? sql`and tags @> ${[by.tag]}` : sql``}
    ${by.text ? sql`and to_tsvector('simple', body) @@ websearch_to_tsquery('simple', ${by.text})` : sql``}
    ${by.due_before ? sql`and coalesce(due_at < ${by.due_before}, due_on < (${by.due_before}::timestamptz at time zone ${by.zone})::date)` : sql``}`
}
