import type { Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { LEASE_SECONDS } from '../task/lease.ts'
import { added, counting, presumedOf, warnings } from './counters.ts'
import type { ModelCall, Spent } from './model_call.ts'
import { cost } from './prices.ts'
import type { Ending } from './shape.ts'

interface Row extends Record<keyof Spent['tokens'], number | null> {
  state: 'open' | 'settled' | 'presumed'
  usd: number | null
}

/**
 * Writes down once what a call came to and turns its hold into what it cost, in USD: by our price, else in the backend's
 * own words if it is metered. A metered call of which not all is known goes on counting at the most it can have cost; see
 * `ENDINGS`. One that was never sent is no call: its row goes, and its hold with it; null then. Undefined when it was never
 * reserved; `conflict` when it was settled with other numbers. Needs no lease.
 */
export async function settle(sql: Sql, call: ModelCall, spent: Spent): Promise<number | null | undefined> {
  if (spent.unsent) return unreserve(sql, call.call_id)
  const { tokens, ms, error = null, at_least = false } = spent
  const usd = usdOf(call, spent)
  const list = call.billing === 'subscription' ? costOf(call, spent) : null
  const [was] = await sql<Row[]>`
    with was as (
      select * from hai.usage where call_id = ${call.call_id} for update
    ), call as (
      update hai.usage u
      set state = next.state, input = ${tokens.input}, output = ${tokens.output}, cache_read = ${tokens.cache_read},
        cache_write = ${tokens.cache_write}, cache_write_1h = ${tokens.cache_write_1h ?? null}, reasoning = ${tokens.reasoning},
        usd = ${usd}, list_usd = ${list}, price_version = coalesce(${call.price?.version ?? null}, u.price_version),
        error = ${error}, ending = ${endingOf(spent)}, at_least = ${at_least}, ms = ${ms}, settled_at = now(),
        xid = case next.state when 'settled' then pg_current_xact_id()::text::bigint end
      from was cross join lateral (
        select case when (${usd}::numeric is null or ${at_least}) and was.bound > 0 then 'presumed' else 'settled' end as state
      ) next
      where u.call_id = was.call_id and was.state <> 'settled'
      returning u.*, was.state as was, was.usd as least
    ), counted as (
      insert into hai.cap_counter as known (cap, key, period, spent, held, presumed)
      select cap.name, counter.key, counter.period,
        coalesce(call.usd, 0) - coalesce(call.least, 0),
        case call.was when 'open' then -coalesce(call.bound, 0) else 0 end,
        case call.state when 'presumed' then coalesce(${presumedOf(sql)}, 0) else 0 end
          - case call.was when 'presumed' then greatest(coalesce(call.bound, 0) - coalesce(call.least, 0), 0) else 0 end
      from call ${counting(sql)}
      where (call.bound > 0 or call.usd > 0) and counter.key is not null
      order by 1, 2, 3
      ${added(sql)}
      returning *
    ), told as (${warnings(sql)})
    select state, usd::float8 as usd, input, output, cache_read, cache_write, cache_write_1h, reasoning from was`
  if (!was) return undefined
  if (was.state === 'settled') refuseOthers(call, was, spent)
  return was.state === 'settled' ? was.usd : usd
}

async function unreserve(sql: Sql, callId: string): Promise<null> {
  await sql`
    with call as (
      -- of what was settled or seen to cost something it can't be true
      delete from hai.usage where call_id = ${callId} and state <> 'settled' and coalesce(usd, 0) = 0
      returning *
    )
    insert into hai.cap_counter as known (cap, key, period, held, presumed)
    select cap.name, counter.key, counter.period,
      case call.state when 'open' then -call.bound else 0 end,
      case call.state when 'presumed' then -call.bound else 0 end
    from call ${counting(sql)}
    where call.bound > 0 and counter.key is not null
    order by 1, 2, 3
    ${added(sql)}`
  return null
}

function endingOf({ ended, error, tokens }: Spent): Ending {
  if (ended) return ended
  if (error) return 'failed'
  return tokens.input === null || tokens.output === null ? 'uncounted' : 'answered'
}

function usdOf(call: ModelCall, spent: Spent): number | null {
  if (call.billing === 'local') return 0
  return call.billing === 'metered' ? (costOf(call, spent) ?? spent.usd ?? null) : null
}

/** Of a call that wasn't seen to its end, the least that it cost: what was not counted may have been nothing. */
function costOf({ price }: ModelCall, { tokens, at_least }: Spent): number | null {
  const { input, output } = tokens
  return cost(price, at_least ? { ...tokens, input: input ?? 0, output: output ?? 0 } : tokens)
}

/** What is settled is fixed: the same once more is heard, anything else is somebody's error. */
function refuseOthers({ call_id }: ModelCall, was: Row, { tokens }: Spent): void {
  const kinds = Object.keys(tokens) as (keyof Spent['tokens'])[]
  const other = kinds.find((kind) => (was[kind] ?? null) !== (tokens[kind] ?? null))
  if (!other) return
  throw new HaiError(
    'conflict',
    `call ${call_id} is settled with ${was[other] ?? 'no count of'} ${other} tokens, not ${tokens[other]}; nothing was changed`,
  )
}

/** A worker whose task was ended by others tells within so many seconds what it saw of its call, or not at all. */
const SILENT_SECONDS = LEASE_SECONDS
/** After so long (seconds) a call that answers no task will not be settled any more. */
const ABANDONED_SECONDS = 3600
const BATCH = 500

/**
 * Calls whose worker is gone go on counting at the most they can have cost, shown apart, until a late settle says better.
 * Gives how many. To be called in no other transaction: it waits for counters, and who holds those may wait for a task.
 */
export async function presume(sql: Sql): Promise<number> {
  const [row] = await sql<{ presumed: number }[]>`
    with gone as (
      select call_id from hai.usage u
      where state = 'open' and case when task_id is null
        then at < now() - make_interval(secs => ${ABANDONED_SECONDS})
        else exists (
          select from hai.task_queue t
          where t.id = u.task_id and (t.lease_no <> u.lease_no or t.state <> 'running')
            and (t.error ->> 'code' = 'lease_lost' or t.updated_at < now() - make_interval(secs => ${SILENT_SECONDS}))
            and not exists (
              select from hai.lease l where l.task_id = t.id and l.lease_no = u.lease_no and l.until > now())
        ) end
      order by call_id
      limit ${BATCH}
      for update skip locked
    ), call as (
      update hai.usage u
      set state = 'presumed', ending = 'lost', usd = case billing when 'local' then 0 end
      from gone where u.call_id = gone.call_id returning u.*
    ), counted as (
      insert into hai.cap_counter as known (cap, key, period, held, presumed)
      select cap.name, counter.key, counter.period, -sum(call.bound), sum(call.bound)
      from call ${counting(sql)}
      where call.bound > 0 and counter.key is not null
      group by 1, 2, 3
      order by 1, 2, 3
      ${added(sql)}
    )
    select count(*)::int as presumed from call`
  return row!.presumed
}
