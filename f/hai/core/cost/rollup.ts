import { z } from 'zod'
import { inTransaction, type Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { EverySeconds, pulse } from '../base/time.ts'
import { applyBudget } from './caps.ts'
import { priceLate } from './correct.ts'
import { type Mismatch, mismatches, recount, stopCounting } from './counters.ts'
import { foldedSums } from './sums.ts'

/** Rows of the ledger that one transaction folds, so that a long history holds nothing for long. */
const BATCH = 200_000
const PULSE = 'f/hai/cost/rollup'

const Input = z.strictObject({
  /** Also compares the caps' counters with the ledger, and sets right what is not. */
  verify: z.boolean().default(false),
  every_seconds: EverySeconds.default(60),
})

export interface RolledUp {
  folded: number
  /** Counters that differed from the ledger, and don't any more. */
  mended: Mismatch[]
}

/** Folds what has been settled since the last time into days, after calls without a price got those there are now. Safe to run at any moment, also twice at once. */
export async function rollup(sql: Sql, input: z.input<typeof Input> = {}): Promise<RolledUp> {
  const { verify, every_seconds } = parse(Input, input)
  await applyBudget(sql)
  await priceLate(sql)
  let folded = 0
  for (let more = true; more; ) {
    const step = await fold(sql)
    folded += step.folded
    more = step.more
  }
  const mended = verify ? await mend(sql) : []
  await pulse(sql, PULSE, every_seconds)
  return { folded, mended }
}

/**
 * One batch, once each, whoever commits late: only rows of transactions that all ended before any that still runs, and
 * that no earlier fold has taken.
 */
export async function fold(sql: Sql): Promise<{ folded: number; more: boolean }> {
  return inTransaction(sql, async (tx) => {
    await restart(tx)
    // a statement of its own: the next one sees what another fold committed while this one waited
    const [at] = await tx<{ watermark: string; zone: string }[]>`
      select watermark::text, zone from hai.fold for update`
    const { watermark, zone } = at!
    const [step] = await tx<{ folded: number; more: boolean }[]>`
      with bounds as (
        select case when batch is null then oldest else least(oldest, greatest(batch, ${watermark}::bigint + 1)) end as until,
          oldest
        from (
          select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest, (
            select xid from hai.usage where state = 'settled' and xid >= ${watermark}::bigint
            order by xid offset ${BATCH} limit 1
          ) as batch
        ) found
      ), fresh as (
        select (at at time zone ${zone})::date as day, * from hai.usage
        where state = 'settled' and xid >= ${watermark}::bigint and xid < (select until from bounds)
      ), summed as (
        select day, agent, source, requester, route, backend, model, billing, ${foldedSums(tx)}
        from fresh
        group by 1, 2, 3, 4, 5, 6, 7, 8
      ), folded as (
        insert into hai.usage_day as known select * from summed order by 1, 2, 3, 4, 5, 6, 7, 8
        on conflict (day, agent, source, requester, route, backend, model, billing) do update set
          calls = known.calls + excluded.calls,
          unknown_calls = known.unknown_calls + excluded.unknown_calls,
          unlisted_calls = known.unlisted_calls + excluded.unlisted_calls,
          failed_calls = known.failed_calls + excluded.failed_calls,
          usd = known.usd + excluded.usd, list_usd = known.list_usd + excluded.list_usd,
          input = known.input + excluded.input, output = known.output + excluded.output,
          cache_read = known.cache_read + excluded.cache_read,
          cache_write = known.cache_write + excluded.cache_write,
          reasoning = known.reasoning + excluded.reasoning, ms = known.ms + excluded.ms,
          cache_write_1h = known.cache_write_1h + excluded.cache_write_1h,
          cancelled_calls = known.cancelled_calls + excluded.cancelled_calls,
          stopped_calls = known.stopped_calls + excluded.stopped_calls,
          uncounted_calls = known.uncounted_calls + excluded.uncounted_calls,
          untold_calls = known.untold_calls + excluded.untold_calls
      ), moved as (
        update hai.fold set watermark = greatest(watermark, until), folded_at = now() from bounds
      )
      select (select coalesce(sum(calls), 0) from summed)::float8 as folded, until < oldest as more from bounds`
    return step!
  })
}

/** A restored database counts its transactions anew, and what was folded by their numbers is folded again by its own. */
async function restart(tx: Sql): Promise<void> {
  const [restored] = await tx`
    update hai.fold set watermark = 0
    where watermark > pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    returning one`
  if (restored) await tx`delete from hai.usage_day`
  await tx`
    update hai.usage set xid = pg_current_xact_id()::text::bigint
    where state = 'settled' and xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint`
}

async function mend(sql: Sql): Promise<Mismatch[]> {
  return inTransaction(sql, async (tx) => {
    await stopCounting(tx)
    const wrong = await mismatches(tx)
    if (wrong.length > 0) await recount(tx)
    return [...wrong]
  })
}
