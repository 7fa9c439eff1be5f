import type { Total } from './contract.ts'
import { HaiError, shown } from './errors.ts'

interface Placed {
  id: string
  created_at: string
  /** What a list is sorted by before its time: milliseconds since 1970, or `infinity`. */
  until?: string
}

/** A page of at most `limit` of the rows, which were asked for with one more; the cursor says that there are more. */
export function cut<Row extends Placed>(rows: Row[], limit: number): { page: Row[]; next_cursor?: string } {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  if (rows.length <= limit || !last) return { page }
  return { page, next_cursor: cursorOf(last) }
}

/** Where the page begins that follows this row. */
export function cursorOf({ id, created_at, until }: Placed): string {
  return `${until === undefined ? '' : `${until}.`}${Date.parse(created_at)}.${id}`
}

/** What `cursorOf` makes: until when, time, id. Behind it a list may say as of when it is. */
export const CURSOR = /^(?:(-?\d{1,15}|infinity)\.)?(\d{1,14})\.([0-9A-Z]{26})(?:\.(\d{1,14}))?$/
export const CURSOR_RULE = 'expected the next_cursor of the page before'

/** Where the next page begins. `invalid` for anything that `cut` did not make for such a list. */
export function readCursor(
  cursor: string,
  list: { byDue?: boolean } = {},
): Required<Placed> & { as_of?: string } {
  const [, until = '', ms, id, asOf] = CURSOR.exec(cursor) ?? []
  if (!ms || !id || (until !== '') !== (list.byDue ?? false)) {
    throw new HaiError('invalid', `cursor ${shown(cursor)}: ${CURSOR_RULE}`, {
      plain: `cursor: ${CURSOR_RULE}`,
    })
  }
  const at = (ms: string) => new Date(Number(ms)).toISOString()
  return { id, created_at: at(ms), until, ...(asOf ? { as_of: at(asOf) } : {}) }
}

/** So far a list is counted: to count on would mean to walk all of history. */
const MOST = 10_000

/** The `limit` of a statement that counts. */
export const COUNT_LIMIT = MOST + 1

/** How many there are, of so many that a statement with `COUNT_LIMIT` has found. */
export const totalOf = (found: number): Total =>
  found > MOST ? { total: MOST, total_capped: true } : { total: found }
