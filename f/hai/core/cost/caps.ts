import { z } from 'zod'
import { Models } from '../base/backends.ts'
import type { Caller } from '../base/caller.ts'
import { storedConfig } from '../base/config.ts'
import { addDays, dayBounds, today } from '../base/dates.ts'
import { inTransaction, json, type Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { own } from '../base/own.ts'
import { Instant, ownZone } from '../base/time.ts'
import { MODEL_LANES } from '../task/lease.ts'
import { Budget } from './budget.ts'
import { limitOf, recount, stopCounting } from './counters.ts'
import type { CapMargin, CapState, Raised } from './shape.ts'

/** What the budget's hash is called while nobody has configured one. */
const BUILT_IN = 'built in'

/** Whether the caps in force are of another budget than the configuration's; part of a statement. */
export const stale = (sql: Sql) => sql`
  (select fold.budget_hash is distinct from
    coalesce((select hash from hai.config where name = 'budget'), ${BUILT_IN}) from hai.fold)`

/** Puts the configured budget in force if it isn't: caps, counters, and the zone in which the ledger is folded into days. */
export async function applyBudget(sql: Sql): Promise<void> {
  const [fold] = await sql<{ stale: boolean }[]>`select ${stale(sql)} as stale`
  if (!fold?.stale) return
  await inTransaction(sql, async (tx) => {
    await stopCounting(tx)
    const [config] = await tx<{ value: unknown; hash: string }[]>`
      select value, hash from hai.config where name = 'budget'`
    const budget = parse(Budget, config?.value ?? {})
    const zone = budget.time_zone ?? ownZone()
    await foldAnew(tx, zone)
    await tx`
      update hai.fold set budget_hash = ${config?.hash ?? BUILT_IN}, budget = ${json(tx, budget)}, zone = ${zone}`
    await tx`delete from hai.cap`
    for (const [name, { per, period, usd }] of Object.entries(budget.caps)) {
      await tx`insert into hai.cap (name, per, period, usd) values (${name}, ${per}, ${period ?? null}, ${usd})`
    }
    // few rows are never analysed by themselves, and taken for many they make a plan that is compiled for longer than it runs
    await tx`analyze hai.cap, hai.fold`
    await recount(tx)
  })
}

/** Days of another zone are other days: what has been folded is folded again from the beginning. */
async function foldAnew(tx: Sql, zone: string): Promise<void> {
  const [known] = await tx`select from pg_timezone_names where lower(name) = lower(${zone})`
  if (!known) {
    throw new HaiError(
      'invalid',
      `budget configuration: time_zone: PostgreSQL knows no ${zone}; use an IANA name such as Europe/Berlin`,
    )
  }
  const [fold] = await tx<{ zone: string }[]>`select zone from hai.fold for update`
  if (fold!.zone === zone) return
  // deleted and not truncated, so that a report under way goes on seeing what it began with
  await tx`delete from hai.usage_day`
  await tx`update hai.fold set watermark = 0`
}

/** The budget whose caps are in force, and the zone of its days. */
export async function budgetInForce(sql: Sql): Promise<{ budget: Budget; zone: string }> {
  const [fold] = await sql<{ budget: unknown; zone: string }[]>`select budget, zone from hai.fold`
  return { budget: parse(Budget, fold!.budget), zone: fold!.zone }
}

/** When a cap's `period` (a day, a month, or empty for a task's life) begins anew, RFC 3339; null for never. */
export function resetOf(period: string, zone: string): string | null {
  const clock = { zone, now: new Date() }
  if (period === '') return null
  if (period.length > 'YYYY-MM'.length) return dayBounds(period, clock).to
  const next = addDays(`${period}-28`, 4).slice(0, 'YYYY-MM'.length)
  return dayBounds(`${next}-01`, clock).from
}

/** At most so many counters of one cap are shown, the fullest. */
const SHOWN = 10

/** The caps and how they stand now. A member sees no other's spending. */
export async function capStates(sql: Sql, caller: Caller): Promise<CapState[]> {
  const { zone } = await budgetInForce(sql)
  const rows = await sql<Omit<CapState, 'resets_at'>[]>`
    select * from (
      select cap.name as cap, per, cap.period, coalesce(c.key, '') as key, ${limitOf(sql, sql`cap.name`)}::float8 as "limit",
        (${limitOf(sql, sql`cap.name`)} - cap.usd)::float8 as raised,
        coalesce(spent, 0)::float8 as spent, coalesce(held, 0)::float8 as held, coalesce(presumed, 0)::float8 as presumed,
        (${limitOf(sql, sql`cap.name`)} - coalesce(spent + held + presumed, 0))::float8 as "left",
        row_number() over (partition by cap.name order by spent + held + presumed desc nulls last, c.key) as place
      from hai.cap cross join hai.fold
      left join hai.cap_counter c on c.cap = cap.name and c.period = case cap.period
        when 'day' then to_char(now() at time zone zone, 'YYYY-MM-DD')
        when 'month' then to_char(now() at time zone zone, 'YYYY-MM') else '' end
        and (cap.per <> 'task' or exists (select from hai.task_queue t where t.id = c.key and t.finished_at is null))
      where (cap.per = 'all' or c.key is not null)
        and (${caller.role !== 'member'} or cap.per = 'requester' and c.key = ${caller.name})
    ) states
    where place <= ${SHOWN}
    order by cap, place`
  const clock = { zone, now: new Date() }
  const begun = { day: today(clock), month: today(clock).slice(0, 7) }
  return rows.map(({ place: _, ...row }: Omit<CapState, 'resets_at'> & { place?: string }) => ({
    ...row,
    resets_at: row.period ? resetOf(begun[row.period], zone) : null,
  }))
}

/** By how much the caps can be passed; null when there is none, or nothing that costs money. */
export async function capMargin(sql: Sql): Promise<CapMargin | null> {
  const { backends } = await storedConfig(sql, 'models', Models)
  if (!Object.values(backends).some(({ billing, enabled }) => billing === 'metered' && enabled)) return null
  const [row] = await sql<[CapMargin]>`
    select (
      select count(*)::int from hai.lane_slot
      where not closing and (lane = any(${[...MODEL_LANES]}) or elsewhere)
    ) as at_once, coalesce((
      select usd - bound from hai.usage where state = 'settled' and usd > bound order by usd - bound desc limit 1
    ), 0)::float8 as most_usd
    from hai.cap limit 1`
  return row ?? null
}

const Raise = z.strictObject({
  usd: z.number().positive().max(1_000_000),
  /** The one cap per day of everything when not given. */
  cap: z.string().optional(),
  /** RFC 3339; the end of today when not given. */
  until: Instant.optional(),
})

/** Raises a cap by `usd` until the end of the day or `until`; the operator's act, and kept. */
export async function raiseCap(
  sql: Sql,
  input: z.input<typeof Raise>,
  caller: Pick<Caller, 'name'>,
): Promise<Raised> {
  const { usd, cap, until } = parse(Raise, input)
  await applyBudget(sql)
  const { budget, zone } = await budgetInForce(sql)
  const daily = Object.entries(budget.caps).find(([, { per, period }]) => per === 'all' && period === 'day')
  const name = cap ?? daily?.[0]
  if (!name || !own(budget.caps, name)) {
    const known = Object.keys(budget.caps).join(', ') || 'none'
    throw new HaiError('not_found', `cap: there is no ${name ?? 'cap per day'}; the budget has ${known}`)
  }
  const clock = { zone, now: new Date() }
  const end = until ?? dayBounds(today(clock), clock).to
  if (Date.parse(end) <= Date.now())
    throw new HaiError('invalid', `until: ${end} has passed; give a time that is to come`)
  await inTransaction(sql, async (tx) => {
    await tx`insert into hai.cap_raise (cap, usd, until, by) values (${name}, ${usd}, ${end}, ${caller.name})`
    await resume(tx)
  })
  const [row] = await sql<{ limit: number }[]>`select ${limitOf(sql, sql`${name}`)}::float8 as "limit"`
  return { cap: name, usd, limit: row!.limit, until: new Date(end).toISOString() }
}

/** Tasks that wait for a cap to begin anew try again at once. */
async function resume(tx: Sql): Promise<void> {
  await tx`
    update hai.task_queue set run_at = now(), claim_at = now(), updated_at = now()
    where state = 'pending' and finished_at is null and error ->> 'code' = 'budget' and run_at > now()`
}
