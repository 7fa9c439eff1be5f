import { beforeEach, describe, expect, it } from 'vitest'
import { record } from '../../../f/hai/core/cost/record.ts'
import { costReport } from '../../../f/hai/core/cost/report.ts'
import type { RecordedCall } from '../../../f/hai/core/cost/shape.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller } from '../../support/factories.ts'
import { clearLedger, counters, setBudget, tokens } from './ledger.ts'

const db = testDatabase()
beforeEach(async () => {
  await clearLedger(db.sql)
  await setBudget(db.sql, { caps: { day: { per: 'all', period: 'day', usd: 1 } } })
  const price = { prices: [{ from: '2026-01-01', input: 3, output: 15 }] }
  const backends = {
    claude: { kind: 'anthropic', billing: 'metered', models: { sonnet: price } },
    'claude-code': { kind: 'claude-code', billing: 'subscription', prices: { 'sonnet*': price.prices } },
  }
  await db.sql`insert into hai.config (name, value, hash) values ('models', ${db.sql.json({ backends })}, 'x')`
})

const aRecord = (given: Partial<RecordedCall> = {}): RecordedCall => ({
  call_id: 'msg_1:req_1',
  at: new Date().toISOString(),
  backend: 'claude',
  model: 'sonnet',
  billing: 'metered',
  tokens: tokens({ input: 100_000, output: 20_000 }),
  ...given,
})
const put = (...calls: Partial<RecordedCall>[]) => record(db.sql, { calls: calls.map(aRecord) }, aCaller())
const today = async () => (await costReport(db.sql, { days: 1 }, aCaller())).total

describe('calls made elsewhere', () => {
  it('are priced here, and are the same once more: twice is once', async () => {
    const calls = [{ call_id: 'a' }, { call_id: 'b' }]
    expect(await put(...calls)).toEqual({ recorded: 2, known: 0, corrected: 0 })
    expect(await put(...calls, { call_id: 'c' })).toEqual({ recorded: 1, known: 2, corrected: 0 })
    expect(await put({ call_id: 'd' }, { call_id: 'd' })).toEqual({ recorded: 1, known: 1, corrected: 0 })
    // four times 100 000 × 3 + 20 000 × 15 per million
    expect(await today()).toMatchObject({ calls: 4, usd: 2.4 })
  })

  it('count against the caps, whatever these say', async () => {
    await put({ call_id: 'a' }, { call_id: 'b' })
    await today()
    expect(await counters(db.sql)).toMatchObject([{ cap: 'day', spent: 1.2 }])
    await put({ call_id: 'c' })
    expect(await counters(db.sql)).toMatchObject([{ cap: 'day', spent: 1.8 }])
    expect(await db.sql`select title from hai.notice`).toEqual([{ title: 'cap day is reached' }])
  })

  it('by a subscription have a list price of their own, which is added to nothing', async () => {
    await put({ backend: 'claude-code', model: 'sonnet-4', billing: 'subscription' })
    expect(await today()).toMatchObject({ calls: 1, usd: 0, known_usd: 0, unknown_calls: 0, list_usd: 0.6 })
    await put({ call_id: 'x', backend: 'claude-code', model: 'opus-4', billing: 'subscription' })
    expect(await today()).toMatchObject({ calls: 2, usd: 0, list_usd: null })
  })

  it('at a price that nobody knows are called out, and never free', async () => {
    await put({ model: 'opus' })
    const { total, unknown } = await costReport(db.sql, { days: 1 }, aCaller())
    expect(total).toMatchObject({ usd: null, known_usd: 0, unknown_calls: 1 })
    expect(unknown).toEqual([{ backend: 'claude', model: 'opus', calls: 1 }])
  })

  it.each<[string, object, string]>([
    ['a negative count', { tokens: tokens({ input: -1 }) }, 'calls.0.tokens.input: -1'],
    ['half a token', { tokens: tokens({ output: 0.5 }) }, 'calls.0.tokens.output: 0.5'],
    [
      'more from the cache than was read',
      { tokens: tokens({ input: 5, cache_read: 6 }) },
      'all input tokens',
    ],
    ['no model', { model: '' }, 'calls.0.model'],
    ['a negative price', { usd: -1 }, 'calls.0.usd: -1'],
    ['a time to come', { at: '2999-01-01T00:00:00Z' }, 'expected a time that has passed'],
    ['a field that there is none of', { colour: 'red' }, 'colour'],
  ])('with %s are refused, and nothing is written', async (_, given, message) => {
    const bad = record(db.sql, { calls: [aRecord(), aRecord(given)].reverse() }, aCaller())
    await expect(bad).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining(message) })
    expect(await db.sql`select from hai.usage`).toHaveLength(0)
  })
})
