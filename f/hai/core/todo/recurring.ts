import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import { type Clock, isDay, today } from '../base/dates.ts'
import { inTransaction, type Sql } from '../base/db.ts'
import { HaiError, parse, shown } from '../base/errors.ts'
import { newId, shortId, todoId } from '../base/ids.ts'
import { asItWas, type Hand, type Kept, wasWritten, writeAdded, writeDown } from './journal.ts'
import { todoColumns } from './list.ts'
import { dueOn, firstDue, isStride, nextDue, type Recurrence, settled } from './recurrence.ts'
import { parseRecurrence, recurrenceText } from './recurrence_words.ts'
import type { Todo, TodoStatus } from './shape.ts'

/** A rule as somebody gives it beside a text, with or without "every". `invalid` when it is none. */
export function readRecurrence(text: string, clock: Clock): Recurrence {
  const rule = parseRecurrence(text, clock) ?? parseRecurrence(`every ${text}`, clock)
  if (rule) return rule
  const cure =
    'is not how often; try "every monday", "every 2 weeks", "monthly on the 1st at 9:00" or "every 3 days after it is done"'
  throw new HaiError('invalid', `recur: ${shown(text)} ${cure}`, { plain: `recur ${cure}` })
}

/** The columns of a todo that recurs by `rule`: its date is the first of the rule where none was given. */
export function recurringFrom(
  rule: Recurrence,
  given: string | null,
  clock: Clock,
): { due: string; recur: string } {
  const due = given && isDay(given) ? dueOn(given, rule, clock.zone) : (given ?? firstDue(rule, clock))
  if (due === undefined) throw new HaiError('invalid', 'recur: there is no date like this any more')
  return { due, recur: recurrenceText(settled(rule, due, clock.zone)) }
}

/** The same for a todo that has a date: that stays where it is somebody's own, or what the rule is counted from. */
export function recurringNow(rule: Recurrence, was: Kept, clock: Clock): { due: string; recur: string } {
  const stays = was.recur === null || rule.unit === 'day' || isStride(rule)
  return recurringFrom(rule, stays ? dueOf(was) : null, clock)
}

/** What a change of its status makes of the rest of a series; the next one, where that is put down. */
export async function carryOn(
  tx: Sql,
  id: string,
  [before, after]: [TodoStatus, TodoStatus],
  hand: Hand & Seer,
): Promise<Todo | undefined> {
  if (before !== 'done' && after === 'done') return putDownNext(tx, id, hand)
  if (before !== 'open' && after === 'open') await takeNextAway(tx, id, hand)
  return undefined
}

type Seer = Pick<Caller, 'zone' | 'sees'>

/** One that recurs is followed by one, however often it is done. */
async function putDownNext(
  tx: Sql,
  id: string,
  { zone, sees, ...hand }: Hand & Seer,
): Promise<Todo | undefined> {
  const { recur, recur_zone, ...was } = await currentOf(tx, id)
  if (recur === null) return undefined
  const clock = { zone: recur_zone!, now: new Date() }
  const due = nextDue(ruleOf(id, recur, clock), dueOf(was), clock)
  if (due === undefined) return undefined
  const [next] = await tx<Todo[]>`
    insert into hai.todo (id, body, tags, priority, due_on, due_at, depends_on, metadata, created_by, written_by,
      recur, recur_zone, follows)
    select ${newId()}, body, tags, priority, ${dayOf(due, zone)}::date, ${timeOf(due)}::timestamptz,
      ${await stillNeeded(tx, id)}, metadata, created_by, written_by, recur, recur_zone, id
    from hai.todo where id = ${id}
    on conflict do nothing
    returning ${todoColumns(tx, zone, sees)}`
  if (next) await writeAdded(tx, next.id, hand)
  return next
}

/** What the next one waits for: what is open of what this one waited for, or has come after that. */
async function stillNeeded(tx: Sql, id: string): Promise<string[]> {
  const rows = await tx<{ id: string }[]>`
    with recursive needed (id) as (
      select unnest(depends_on) collate "C" from hai.todo where id = ${id}
      union
      select todo.id from needed join hai.todo on todo.follows = needed.id
    )
    select todo.id from needed join hai.todo using (id) where status = 'open'`
  return rows.map((row) => row.id)
}

/** Opened again it is the present one: the next one goes as it came, unless somebody has put a hand to it. */
async function takeNextAway(tx: Sql, id: string, hand: Hand): Promise<void> {
  const [next] = await tx<{ id: string }[]>`
    select id from hai.todo
    where follows = ${id} and status = 'open' and changed_at is null and task_id is null for update`
  if (!next) return
  const { text } = await asItWas(tx, next.id)
  await tx`
    update hai.todo set status = 'dropped', closed_at = now(), closed_by = ${hand.name}, follows = null,
      changed_by = ${hand.name}, changed_at = now(), updated_at = now()
    where id = ${next.id}`
  await writeDown(tx, next.id, text, hand)
}

const Skip = z.strictObject({
  id: z.string(),
  /** The same call with the same skips once. */
  batch: z.string().min(1).max(200).optional(),
})

/** Passes over the present date of a todo that recurs: it is due at its next one. `conflict` when it is not open. */
export async function skipTodo(
  sql: Sql,
  input: z.input<typeof Skip>,
  { name, zone, sees }: Pick<Caller, 'name' | 'zone' | 'sees'>,
): Promise<Todo> {
  const { id: given, batch = newId() } = parse(Skip, input)
  return inTransaction(sql, async (tx) => {
    const id = await todoId(tx, given)
    const { text, ...was } = await asItWas(tx, id)
    if (!(await wasWritten(tx, id, { name, batch }))) {
      const due = dateAfter(id, was)
      await tx`
        update hai.todo set due_on = ${dayOf(due, zone)}::date, due_at = ${timeOf(due)}::timestamptz,
          changed_by = ${name}, changed_at = now(), updated_at = now()
        where id = ${id}`
      await writeDown(tx, id, text, { name, batch })
    }
    const [todo] = await tx<Todo[]>`select ${todoColumns(tx, zone, sees)} from hai.todo where id = ${id}`
    return todo!
  })
}

function dateAfter(id: string, was: Omit<Kept, 'text'>): string {
  const short = shortId(id)
  if (was.status !== 'open')
    throw new HaiError('conflict', `todo ${short} is ${was.status}; hai todo reopen ${short} first`)
  if (was.recur === null)
    throw new HaiError(
      'invalid',
      `todo ${short} does not recur, so there is no next date; hai todo edit ${short} --due DATE gives it one`,
    )
  const clock = { zone: was.recur_zone!, now: new Date() }
  const due = nextDue(ruleOf(id, was.recur, clock), dueOf(was), clock, { skipped: true })
  if (due !== undefined) return due
  throw new HaiError('invalid', `todo ${short} has no date after this one; hai todo drop ${short} ends it`)
}

function ruleOf(id: string, recur: string, clock: Clock): Recurrence {
  const rule = parseRecurrence(recur, clock)
  if (rule) return rule
  const short = shortId(id)
  throw new HaiError(
    'conflict',
    `todo ${short} recurs “${recur}”, which this release does not read; hai todo edit ${short} --every HOW says it anew`,
  )
}

async function currentOf(
  tx: Sql,
  id: string,
): Promise<Pick<Kept, 'due_on' | 'due_at' | 'recur' | 'recur_zone'>> {
  const [row] = await tx<[Kept]>`
    select due_on::text, to_char(due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as due_at, recur, recur_zone
    from hai.todo where id = ${id}`
  return row
}

/** The due date of a row: a time where one was said. */
const dueOf = ({ due_on, due_at }: Pick<Kept, 'due_on' | 'due_at'>): string | null => due_at ?? due_on

const timeOf = (due: string): string | null => (isDay(due) ? null : due)
const dayOf = (due: string, zone: string): string => (isDay(due) ? due : today({ zone, now: new Date(due) }))
