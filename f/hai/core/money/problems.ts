import type { Sql } from '../db.ts'
import { failingRoutes } from './escalation.ts'

/** What is wrong with money, a sentence each: calls that all fail, and models that nobody has given a price. */
export async function moneyProblems(sql: Sql): Promise<string[]> {
  const [failing, unpriced] = await Promise.all([failingRoutes(sql), unpricedModels(sql)])
  return [...failing, ...unpriced]
}

async function unpricedModels(sql: Sql): Promise<string[]> {
  const rows = await sql<{ backend: string; model: string; calls: number }[]>`
    select backend, model, count(*)::int as calls from hai.usage
    where at > now() - interval '1 day' and state = 'settled' and billing = 'metered' and usd is null
    group by 1, 2 order by 1, 2`
  return rows.map(
    ({ backend, model, calls }) =>
      `${calls} ${calls === 1 ? 'call' : 'calls'} of ${backend}/${model} in 24 h at an unknown price, which no cap counts; write its prices under backends.${backend}.models in models.yaml`,
  )
}
