import type { Total } from './contract.ts'
import { isDay as isRealDay } from './dates.ts'
import { HaiError, shown } from './errors.ts'

interface Placed {
  id: string
  created_at: string
  /** What a list is sorted by before its time: a day, or `infinity`. */
  day?: string
}

/** A page of at most `limit` of the rows, which were asked for with one more; the cursor says that there are more. */
export function cut<Row extends Placed>(rows: Row[], limit: number): { page: Row[]; next_cursor?: string } {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  if (rows.length <= limit || !last) return { page }
  return { page, next_cursor: cursorOf(last) }
}

/** Where the page begins that follows this row. */
export function cursorOf({ id, created_at, day }: Placed): string {
  return `${day === undefined ? '' : `${day}.`}${Date.parse(created_at)}.${id}`
}

/** What `cursorOf` makes: day, time, id. Behind it a list may say as of when it is. */
export const CURSOR = /^(?:(\d{4}-\d\d-\d\d|infinity)\.)?(\d{1,14})\.([0-9A-Z]{26})(?:\.(\d{1,14}))?$/
export const CURSOR_RULE = 'expected the next_cursor of the page before'

/** Where the next page begins. `invalid` for anything that `cut` did not make for such a list. */
export function readCursor(
  cursor: string,
  list: { byDay?: boolean } = {},
): Required<Placed> & { as_of?: string } {
  const [, day = '', ms, id, asOf] = CURSOR.exec(cursor) ?? []
  const isDay = day === 'infinity' || isRealDay(day)
  if (!ms || !id || isDay !== (list.byDay ?? false)) {
    throw new HaiError('invalid', `cursor ${shown(cursor)}: ${CURSOR_RULE}`, {
      plain: `cursor: ${CURSOR_RULE}`,
    })
  }
  const at = (ms: string) => new Date(Number(ms)).toISOString()
  return { id, created_at: at(ms), day, ...(asOf ? { as_of: at(asOf) } : {}) }
}

/** So far a list is counted: to count on would mean to walk all of history. */
const MOST = 10_000

/** The `limit` of a statement that counts. */
export const COUNT_LIMIT = MOST + 1

/** How many there are, of so many that a statement with `COUNT_LIMIT` has found. */
export const totalOf = (found: number): Total =>
  found > MOST ? { total: MOST, total_capped: true } : { total: found }
