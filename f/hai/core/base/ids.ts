import { monotonicFactory } from 'ulid'
import { z } from 'zod'
import type { Caller } from './caller.ts'
import type { Sql } from './db.ts'
import { HaiError, parse, short, shown } from './errors.ts'

const SHOWN = 6
const SHORTEST = 3

const ulid = monotonicFactory()

/** A new id: a ULID, ordered by time also within one millisecond. */
export const newId = (): string => ulid()

/** The form in which people see and type an id. */
export const shortId = (id: string): string => id.slice(-SHOWN)

/** Whether an id is whole and written as the database writes it, so that it needs no resolving. */
export const isFullId = (id: string): boolean => /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id)

/** Crockford's reading: case doesn't matter, o is 0, i and l are 1, hyphens are decoration. */
function normalise(id: string): string {
  return id.trim().toUpperCase().replaceAll('-', '').replaceAll('O', '0').replace(/[IL]/g, '1')
}

export const ID_RULE = `expected the last ${SHOWN} characters of an id, or all 26`

/** Whether it can be an id, or the end of one. */
export function isId(given: string): boolean {
  const suffix = normalise(given)
  return /^[0-9A-HJKMNP-TV-Z]+$/.test(suffix) && suffix.length >= SHORTEST && suffix.length <= 26
}

/** A task's full id from a full or a short one, among those the caller may see. `not_found`, or `conflict` with the candidates. */
export async function taskId(sql: Sql, given: string, caller: Pick<Caller, 'sees'>): Promise<string> {
  const suffix = checked('task', given)
  const rows = await sql<{ id: string; label: string }[]>`
    select id, left(content, 60) as label from hai.task_queue
    where reverse(id) >= reverse(${suffix}::text) and reverse(id) < reverse(${suffix}::text) || '~'
      and ${caller.sees(sql)}
    order by reverse(id)
    limit 6`
  return only('task', given, rows)
}

/** As `taskId`, for todos: they are the household's, so every member sees all of them. */
export async function todoId(sql: Sql, given: string): Promise<string> {
  const suffix = checked('todo', given)
  const rows = await sql<{ id: string; label: string }[]>`
    select id, left(body, 60) as label from hai.todo
    where reverse(id) >= reverse(${suffix}::text) and reverse(id) < reverse(${suffix}::text) || '~'
    order by reverse(id)
    limit 6`
  return only('todo', given, rows)
}

const Named = z.strictObject({ id: z.string() })

function checked(kind: string, given: string): string {
  // many a function takes it from a door as it is
  const { id } = parse(Named, { id: given })
  if (isId(id)) return normalise(id)
  throw new HaiError('invalid', `${kind} id ${shown(given)}: ${ID_RULE}`, { plain: `${kind} id: ${ID_RULE}` })
}

function only(kind: string, given: string, rows: { id: string; label: string }[]): string {
  if (rows.length === 1) return rows[0]!.id
  if (rows.length === 0) {
    throw new HaiError('not_found', `no ${kind} ${short(given)}; see hai ${kind} ls`, {
      plain: `there is no ${kind} with this id; see hai ${kind} ls`,
    })
  }
  const candidates = rows.slice(0, 5).map(({ id, label }) => ({ id, label }))
  const list = candidates.map(({ id, label }) => `${id} ${label}`).join(', ')
  const cure = `is ambiguous; give more characters: ${list}`
  throw new HaiError('conflict', `${kind} id ${short(given)} ${cure}`, {
    details: { candidates },
    plain: `the ${kind} id ${cure}`,
  })
}
