import { InvalidArgumentError } from 'commander'
import type { Total } from '../../f/hai/core/base/contract.ts'
import { count } from '../command.ts'
import type { Session } from '../session.ts'

/** As many as a door gives at once. */
const PAGE = 500

export const LIMIT_OPTION = ['--limit <n>', 'at most so many, or all of them', limit] as const
export const CURSOR_OPTION = ['--cursor <cursor>', 'go on where a list ended, for scripts'] as const
export const MORE_OPTION = ['--more', 'the next page of the list last shown here'] as const

/** What `--limit` says: a whole number, or `all`. */
function limit(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY
  try {
    return count(text)
  } catch {
    throw new InvalidArgumentError('Expected a whole number from 1, or all.')
  }
}

type Page<Key extends string, Row> = Total & { next_cursor?: string; problems?: string[] } & {
  [K in Key]: Row[]
}

/** A door's list, in as many calls as `limit` takes; without one as the door cuts it. */
export async function listOf<Key extends string, Row>(
  session: Session,
  { door, key, limit }: { door: string; key: Key; limit?: number | undefined },
  args: object,
): Promise<Page<Key, Row>> {
  const call = (most: number | undefined, more: object) =>
    session.call<Page<Key, Row>>(door, {
      ...args,
      ...(most === undefined ? {} : { limit: Math.min(most, PAGE) }),
      ...more,
    })
  const first = await call(limit, {})
  if (limit === undefined) return first
  const rows = [...first[key]]
  let cursor = first.next_cursor
  while (cursor !== undefined && rows.length < limit) {
    const page = await call(limit - rows.length, { cursor })
    rows.push(...page[key])
    cursor = page.next_cursor
  }
  const { next_cursor: _, total_capped: __, ...list } = { ...first, [key]: rows }
  // whoever has walked through all of it knows how much it was
  if (cursor === undefined && !('cursor' in args))
    return { ...list, total: Math.max(rows.length, first.total) } as never
  return { ...first, ...list, ...(cursor === undefined ? {} : { next_cursor: cursor }) } as never
}

/** Says how much of a list is shown, and how to see the rest; nothing of one that is whole. */
export function noteRest(
  session: Session,
  list: Total & { next_cursor?: string },
  shown: number,
  { searched, all = '--limit all' }: { searched?: boolean; all?: string } = {},
): void {
  const { total, total_capped, next_cursor } = list
  const next = session.columns === undefined ? `--cursor ${next_cursor}` : '--more'
  const onwards = next_cursor ? `; the next ones: ${next}` : ''
  if (searched && total_capped && shown >= total) {
    session.note(`${shown} among the newest 10,000${onwards}; older ones too: ${all}`)
  } else if (total_capped) session.note(`${shown} of more than ${total}${onwards}`)
  else if (shown < total) session.note(`${shown} of ${total}${onwards}; all: ${all}`)
}

/** What was looked for, in the words of the options: `tag shop, text “batt”`. */
export function lookedFor(filters: Record<string, string | undefined>): string {
  const said = Object.entries(filters).filter(([, value]) => value !== undefined)
  return said.map(([name, value]) => `${name} “${value}”`).join(', ')
}
