import type { Pool, Sql } from '../../../f/hai/core/base/db.ts'
import type { ModelCall, Spent, Tokens } from '../../../f/hai/core/cost/model_call.ts'
import { clear, empty } from '../../support/factories.ts'

/** USD per million tokens: $1 for a million read, $10 for a million written. */
export const RATES = { input: 1, output: 10 }

let number = 0

/** A metered call that can cost up to `most` USD, by what it may write. */
export const aCall = (most: number, given: Partial<ModelCall> = {}): ModelCall => ({
  call_id: `call-${process.pid}-${++number}`,
  backend: 'openai',
  model: 'gpt-fake',
  billing: 'metered',
  agent: 'general',
  price: { rates: RATES, version: 'flat:test' },
  most: { input: 0, output: Math.round(most * 100_000) },
  ...given,
})

export const tokens = (given: Partial<Tokens> = {}): Tokens => ({
  input: 0,
  output: 0,
  cache_read: 0,
  cache_write: 0,
  reasoning: 0,
  ...given,
})

/** What a call of `aCall` came to, in USD. */
export const spent = (usd: number): Spent => ({
  tokens: tokens({ output: Math.round(usd * 100_000) }),
  ms: 5,
})

/** Puts a budget into the configuration; who reserves next finds it in force. */
export async function setBudget(sql: Sql, budget: Record<string, unknown>): Promise<void> {
  const value = { time_zone: 'UTC', ...budget }
  const hash = JSON.stringify(value)
  await sql`
    insert into hai.config (name, value, hash) values ('budget', ${sql.json(value as never)}, ${hash})
    on conflict (name) do update set value = excluded.value, hash = excluded.hash, updated_at = now()`
}

/** An empty ledger, without caps raised or notices. */
export async function clearLedger(sql: Pool): Promise<void> {
  await clear(sql)
  await empty(sql, ['usage_day', 'cap_counter', 'cap_raise', 'cap_refusal', 'notice'])
  await sql`update hai.fold set watermark = 0`
}

export interface Counter {
  cap: string
  key: string
  period: string
  spent: number
  held: number
  presumed: number
}

export const counters = (sql: Sql): Promise<Counter[]> => sql<Counter[]>`
  select cap, key, period, spent::float8 as spent, held::float8 as held, presumed::float8 as presumed
  from hai.cap_counter order by 1, 2, 3`

/** The state and cost of a call. */
export async function callOf(sql: Sql, { call_id }: ModelCall) {
  const [row] = await sql<{ state: string; usd: number | null; bound: number | null; source: string }[]>`
    select state, usd::float8 as usd, bound::float8 as bound, requester, source, agent, route, error, price_version,
      ending, at_least, input, output, list_usd::float8 as list_usd
    from hai.usage where call_id = ${call_id}`
  return row
}
