import { z } from 'zod'
import { addDays, type Clock, dayBounds, isDay, today } from '../base/dates.ts'
import type { Part, Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { own } from '../base/own.ts'
import { Zone } from '../base/time.ts'
import { presumedOf } from './counters.ts'
import { type Amount, BREAKDOWNS } from './shape.ts'

/** A week, today included. */
const USUAL_DAYS = 7
/** Enough for ten years. */
const MOST_DAYS = 3660

/** Which days a report is of: `since` and `until` included, or so many days up to `until` or today. */
export const Days = z.strictObject({
  since: z.string().optional(),
  until: z.string().optional(),
  days: z.int().min(1).max(MOST_DAYS).optional(),
  /** IANA zone in which days are meant; the configured one when not given. */
  tz: Zone.optional(),
})

export interface Range {
  since: string
  /** Included. */
  until: string
  days: number
  zone: string
  /** The same in UTC: first instant, and the first one after. */
  from: string
  to: string
}

/** The days meant; `invalid` for a bad one. */
export function rangeOf(given: z.output<typeof Days>, zone: string, now = new Date()): Range {
  const clock = { zone: given.tz ?? zone, now }
  const { days } = given
  if (days !== undefined && given.since !== undefined && given.until !== undefined)
    throw new HaiError('invalid', `days: ${days} with since and until says it twice; leave one of them out`)
  const since = given.since === undefined ? undefined : day('since', given.since, clock)
  const until =
    given.until === undefined && since !== undefined && days !== undefined
      ? addDays(since, days - 1)
      : day('until', given.until ?? 'today', clock)
  return between(since ?? addDays(until, 1 - (days ?? USUAL_DAYS)), until, clock)
}

/** As many days just before. */
export function before({ since, days, zone }: Range): Range {
  return between(addDays(since, -days), addDays(since, -1), { zone, now: new Date() })
}

function between(since: string, until: string, clock: Clock): Range {
  if (since > until) throw new HaiError('invalid', `since: ${since} is after until ${until}; swap them`)
  const days = (Date.parse(until) - Date.parse(since)) / 86_400_000 + 1
  if (days > MOST_DAYS)
    throw new HaiError(
      'invalid',
      `since: ${since} is more than ${MOST_DAYS} days before ${until}; ask for less`,
    )
  const bounds = { from: dayBounds(since, clock).from, to: dayBounds(until, clock).to }
  return { since, until, days, zone: clock.zone, ...bounds }
}

/** The days of a range, the oldest first. */
export const daysOf = ({ since, days }: Range): string[] =>
  Array.from({ length: days }, (_, n) => addDays(since, n))

function day(field: string, text: string, clock: Clock): string {
  const days = { today: today(clock), yesterday: addDays(today(clock), -1) }
  const named = own(days, text) ?? text
  if (isDay(named)) return named
  throw new HaiError(
    'invalid',
    `${field}: "${text}" is not a day; write it as 2026-11-27, today or yesterday`,
  )
}

const KEYS = ['day', ...BREAKDOWNS] as const
export type Key = (typeof KEYS)[number]

/** One line of a report as SQL adds it up: null in what it is not broken down by. */
export type Line = { [key in Key]: string | null } & Omit<Amount, 'usd' | 'tokens' | 'list_usd'> &
  Amount['tokens'] & {
    /** What it is broken down by, in the order of `KEYS` and with commas between. */
    keys: string
    known_list_usd: number
    unlisted_calls: number
    subscription_calls: number
  }

/** Columns of one row of the ledger `u`, as those of `usage_day`. */
const single = (sql: Sql, zone: string): Part => sql`
  (at at time zone ${zone})::date as day, agent, source, requester, route, backend, model, billing`

/**
 * Sums of all that was called in `range`, together and for each of `sets` (what to break them down by): folded days and what has not
 * been folded yet, in one statement, so that nothing is counted twice or left out. Of `requester` alone when given.
 */
export async function sumsOf(
  sql: Sql,
  range: Range,
  sets: Key[][],
  requester: string | null,
): Promise<Line[]> {
  const used = usedIn(sets)
  for (;;) {
    const rows = await sql<(Omit<Line, 'keys'> & { level: number; current: boolean })[]>`
      ${(await sumsStatement(sql, range, sets, requester)).text}`
    const [{ current } = { current: true }] = rows
    if (current) return rows.map(({ level, ...row }) => ({ ...row, keys: keysOf(used, level) }))
  }
}

/** The same of errands alone, together and by day, from the ledger itself: days don't tell them apart. */
export async function errandsOf(
  sql: Sql,
  range: Range,
  requester: string | null,
): Promise<Omit<Line, 'keys'>[]> {
  return sql<Omit<Line, 'keys'>[]>`
    with lines as (
      ${settled(sql, range, sql`and errand`)} union all ${unsettled(sql, range, sql`and errand`)}
    )
    select day, ${totals(sql)} from lines
    where ${requester === null} or requester = ${requester}
    group by grouping sets ((), (day))`
}

const usedIn = (sets: Key[][]): Key[] => KEYS.filter((key) => sets.some((set) => set.includes(key)))

/**
 * The statement of `sumsOf`, not run yet. Its rows say whether they are `current`: more may have been folded meanwhile.
 */
export async function sumsStatement(
  sql: Sql,
  range: Range,
  sets: Key[][],
  requester: string | null,
): Promise<{ text: Part }> {
  // known to the planner, as an unknown watermark would have it read the whole ledger
  const [fold] = await sql<{ watermark: string; zone: string }[]>`select watermark::text, zone from hai.fold`
  const { watermark, zone } = fold!
  const folded = zone === range.zone
  const all = [[], ...sets].map((set): Part => sql`(${listed(sql, set)})`)
  const text: Part = sql`
    with lines as (
      ${folded ? sql`${days(sql, range)} union all` : sql``}
      ${settled(sql, range, folded ? sql`and xid >= ${watermark}::bigint` : sql``)}
      union all
      ${unsettled(sql, range)}
    )
    select ${grouped(sql, usedIn(sets))}, ${totals(sql)},
      (select zone = ${zone} and watermark = ${watermark}::bigint from hai.fold) as current
    from lines
    where ${requester === null} or requester = ${requester}
    group by grouping sets (${joined(sql, all)})`
  return { text }
}

const listed = (sql: Sql, keys: readonly Key[]): Part =>
  joined(
    sql,
    keys.map((key) => sql`${sql(key)}` as Part),
  )

const joined = (sql: Sql, [first, ...rest]: Part[]): Part =>
  rest.reduce<Part>((all, one) => sql`${all}, ${one}`, first ?? sql``)

function grouped(sql: Sql, used: Key[]): Part {
  if (used.length === 0) return sql`0 as level`
  return sql`${listed(sql, used)}, grouping(${listed(sql, used)}) as level`
}

/** `grouping` has a bit for each column that a line is not broken down by, the first one the greatest. */
const keysOf = (used: Key[], level: number): string =>
  used.filter((_, at) => ((level >> (used.length - 1 - at)) & 1) === 0).join()

const days = (sql: Sql, { since, until }: Range): Part => sql`
  select day, agent, source, requester, route, backend, model, billing, calls, unknown_calls, unlisted_calls,
    failed_calls, usd, list_usd, input, output, cache_read, cache_write, reasoning, ms,
    cache_write_1h, cancelled_calls, stopped_calls, uncounted_calls, untold_calls, 0 as lost_calls,
    0 as open_calls, 0::numeric as open_usd, 0 as presumed_calls, 0::numeric as presumed_usd
  from hai.usage_day where day between ${since} and ${until}`

const settled = (sql: Sql, { from, to, zone }: Range, later: Part): Part => sql`
  select ${single(sql, zone)}, 1::bigint as calls,
    (usd is null and billing = 'metered')::int::bigint as unknown_calls,
    (list_usd is null and billing = 'subscription')::int::bigint as unlisted_calls,
    (error is not null)::int::bigint as failed_calls, usd, list_usd, input::bigint, output::bigint,
    cache_read::bigint, cache_write::bigint, reasoning::bigint, ms::bigint, cache_write_1h::bigint,
    ${ended(sql)}, ${untold(sql)}::int::bigint as untold_calls, 0 as lost_calls,
    0 as open_calls, 0::numeric as open_usd, 0 as presumed_calls, 0::numeric as presumed_usd
  from hai.usage where state = 'settled' and at >= ${from} and at < ${to} ${later}`

/** Not all that they come to is known, or not yet; what is the least of it is counted. */
const unsettled = (sql: Sql, { from, to, zone }: Range, only: Part = sql``): Part => sql`
  select ${single(sql, zone)}, 1, (state = 'presumed' and billing = 'metered' and bound is null)::int,
    (state = 'presumed' and billing = 'subscription')::int, (error is not null)::int, usd, list_usd, input, output,
    cache_read, cache_write, reasoning, ms, cache_write_1h,
    ${ended(sql)}, (state = 'presumed')::int, (ending is not distinct from 'lost')::int,
    (state = 'open')::int, case state when 'open' then bound end,
    (state = 'presumed' and bound > 0)::int, case state when 'presumed' then ${presumedOf(sql)} end
  from hai.usage call where state <> 'settled' and at >= ${from} and at < ${to} ${only}`

const ended = (sql: Sql): Part => sql`
  (ending is not distinct from 'cancelled')::int::bigint as cancelled_calls,
  (ending is not distinct from 'stopped')::int::bigint as stopped_calls,
  (ending is not distinct from 'uncounted')::int::bigint as uncounted_calls`

/** Whether some of a settled row's tokens are unknown. */
const untold = (sql: Sql): Part => sql`(at_least or input is null or output is null)`

/** The columns of `usage_day` behind its key, summed over rows of the ledger. */
export const foldedSums = (sql: Sql): Part => sql`
  count(*) as calls,
  count(*) filter (where usd is null and billing = 'metered') as unknown_calls,
  count(*) filter (where list_usd is null and billing = 'subscription') as unlisted_calls,
  count(error) as failed_calls,
  coalesce(sum(usd), 0) as usd, coalesce(sum(list_usd), 0) as list_usd,
  coalesce(sum(input), 0) as input, coalesce(sum(output), 0) as output,
  coalesce(sum(cache_read), 0) as cache_read, coalesce(sum(cache_write), 0) as cache_write,
  coalesce(sum(reasoning), 0) as reasoning, coalesce(sum(ms), 0) as ms,
  coalesce(sum(cache_write_1h), 0) as cache_write_1h,
  count(*) filter (where ending = 'cancelled') as cancelled_calls,
  count(*) filter (where ending = 'stopped') as stopped_calls,
  count(*) filter (where ending = 'uncounted') as uncounted_calls,
  count(*) filter (where ${untold(sql)}) as untold_calls`

const totals = (sql: Sql): Part => sql`
  coalesce(sum(calls), 0)::float8 as calls,
  coalesce(sum(unknown_calls), 0)::float8 as unknown_calls,
  coalesce(sum(unlisted_calls), 0)::float8 as unlisted_calls,
  coalesce(sum(failed_calls), 0)::float8 as failed_calls,
  coalesce(sum(calls) filter (where billing = 'subscription'), 0)::float8 as subscription_calls,
  coalesce(sum(usd), 0)::float8 as known_usd,
  coalesce(sum(list_usd), 0)::float8 as known_list_usd,
  coalesce(sum(input), 0)::float8 as input, coalesce(sum(output), 0)::float8 as output,
  coalesce(sum(cache_read), 0)::float8 as cache_read, coalesce(sum(cache_write), 0)::float8 as cache_write,
  coalesce(sum(cache_write_1h), 0)::float8 as cache_write_1h,
  coalesce(sum(reasoning), 0)::float8 as reasoning, coalesce(sum(ms), 0)::float8 as ms,
  coalesce(sum(cancelled_calls), 0)::float8 as cancelled_calls,
  coalesce(sum(stopped_calls), 0)::float8 as stopped_calls,
  coalesce(sum(uncounted_calls), 0)::float8 as uncounted_calls,
  coalesce(sum(lost_calls), 0)::float8 as lost_calls, coalesce(sum(untold_calls), 0)::float8 as untold_calls,
  coalesce(sum(open_calls), 0)::float8 as open_calls, coalesce(sum(open_usd), 0)::float8 as open_usd,
  coalesce(sum(presumed_calls), 0)::float8 as presumed_calls, coalesce(sum(presumed_usd), 0)::float8 as presumed_usd`

/** What a line says, with null for what nobody knows. */
export function amountOf(line: Omit<Line, 'keys'>): Amount {
  const { input, output, cache_read, cache_write, cache_write_1h, reasoning, known_usd, unknown_calls } = line
  const { calls, open_calls, open_usd, presumed_calls, presumed_usd, ms } = line
  const { failed_calls, cancelled_calls, stopped_calls, uncounted_calls, lost_calls, untold_calls } = line
  const listed = line.subscription_calls > 0 && line.unlisted_calls === 0
  return {
    calls,
    usd: unknown_calls + presumed_calls > 0 ? null : known_usd,
    known_usd,
    unknown_calls,
    open_calls,
    open_usd,
    presumed_calls,
    presumed_usd,
    failed_calls,
    cancelled_calls,
    stopped_calls,
    uncounted_calls,
    lost_calls,
    untold_calls,
    list_usd: listed ? line.known_list_usd : null,
    tokens: { input, output, cache_read, cache_write, cache_write_1h, reasoning },
    ms,
  }
}

/** Of no call at all. */
export const NOTHING: Amount = {
  calls: 0,
  usd: 0,
  known_usd: 0,
  unknown_calls: 0,
  open_calls: 0,
  open_usd: 0,
  presumed_calls: 0,
  presumed_usd: 0,
  failed_calls: 0,
  cancelled_calls: 0,
  stopped_calls: 0,
  uncounted_calls: 0,
  lost_calls: 0,
  untold_calls: 0,
  list_usd: null,
  tokens: { input: 0, output: 0, cache_read: 0, cache_write: 0, cache_write_1h: 0, reasoning: 0 },
  ms: 0,
}
