import type { Part, Sql } from '../base/db.ts'

/**
 * What a ledger's row `call` counts for: the caps in force (`cap`), with whose spending it is (`key`, null for none) and
 * when (`period`), by the zone of `fold`. To follow `from call`.
 */
export const counting = (sql: Sql): Part => sql`
  cross join hai.fold cross join hai.cap cross join lateral (
    select
      case cap.per when 'all' then '' when 'task' then call.task_id when 'agent' then call.agent
        when 'requester' then call.requester else call.source end as key,
      case cap.period when 'day' then to_char(call.at at time zone fold.zone, 'YYYY-MM-DD')
        when 'month' then to_char(call.at at time zone fold.zone, 'YYYY-MM') else '' end as period
  ) counter`

/** What the presumed row `call` may have cost besides the least that is known of it. */
export const presumedOf = (sql: Sql): Part => sql`greatest(call.bound - coalesce(call.usd, 0), 0)`

/** What follows `insert into hai.cap_counter … select … order by cap, key, period`: adds to what is there. */
export const added = (sql: Sql): Part => sql`
  on conflict (cap, key, period) do update set
    spent = known.spent + excluded.spent, held = known.held + excluded.held,
    presumed = known.presumed + excluded.presumed`

/** What the cap named by `name`, a qualified column, allows now: with what it has been raised by. */
export const limitOf = (sql: Sql, name: Part): Part => sql`
  (select limited.usd + coalesce(sum(raised.usd), 0)
    from hai.cap limited left join hai.cap_raise raised on raised.cap = limited.name and raised.until > now()
    where limited.name = ${name} group by limited.usd)`

const month = (sql: Sql): Part => sql`
  (select date_trunc('month', now() at time zone zone) at time zone zone from hai.fold)`

/** Rows of the ledger that a counter in use may be made of: of this month, all unsettled, of tasks under way. */
const counted = (sql: Sql): Part => sql`
  select u.* from hai.usage u where u.at >= ${month(sql)}
  union all
  select u.* from hai.usage u where u.state <> 'settled' and u.at < ${month(sql)}
  union all
  select u.* from hai.task_queue t join hai.usage u on u.task_id = t.id
  where t.finished_at is null and u.state = 'settled' and u.at < ${month(sql)}`

/** All counters in use as the ledger has them: `cap, key, period, spent, held, presumed`. */
const derived = (sql: Sql): Part => sql`
  select cap.name as cap, counter.key, counter.period,
    coalesce(sum(call.usd), 0) as spent,
    coalesce(sum(call.bound) filter (where call.state = 'open'), 0) as held,
    coalesce(sum(${presumedOf(sql)}) filter (where call.state = 'presumed'), 0) as presumed
  from (${counted(sql)}) call ${counting(sql)}
  where counter.key is not null and (call.bound > 0 or call.usd > 0)
  group by 1, 2, 3`

/** Writes all counters anew from the ledger. Its transaction must be the only one that reserves or settles. */
export async function recount(tx: Sql): Promise<void> {
  await tx`delete from hai.cap_counter`
  await tx`insert into hai.cap_counter (cap, key, period, spent, held, presumed) ${derived(tx)}`
}

/** Keeps everybody else from reserving and settling until the transaction ends; who waits sees what it wrote. */
export async function stopCounting(tx: Sql): Promise<void> {
  await tx`lock table hai.cap_counter in exclusive mode`
}

export interface Mismatch {
  cap: string
  key: string
  period: string
}

/** Counters in use that differ from the ledger. Right only where nobody else counts meanwhile. */
export async function mismatches(tx: Sql): Promise<Mismatch[]> {
  return tx<Mismatch[]>`
    select cap, key, period
    from (${derived(tx)}) ledger
    full join hai.cap_counter known using (cap, key, period)
    where coalesce(ledger.held, 0) <> coalesce(known.held, 0)
      or coalesce(ledger.presumed, 0) <> coalesce(known.presumed, 0)
      or coalesce(ledger.spent, 0) <> coalesce(known.spent, 0) and (
        -- what has begun anew since need not be whole
        period in (select to_char(now() at time zone zone, form) from hai.fold, (values ('YYYY-MM-DD'), ('YYYY-MM')) f (form))
        or exists (select from hai.task_queue t where t.id = key and t.finished_at is null))
    order by 1, 2, 3`
}

/** Part of a statement that has the changed counters in `counted`: a notice for the highest share that one has reached. */
export const warnings = (sql: Sql) => sql`
  insert into hai.notice (kind, dedup_key, title, text, priority)
  select 'budget', 'budget:' || cap || ':' || key || ':' || period || ':' || trim_scale(cap_limit) || ':' || share,
    'cap ' || cap || case key when '' then '' else ' of ' || key end || case share
      when 100 then ' is reached' else ' is at ' || share || ' %' end,
    '$' || round(used, 2) || ' of $' || round(cap_limit, 2) || ' used' || case
      when used > cap_limit then ', $' || round(used - cap_limit, 2) || ' more than it allows' else '' end,
    case share when 100 then 'high' when 50 then 'low' else 'normal' end
  from (
    select cap, key, period, spent + presumed as used, ${limitOf(sql, sql`counted.cap`)} as cap_limit from counted
  ) counters
  cross join lateral (
    select max(share) as share from unnest(array[50, 80, 100]) share where used >= cap_limit * share / 100
  ) reached
  where share is not null and cap_limit > 0
  order by 2
  on conflict (dedup_key) do nothing`
