import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import { inTransaction, lockNames, type Part, type Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { shortId, todoId } from '../base/ids.ts'
import { todoColumns } from './list.ts'
import type { Todo, TodoDeed, TodoStatus, TodosUndone } from './shape.ts'

/** Columns that a change may set, and what they are called where it is told. */
const FIELDS = {
  body: 'body',
  status: 'status',
  tags: 'tags',
  priority: 'priority',
  due_on: 'due',
  due_at: 'due',
  recur: 'recur',
  recur_zone: 'recur',
  depends_on: 'depends_on',
  metadata: 'metadata',
} as const
/** Set beside one of those. */
const WITH_THEM = ['written_by', 'closed_at', 'closed_by', 'follows'] as const
const KEPT = [...Object.keys(FIELDS), ...WITH_THEM]

/** So many days a change can be taken back. */
export const KEPT_DAYS = 30

const kept = (sql: Sql) => sql`
  (select jsonb_object_agg(key, value) from jsonb_each(to_jsonb(todo)) where key = any(${KEPT}))`

/** Who changes something; what has one batch, made by one, is taken back as one. */
export interface Hand {
  name: string
  batch: string
}

/** A todo before a change: some of its columns, and all of them as `writeDown` compares them. */
export interface Kept {
  text: string
  status: TodoStatus
  due_on: string | null
  /** RFC 3339 */
  due_at: string | null
  recur: string | null
  recur_zone: string | null
}

/** Locks a todo, and gives it as it was. */
export async function asItWas(tx: Sql, id: string): Promise<Kept> {
  const [row] = await tx<{ text: string }[]>`
    select ${kept(tx)}::text as text from hai.todo where id = ${id} for update`
  return { ...(JSON.parse(row!.text) as Omit<Kept, 'text'>), text: row!.text }
}

/** Writes down what became of a todo, with all that was other before; of a change that changed nothing nothing. */
export async function writeDown(tx: Sql, id: string, was: string, { name, batch }: Hand): Promise<void> {
  await tx`
    insert into hai.todo_change (batch, todo_id, made_by, was, became)
    select ${batch}, ${id}, ${name}, jsonb_object_agg(key, old.value), jsonb_object_agg(key, new.value)
    from jsonb_each(${was}::text::jsonb) old join (
      select key, value from hai.todo, jsonb_each(${kept(tx)}) where id = ${id}) new using (key)
    where old.value <> new.value
    having count(*) > 0`
}

/** Writes down that a todo was put down. */
export async function writeAdded(tx: Sql, id: string, { name, batch }: Hand): Promise<void> {
  await tx`
    insert into hai.todo_change (batch, todo_id, made_by, became)
    select ${batch}, id, ${name}, ${kept(tx)} from hai.todo where id = ${id}`
}

/** Whether one call that came twice has changed that todo already. */
export async function wasWritten(tx: Sql, id: string, { name, batch }: Hand): Promise<boolean> {
  const rows = await tx`
    select from hai.todo_change where made_by = ${name} and batch = ${batch} and todo_id = ${id} limit 1`
  return rows.length > 0
}

const Undo = z.strictObject({
  /** The last change of this todo, in place of the last of all. */
  id: z.string().optional(),
  idempotency_key: z.string().min(1).max(200).optional(),
})

interface Change {
  id: string
  todo_id: string
  made_at: string
  was: Record<string, unknown> | null
  became: Record<string, unknown>
}

/**
 * Takes back the caller's own last change of a todo that was not taken back yet, so that called again it takes back the one
 * before. All that was done as one, or nothing: `conflict` when somebody has changed it since, and nothing is changed then;
 * `not_found` when there is nothing. With the same key the same is told again.
 */
export async function undoTodos(
  sql: Sql,
  input: z.input<typeof Undo>,
  { name, zone, sees }: Pick<Caller, 'name' | 'zone' | 'sees'>,
): Promise<TodosUndone> {
  const { id: given, idempotency_key: key } = parse(Undo, input)
  return inTransaction(sql, async (tx) => {
    const id = given === undefined ? null : await todoId(tx, given)
    await lockNames(tx, 'hai.undo', [name])
    const before = key === undefined ? [] : await changes(tx, tx`made_by = ${name} and undone_key = ${key}`)
    const found = before.length > 0 ? before : await lastOf(tx, name, id)
    if (found.length === 0) throw nothingToUndo(id)
    const ids = found.map((change) => change.todo_id)
    if (before.length === 0) {
      await tx`select from hai.todo where id = any(${ids}) order by id for update`
      for (const change of found) await takeBack(tx, change, name)
      await tx`
        update hai.todo_change set undone_at = now(), undone_key = ${key ?? null}
        where id = any(${found.map((change) => change.id)}::bigint[])`
    }
    const todos = await tx<Todo[]>`select ${todoColumns(tx, zone, sees)} from hai.todo where id = any(${ids})`
    const undone = found.map((change) => ({
      deed: deedOf(change),
      fields: deedOf(change) === 'edited' ? fieldsOf(change) : [],
      todo: todos.find((todo) => todo.id === change.todo_id)!,
    }))
    return { made_at: found[0]!.made_at, undone }
  })
}

const changes = (tx: Sql, condition: Part) => tx<Change[]>`
  select id::text, todo_id, made_at, was, became from hai.todo_change where ${condition}
  order by todo_change.id desc`

async function lastOf(tx: Sql, name: string, id: string | null): Promise<Change[]> {
  const [last] = await tx<{ batch: string }[]>`
    select batch from hai.todo_change
    where made_by = ${name} and undone_at is null
      and (${id}::text is null or batch in (
        select batch from hai.todo_change where made_by = ${name} and todo_id = ${id}))
    order by id desc limit 1`
  if (!last) return []
  return changes(tx, tx`made_by = ${name} and batch = ${last.batch} and undone_at is null`)
}

/** Nothing but what was changed then is given back, and only where it is still as it became. */
async function takeBack(tx: Sql, { id, todo_id, was }: Change, name: string): Promise<void> {
  const done = was === null ? await dropAdded(tx, id, todo_id, name) : await giveBack(tx, id, name)
  if (!done) throw await changedSince(tx, id, todo_id, name)
}

async function dropAdded(tx: Sql, id: string, todoId: string, name: string): Promise<boolean> {
  const rows = await tx`
    update hai.todo set status = 'dropped', closed_at = now(), closed_by = ${name}, changed_by = ${name}, changed_at = now(),
      -- so that the one before it can have another next one
      follows = null, updated_at = now()
    where id = ${todoId} and status = 'open' and not exists (
      select from hai.todo_change other
      where other.todo_id = todo.id and other.id > ${id}::bigint and other.made_by <> ${name} and other.undone_at is null)
    returning id`
  return rows.length > 0
}

async function giveBack(tx: Sql, id: string, name: string): Promise<boolean> {
  const rows = await tx`
    update hai.todo set body = was.body, status = was.status, tags = was.tags, priority = was.priority,
      due_on = was.due_on, due_at = was.due_at, recur = was.recur, recur_zone = was.recur_zone,
      depends_on = was.depends_on, metadata = was.metadata, written_by = was.written_by, closed_at = was.closed_at,
      closed_by = was.closed_by, follows = was.follows, changed_by = ${name}, changed_at = now(), updated_at = now()
    from hai.todo_change change, hai.todo current,
      -- what a change left alone stays as it is
      jsonb_populate_record(current, change.was) was, jsonb_populate_record(current, change.became) became
    where change.id = ${id}::bigint and current.id = change.todo_id and todo.id = current.id
      -- as values and not as texts, which may write one time in several ways
      and (became.body, became.status, became.tags, became.priority, became.due_on, became.due_at, became.recur,
        became.recur_zone, became.depends_on, became.metadata) is not distinct from
        (todo.body, todo.status, todo.tags, todo.priority, todo.due_on, todo.due_at, todo.recur,
        todo.recur_zone, todo.depends_on, todo.metadata)
      and (was.follows is null or not exists (
        select from hai.todo other where other.follows = was.follows and other.id <> todo.id))
    returning todo.id`
  return rows.length > 0
}

async function changedSince(tx: Sql, id: string, todoId: string, name: string): Promise<HaiError> {
  const [by] = await tx<{ made_by: string | null }[]>`
    select coalesce((
      select made_by from hai.todo_change other
      where other.todo_id = todo.id and other.id > ${id}::bigint and other.made_by <> ${name} and undone_at is null
      order by other.id desc limit 1), nullif(changed_by, ${name})) as made_by
    from hai.todo where id = ${todoId}`
  const who = by?.made_by ?? 'somebody'
  const short = shortId(todoId)
  return new HaiError(
    'conflict',
    `${who} changed todo ${short} since, and nothing was taken back; hai todo show ${short} shows how it is now`,
    { details: { todo_id: todoId, changed_by: who }, plain: 'the todo was changed since by somebody else' },
  )
}

const nothingToUndo = (id: string | null) =>
  new HaiError(
    'not_found',
    `there is no change of yours${id ? ` of todo ${shortId(id)}` : ' of a todo'} to take back: what was changed can be for ${KEPT_DAYS} days, once`,
    { plain: 'there is no change to take back' },
  )

function deedOf({ was, became }: Change): TodoDeed {
  if (was === null) return 'added'
  const { status } = became
  return status === 'open' ? 'reopened' : status === 'done' || status === 'dropped' ? status : 'edited'
}

function fieldsOf({ became }: Change): string[] {
  const named = Object.entries(FIELDS).filter(([column]) => column in became)
  return [...new Set(named.map(([, field]) => field))]
}

/** What is older is nobody's to take back. */
export async function forgetChanges(sql: Sql): Promise<void> {
  await sql`delete from hai.todo_change where made_at < now() - make_interval(days => ${KEPT_DAYS})`
}
