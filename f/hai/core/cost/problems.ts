import { Models } from '../base/backends.ts'
import { storedConfig } from '../base/config.ts'
import type { Sql } from '../base/db.ts'
import { Budget } from './budget.ts'
import { failingRoutes } from './escalation.ts'
import { mostOf, priceAt } from './prices.ts'
import { priceLine } from './refusal.ts'

/** What is wrong with money, a sentence each: calls that all fail, and models without a price. */
export async function moneyProblems(sql: Sql): Promise<string[]> {
  const all = await Promise.all([failingRoutes(sql), unpricedModels(sql), refusedModels(sql)])
  return all.flat()
}

async function unpricedModels(sql: Sql): Promise<string[]> {
  const rows = await sql<{ backend: string; model: string; calls: number }[]>`
    select backend, model, count(*)::int as calls from hai.usage
    where at > now() - interval '1 day' and state = 'settled' and billing = 'metered' and usd is null
    group by 1, 2 order by 1, 2`
  return rows.map(
    ({ backend, model, calls }) =>
      `${calls} ${calls === 1 ? 'call' : 'calls'} of ${backend}/${model} in 24 h at an unknown price, which no cap counts; ${priceLine(backend, model)}`,
  )
}

/** Models that may be asked and would be refused, as nobody has given them a price. */
async function refusedModels(sql: Sql): Promise<string[]> {
  const [{ backends }, { unknown_price }] = await Promise.all([
    storedConfig(sql, 'models', Models),
    storedConfig(sql, 'budget', Budget),
  ])
  if (unknown_price === 'allow') return []
  const metered = Object.entries(backends).filter(
    ([, { enabled, billing }]) => enabled && billing === 'metered',
  )
  return metered.flatMap(([name, backend]) =>
    Object.keys(backend.models)
      .filter((model) => mostOf(priceAt(backend, model, new Date()), { input: 1, output: 1 }) === null)
      .map(
        (model) =>
          `${name}/${model} has no price, and is not asked before it has one; ${priceLine(name, model)}`,
      ),
  )
}
