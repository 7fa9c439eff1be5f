import { z } from 'zod'
import type { Caller } from '../caller.ts'
import { addDays, type Clock, dayBounds, isDay, today } from '../dates.ts'
import type { Sql } from '../db.ts'
import { HaiError, parse } from '../errors.ts'

/** A week, today included. */
const USUAL_DAYS = 7
const MOST_DAYS = 400

const Range = z.strictObject({ since: z.string().optional(), until: z.string().optional() })

/**
 * What model calls came to, in USD. What a subscription covers has no price of its own: `usd` is that of the other
 * calls, null when there are none of those or one of them is unknown, which is not the same as nothing.
 */
export interface Cost {
  calls: number
  usd: number | null
  /** The sum of those whose cost is known. */
  known_usd: number
  unknown_calls: number
}

export interface CostRow extends Cost {
  /** `2026-11-27`, in the caller's zone. */
  day: string
  billing: 'local' | 'metered' | 'subscription'
  tasks: number
  /** As far as the backends said. */
  input_tokens: number
  output_tokens: number
}

export interface CostReport extends Cost {
  since: string
  /** The last day, included. */
  until: string
  zone: string
  rows: CostRow[]
}

/** The caller's model calls per day and billing, of the last 7 days when no range is given. `invalid` for a bad range. */
export async function costReport(
  sql: Sql,
  input: z.input<typeof Range>,
  caller: Caller,
): Promise<CostReport> {
  const { zone } = caller
  const { since, until, from, to } = rangeOf(parse(Range, input), { zone, now: new Date() })
  const rows = await sql<CostRow[]>`
    select (at at time zone ${zone})::date as day, billing, ${costColumns(sql)},
      count(distinct task_id)::int as tasks,
      coalesce(sum(input), 0)::float8 as input_tokens, coalesce(sum(output), 0)::float8 as output_tokens
    from hai.usage call
    where at >= ${from} and at < ${to} and ${visible(sql, caller)}
    group by 1, 2 order by 1, 2`
  return { since, until, zone, ...totalOf(rows), rows: [...rows] }
}

export interface CostsToday {
  date: string
  zone: string
  spent_usd: number | null
  known_usd: number
  unknown_calls: number
  calls: number
  per_agent: (Cost & { agent: string })[]
}

/** Today's calls, all together and per agent; calls that answered no task belong to none. */
export async function costsToday(sql: Sql, caller: Caller): Promise<CostsToday> {
  const {
    since: date,
    zone,
    usd: spent_usd,
    known_usd,
    unknown_calls,
    calls,
  } = await costReport(sql, { since: 'today' }, caller)
  const { from, to } = dayBounds(date, { zone, now: new Date() })
  const per_agent = await sql<CostsToday['per_agent']>`
    select coalesce(task.agent, 'none') as agent, ${costColumns(sql)}
    from hai.usage call left join lateral (
      select agent from hai.task_queue where task_queue.id = call.task_id
    ) task on true
    where at >= ${from} and at < ${to} and ${visible(sql, caller)}
    group by 1 order by 1`
  return { date, zone, spent_usd, known_usd, unknown_calls, calls, per_agent: [...per_agent] }
}

const costColumns = (sql: Sql) => sql`
  count(*)::int as calls,
  case when not bool_or(usd is null and billing <> 'subscription') then sum(usd) end::float8 as usd,
  coalesce(sum(usd), 0)::float8 as known_usd,
  (count(*) filter (where usd is null and billing <> 'subscription'))::int as unknown_calls`

/** A trial of a model belongs to no task, and only the household's member may not see it. */
const visible = (sql: Sql, caller: Caller) => sql`
  (task_id is null and ${caller.role !== 'member'}
    or exists (select from hai.task_queue where id = call.task_id and ${caller.sees(sql)}))`

function totalOf(rows: CostRow[]): Cost {
  const sum = (of: (row: CostRow) => number) => rows.reduce((total, row) => total + of(row), 0)
  const known_usd = cents(sum((row) => row.known_usd))
  const unknown_calls = sum((row) => row.unknown_calls)
  const nothingPriced = rows.length > 0 && rows.every((row) => row.billing === 'subscription')
  const usd = unknown_calls > 0 || nothingPriced ? null : known_usd
  return { calls: sum((row) => row.calls), usd, known_usd, unknown_calls }
}

/** Without the dust that floating point leaves, to a millionth of a millionth. */
const cents = (usd: number) => Number(usd.toFixed(12))

function rangeOf(given: z.output<typeof Range>, clock: Clock) {
  const until = day('until', given.until ?? 'today', clock)
  const since = day('since', given.since ?? addDays(until, 1 - USUAL_DAYS), clock)
  if (since > until) throw new HaiError('invalid', `since ${since} is after until ${until}; swap them`)
  if (addDays(since, MOST_DAYS) <= until) {
    throw new HaiError('invalid', `since ${since}: at most ${MOST_DAYS} days can be asked for at once`)
  }
  return { since, until, from: dayBounds(since, clock).from, to: dayBounds(until, clock).to }
}

function day(field: string, text: string, clock: Clock): string {
  const named = { today: today(clock), yesterday: addDays(today(clock), -1) }[text] ?? text
  if (isDay(named)) return named
  throw new HaiError(
    'invalid',
    `${field}: "${text}" is not a day; write it as 2026-11-27, today or yesterday`,
  )
}
