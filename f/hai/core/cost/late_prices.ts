import { Models } from '../base/backends.ts'
import { storedConfig } from '../base/config.ts'
import { inTransaction, type Sql } from '../base/db.ts'
import { type Correction, correct, stopFolding } from './correct.ts'
import { LIST_SOURCE } from './list_prices_data.ts'
import { cost, priceAt } from './prices.ts'
import { sellersOf } from './sellers.ts'

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

const unpriced = (sql: Sql, which: ReturnType<Sql>): Promise<Unpriced[]> => sql<Unpriced[]>`
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
  const money = row.billing === 'metered' ? { usd: came } : { list_usd: came }
  return [[row.call_id, { ...row, ...money, price_version: price.version }]]
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
