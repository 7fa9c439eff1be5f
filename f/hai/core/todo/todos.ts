import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type Caller, clockOf } from '../base/caller.ts'
import { type Clock, isDay } from '../base/dates.ts'
import { inTransaction, json, type Sql } from '../base/db.ts'
import { readDate } from '../base/due.ts'
import { HaiError, parse, shown } from '../base/errors.ts'
import { newId, shortId, todoId } from '../base/ids.ts'
import { Tag } from '../base/normal.ts'
import { record } from '../base/own.ts'
import { PRIORITIES } from '../task/shape.ts'
import { dueEcho, readOf } from './echo.ts'
import { asItWas, type Kept, writeAdded, writeDown } from './journal.ts'
import { todoColumns } from './list.ts'
import { carryOn, readRecurrence, recurringFrom, recurringNow } from './recurring.ts'
import {
  TODO_STATUSES,
  type Todo,
  type TodoAdded,
  type TodoChanged,
  type TodoView,
  type Unread,
} from './shape.ts'
import { parseTodoText, type TodoText } from './text.ts'

const body = z
  .string()
  .trim()
  .min(1, 'expected 1 to 10000 characters')
  .max(10_000, 'expected 1 to 10000 characters')
const tags = z
  .array(Tag)
  .max(20, 'expected at most 20 tags')
  .transform((all) => [...new Set(all)])
const metadata = record(z.unknown())

/** Of a text that is nothing but tags, a priority and a date. */
export const nothingToDo = () =>
  new HaiError(
    'invalid',
    'that says when, or under which tag, and not what is to be done; say both, as in “pay the rent due friday”',
  )

/** What is left of a body, and all of its tags, once the text was read. */
const Said = z.object({ body, tags })

const NewTodo = z.strictObject({
  body,
  /** Takes `#tag`, `due friday` and `!high` out of the body. */
  parse: z.boolean().default(false),
  /** What whoever has read the text already left in it. */
  unread: z.custom<Unread[]>().optional(),
  tags: tags.default([]),
  priority: z.enum(PRIORITIES).optional(),
  due: z.string().optional(),
  /** How often: `every monday`, `2 weeks`, `every 3 days after`. Without a date the first one is this rule's. */
  recur: z.string().optional(),
  depends_on: z.array(z.string()).max(50).default([]),
  metadata: metadata.default({}),
  created_by: z.string().min(1),
  zone: z.string(),
  /** How dates are read and shown beside the zone; no part of what is the same todo. */
  dates: z.custom<Pick<Clock, 'dayFirst' | 'tellZone'>>().optional(),
  idempotency_key: z.string().min(1).max(200).optional(),
})

/** Adds a todo. The same key with the same content gives the first todo again, with other content `conflict`. */
export async function addTodo(sql: Sql, input: z.input<typeof NewTodo>): Promise<TodoAdded> {
  const { unread, dates, ...given } = parse(NewTodo, input)
  const clock = { ...dates, zone: given.zone, now: new Date() }
  const said: TodoText = given.parse
    ? parseTodoText(given.body, clock)
    : { body: given.body, tags: [], ...(unread && { unread }) }
  if (said.body.trim() === '') throw nothingToDo()
  const date = given.due ? readDue(given.due, clock) : (said.due ?? null)
  const often = given.recur ?? said.recur
  const rule = often === undefined ? undefined : readRecurrence(often, clock)
  const { due, recur } = rule ? recurringFrom(rule, date, clock) : { due: date, recur: null }
  const text = parse(Said, { body: said.body, tags: [...given.tags, ...said.tags] })
  const digest = createHash('sha256')
    .update(JSON.stringify({ ...given, idempotency_key: undefined }))
    .digest('hex')
  const todo = await inTransaction(sql, async (tx) => {
    await forgetOldKey(tx, given.created_by, given.idempotency_key)
    const depends_on = await resolve(tx, given.depends_on)
    const [added] = await tx<Todo[]>`
      insert into hai.todo (id, body, tags, priority, due_on, due_at, depends_on, metadata, created_by,
        recur, recur_zone, idempotency_key, idempotency_until, request_digest)
      values (${newId()}, ${text.body}, ${text.tags},
        ${given.priority ?? said.priority ?? 'normal'}, ${dueOn(tx, due, given.zone)}, ${dueAt(due)}, ${depends_on},
        ${json(tx, given.metadata)}, ${given.created_by}, ${recur}, ${recur && given.zone}, ${given.idempotency_key ?? null},
        case when ${given.idempotency_key !== undefined} then now() + interval '24 hours' end, ${digest})
      on conflict do nothing
      returning ${todoColumns(tx, given.zone)}`
    if (!added) return firstWith(tx, given, digest)
    await writeAdded(tx, added.id, { name: given.created_by, batch: added.id })
    return added
  })
  return given.parse || unread ? { ...todo, read: readOf(todo, said.unread ?? [], clock) } : todo
}

/** `addTodo` for a caller, in the caller's zone. */
export async function addTodoFor(
  sql: Sql,
  given: Omit<z.input<typeof NewTodo>, 'created_by' | 'zone' | 'dates'>,
  caller: Caller,
): Promise<TodoAdded> {
  const { name, zone } = caller
  return addTodo(sql, { ...given, created_by: name, zone, dates: clockOf(caller, { now: new Date() }) })
}

async function forgetOldKey(sql: Sql, createdBy: string, key: string | undefined): Promise<void> {
  if (key === undefined) return
  await sql`
    update hai.todo set idempotency_key = null, idempotency_until = null
    where created_by = ${createdBy} and idempotency_key = ${key} and idempotency_until < now()`
}

async function firstWith(
  sql: Sql,
  given: Omit<z.output<typeof NewTodo>, 'unread' | 'dates'>,
  digest: string,
): Promise<Todo> {
  const [first] = await sql<(Todo & { request_digest: string })[]>`
    select ${todoColumns(sql, given.zone)}, request_digest from hai.todo
    where created_by = ${given.created_by} and idempotency_key = ${given.idempotency_key!}`
  if (first?.request_digest !== digest) {
    throw new HaiError(
      'conflict',
      `idempotency key ${given.idempotency_key} already belongs to another todo; send this one with a new key`,
      { plain: 'the idempotency key already belongs to another todo; send this one with a new key' },
    )
  }
  const { request_digest: _, ...todo } = first
  return todo
}

/** One todo by its full or short id, with what the caller may see of its task. */
export async function showTodo(sql: Sql, given: string, caller: Seer): Promise<TodoView> {
  const id = await todoId(sql, given)
  const [row] = await sql<(Todo & { task: TodoView['task'] | null })[]>`
    select ${todoColumns(sql, caller.zone, caller.sees)},
      (select jsonb_build_object('state', state, 'error', error)
        from hai.task_queue where task_queue.id = todo.task_id and ${caller.sees(sql)}) as task
    from hai.todo where id = ${id}`
  const { task, ...todo } = row!
  return task ? { ...todo, task } : todo
}

const Change = z.strictObject({
  id: z.string(),
  body: body.optional(),
  status: z.enum(TODO_STATUSES).optional(),
  tags: tags.optional(),
  priority: z.enum(PRIORITIES).optional(),
  /** null or an empty text takes the due date away. */
  due: z.string().nullish(),
  /** null or an empty text: it does not recur any more. */
  recur: z.string().nullish(),
  depends_on: z.array(z.string()).max(50).optional(),
  metadata: metadata.optional(),
  /** What several calls have in common that are taken back as one. */
  batch: z.string().min(1).max(200).optional(),
})

/** Who looks at a todo. */
type Seer = Pick<Caller, 'zone' | 'sees'>
type Changer = Pick<Caller, 'name' | 'zone' | 'zoneNamed' | 'dayFirst' | 'sees'>

/**
 * Changes what is given and nothing else, and keeps who did. Of one that recurs and is done there is a `next` one then. `invalid` when
 * nothing is given, or when a dependency would form a circle.
 */
export async function updateTodo(
  sql: Sql,
  input: z.input<typeof Change>,
  caller: Changer,
): Promise<TodoChanged> {
  const { zone, name, sees } = caller
  const { id: given, due: date, recur: often, batch = newId(), ...change } = parse(Change, input)
  if (
    date === undefined &&
    often === undefined &&
    Object.values(change).every((value) => value === undefined)
  ) {
    throw new HaiError(
      'invalid',
      'nothing to change; give body, status, tags, priority, due, recur, depends_on or metadata',
    )
  }
  const clock = clockOf(caller, { now: new Date() })
  const { status, ...others } = change
  const onlyStatus =
    date === undefined && often === undefined && Object.values(others).every((value) => value === undefined)
  return inTransaction(sql, async (tx) => {
    const id = await todoId(tx, given)
    // to close what is closed changes nothing
    const same = tx`(${onlyStatus} and status = ${status ?? null})`
    const was = await asItWas(tx, id)
    const { due, recur } = datesFrom({ date, often }, was, id, clock)
    const depends_on = change.depends_on ? await resolve(tx, change.depends_on) : null
    if (depends_on) await refuseCycle(tx, id, depends_on)
    const [todo] = await tx<Todo[]>`
      update hai.todo set
        written_by = case when ${change.body ?? null} <> body then ${name} else written_by end,
        body = coalesce(${change.body ?? null}, body),
        status = coalesce(${change.status ?? null}, status),
        closed_at = case coalesce(${change.status ?? null}, status) when 'open' then null else coalesce(closed_at, now()) end,
        closed_by = case when coalesce(${change.status ?? null}, status) = 'open' then null
          when ${change.status ?? null} <> status then ${name} else closed_by end,
        tags = coalesce(${change.tags ?? null}::text[], tags),
        priority = coalesce(${change.priority ?? null}, priority),
        due_on = case when ${due !== undefined} then ${dueOn(tx, due ?? null, zone)} else due_on end,
        due_at = case when ${due !== undefined} then ${dueAt(due ?? null)}::timestamptz else due_at end,
        recur = case when ${recur !== undefined} then ${recur ?? null} else recur end,
        recur_zone = case when ${recur !== undefined} then ${recur ? zone : null} else recur_zone end,
        depends_on = coalesce(${depends_on}::text[], depends_on),
        metadata = coalesce(${change.metadata ? json(tx, change.metadata) : null}::jsonb, metadata),
        changed_by = case when ${same} then changed_by else ${name} end,
        changed_at = case when ${same} then changed_at else now() end,
        updated_at = now()
      where id = ${id}
      returning ${todoColumns(tx, zone, sees)}`
    await writeDown(tx, id, was.text, { name, batch })
    const next = await carryOn(tx, id, [was.status, todo!.status], { name, batch, zone, sees })
    return next ? { ...todo!, next } : todo!
  })
}

/** What a change makes of date and rule; undefined of what stays. `invalid` for one that recurs and would have no date. */
function datesFrom(
  { date, often }: Record<'date' | 'often', string | null | undefined>,
  was: Kept,
  id: string,
  clock: Clock,
): Partial<Record<'due' | 'recur', string | null>> {
  const due = date === undefined ? undefined : date ? readDue(date, clock) : null
  if (often) {
    const rule = readRecurrence(often, clock)
    return date === undefined ? recurringNow(rule, was, clock) : recurringFrom(rule, due ?? null, clock)
  }
  const ends = often !== undefined
  if (due === null && was.recur !== null && !ends) {
    const short = shortId(id)
    throw new HaiError(
      'invalid',
      `due: todo ${short} recurs, and needs a date; hai todo stop ${short} ends that`,
      { plain: 'due: a todo that recurs needs a date; end that first' },
    )
  }
  return { ...(due !== undefined && { due }), ...(ends && { recur: null }) }
}

async function resolve(sql: Sql, ids: string[]): Promise<string[]> {
  const resolved: string[] = []
  for (const id of ids) resolved.push(await todoId(sql, id))
  return [...new Set(resolved)]
}

function readDue(text: string, clock: Clock): string {
  const read = readDate(text, clock)
  if (read && 'due' in read) return read.due
  if (read && 'either' in read) {
    const [one, other] = read.either.map((due) => `${due} for ${dueEcho(due, clock)}`)
    throw new HaiError('invalid', `due: ${shown(text)} may be two days; write ${one}, or ${other}`, {
      details: { either: read.either },
      plain: 'due may be two days; write the one that is meant as 2026-11-27',
    })
  }
  const cure = `is not a date${read ? `: ${read.none}` : ''}; try "friday", "tomorrow 17:00" or 2026-11-27`
  throw new HaiError('invalid', `due: ${shown(text)} ${cure}`, { plain: `due ${cure}` })
}

const dueAt = (due: string | null) => (due === null || isDay(due) ? null : due)

/** The day a due time falls on for the owner, so that days and times sort together. */
const dueOn = (sql: Sql, due: string | null, zone: string) =>
  due === null || isDay(due) ? sql`${due}::date` : sql`(${due}::timestamptz at time zone ${zone})::date`

/** Any fixed number: it makes two changes of dependencies wait for each other. */
const DEPENDENCY_LOCK = 4_747_001

/** `invalid`, naming the circle, when `id` would come to wait for itself. Holds until the transaction ends. */
export async function refuseCycle(tx: Sql, id: string, dependsOn: string[]): Promise<void> {
  await tx`select pg_advisory_xact_lock(${DEPENDENCY_LOCK})`
  // each todo once: between two there may be more ways than could ever be walked
  const reached = await tx<{ id: string; depends_on: string[] }[]>`
    with recursive reached (id) as (
      select unnest(${dependsOn}::text[])
      union
      select unnest(todo.depends_on) from reached join hai.todo on todo.id = reached.id
    )
    select todo.id, todo.depends_on from reached join hai.todo on todo.id = reached.id`
  const way = shortestWay(dependsOn, id, new Map(reached.map((todo) => [todo.id, todo.depends_on])))
  if (!way) return
  const path = [id, ...way].map(shortId).join(' → ')
  throw new HaiError('invalid', `depends_on: ${path} is a circle; a todo can't wait for itself`)
}

/** From any of `starts` to `goal`, both included; undefined when no way leads there. */
function shortestWay(starts: string[], goal: string, edges: Map<string, string[]>): string[] | undefined {
  const ways = new Map(starts.map((start) => [start, [start]]))
  // a Map is walked in the order of insertion, also over what is added on the way
  for (const [at, way] of ways) {
    if (at === goal) return way
    for (const next of edges.get(at) ?? []) if (!ways.has(next)) ways.set(next, [...way, next])
  }
  return undefined
}
