import { Models } from '../base/backends.ts'
import { storedConfig } from '../base/config.ts'
import { inTransaction, json, type Part, type Sql } from '../base/db.ts'
import { added, counting, warnings } from './counters.ts'
import { LIST_SOURCE } from './list_prices_data.ts'
import { cost, priceAt, sellersOf } from './prices.ts'
import { foldedSums } from './sums.ts'

/** What is to stand in the place of a settled row, all of it. */
export interface Correction {
  call_id: string
  at: string
  input: number | null
  output: number | null
  cache_read: number | null
  cache_write: number | null
  cache_write_1h: number | null
  reasoning: number | null
  ms: number
  usd: number | null
  list_usd: number | null
  price_version: string | null
  ending: string
  at_least: boolean
}

/** Keeps days from being folded until the transaction ends. To be called before any row of the ledger is locked. */
export async function stopFolding(tx: Sql): Promise<void> {
  await tx`select from hai.fold for share`
}

/**
 * Puts better-known rows in the place of settled ones, in the caps' counters and in the folded days as well. The rows must
 * be locked, after `stopFolding`. Days are taken back by what is there and folded again as if the call had just been settled.
 */
export async function correct(tx: Sql, corrections: Correction[]): Promise<void> {
  await tx`
    with given as (
      select * from jsonb_to_recordset(${json(tx, corrections)}) as given (
        call_id text, at timestamptz, input int, output int, cache_read int, cache_write int, cache_write_1h int,
        reasoning int, ms int, usd numeric, list_usd numeric, price_version text, ending text, at_least boolean)
    ), was as (
      select u.* from hai.usage u join given using (call_id) where u.state = 'settled'
    ), now_is as (
      update hai.usage u
      set at = given.at, input = given.input, output = given.output, cache_read = given.cache_read,
        cache_write = given.cache_write, cache_write_1h = given.cache_write_1h, reasoning = given.reasoning,
        ms = given.ms, usd = given.usd, list_usd = given.list_usd, price_version = given.price_version,
        ending = given.ending, at_least = given.at_least, xid = pg_current_xact_id()::text::bigint
      from given join was using (call_id)
      where u.call_id = given.call_id
      returning u.*
    ), unfolded as (
      select (at at time zone zone)::date as day, agent, source, requester, route, backend, model, billing, ${foldedSums(tx)}
      from was cross join hai.fold
      where xid < watermark
      group by 1, 2, 3, 4, 5, 6, 7, 8
    ), taken as (
      update hai.usage_day known
      set calls = known.calls - u.calls, unknown_calls = known.unknown_calls - u.unknown_calls,
        unlisted_calls = known.unlisted_calls - u.unlisted_calls, failed_calls = known.failed_calls - u.failed_calls,
        usd = known.usd - u.usd, list_usd = known.list_usd - u.list_usd, input = known.input - u.input,
        output = known.output - u.output, cache_read = known.cache_read - u.cache_read,
        cache_write = known.cache_write - u.cache_write, cache_write_1h = known.cache_write_1h - u.cache_write_1h,
        reasoning = known.reasoning - u.reasoning, ms = known.ms - u.ms,
        cancelled_calls = known.cancelled_calls - u.cancelled_calls,
        stopped_calls = known.stopped_calls - u.stopped_calls,
        uncounted_calls = known.uncounted_calls - u.uncounted_calls, untold_calls = known.untold_calls - u.untold_calls
      from unfolded u
      where (known.day, known.agent, known.source, known.requester, known.route, known.backend, known.model, known.billing)
        = (u.day, u.agent, u.source, u.requester, u.route, u.backend, u.model, u.billing)
    ), call as (
      select task_id, agent, requester, source, at, usd from now_is where usd > 0
      union all
      select task_id, agent, requester, source, at, -usd from was where usd > 0
    ), counted as (
      insert into hai.cap_counter as known (cap, key, period, spent)
      select cap.name, counter.key, counter.period, sum(call.usd)
      from call ${counting(tx)}
      where counter.key is not null
      group by 1, 2, 3
      having sum(call.usd) <> 0
      order by 1, 2, 3
      ${added(tx)}
      returning *
    ), told as (${warnings(tx)})
    select from now_is`
}

const BATCH = 1000

type Unpriced = Correction & { backend: string; model: string; billing: string }

/**
 * Gives a price to calls that had none when they were settled, once after prices have changed; what has a price keeps it.
 * Gives how many. To be called in no other transaction.
 */
export async function priceLate(sql: Sql): Promise<number> {
  const [config] = await sql<{ hash: string }[]>`select hash from hai.config where name = 'models'`
  const [fold] = await sql<{ priced: string | null }[]>`select priced from hai.fold`
  const prices = `${config?.hash ?? 'none'} ${LIST_SOURCE.name} ${LIST_SOURCE.version}`
  if (fold!.priced === prices) return 0
  const { backends } = await storedConfig(sql, 'models', Models)
  const sellers = sellersOf(backends)
  let priced = 0
  let after = ''
  for (;;) {
    const rows = await unpriced(sql, sql`call_id > ${after} order by call_id limit ${BATCH}`)
    const known = new Map(rows.flatMap((row) => correctionOf(row, sellers)))
    if (known.size > 0) priced += await putIn(sql, known)
    after = rows.at(-1)?.call_id ?? after
    if (rows.length < BATCH) break
  }
  await sql`update hai.fold set priced = ${prices}`
  return priced
}

const unpriced = (sql: Sql, which: Part): Promise<Unpriced[]> => sql<Unpriced[]>`
  select call_id, at, backend, model, billing, input, output, cache_read, cache_write, cache_write_1h, reasoning, ms,
    usd::float8 as usd, list_usd::float8 as list_usd, price_version, coalesce(ending, 'answered') as ending, at_least
  from hai.usage
  where state = 'settled' and input is not null and output is not null
    and (billing = 'metered' and usd is null or billing = 'subscription' and list_usd is null)
    and ${which}`

function correctionOf(row: Unpriced, sellers: ReturnType<typeof sellersOf>): [string, Correction][] {
  const seller = sellers(row.backend)
  const price = seller && priceAt(seller, row.model, new Date(row.at))
  const came = price ? cost(price, row) : null
  if (!price || came === null) return []
  const usd = row.billing === 'metered' ? { usd: came } : { list_usd: came }
  return [[row.call_id, { ...row, ...usd, price_version: price.version }]]
}

async function putIn(sql: Sql, known: Map<string, Correction>): Promise<number> {
  return inTransaction(sql, async (tx) => {
    await stopFolding(tx)
    const still = await unpriced(tx, tx`call_id = any(${[...known.keys()]}) order by call_id for update`)
    const corrections = still.map(({ call_id }) => known.get(call_id)!)
    if (corrections.length > 0) await correct(tx, corrections)
    return corrections.length
  })
}
