import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Choice } from '../../../f/hai/core/base/backends.ts'
import { cost } from '../../../f/hai/core/cost/prices.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { age, aTask, clear, rowOf } from '../../support/factories.ts'
import { fakeAnthropic } from '../../support/models/anthropic.ts'
import type { Tokens } from '../../support/models/behaviour.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { fakeOpenAi, OPENAI_REFUSES } from '../../support/models/openai.ts'
import { setBudget } from '../cost/ledger.ts'
import { aChoice, anAccess, aShift } from './answering.ts'
import { callsOf, endPause, usageOf } from './records.ts'

const db = testDatabase()
let server: FakeServer
beforeEach(() => clear(db.sql))
afterEach(() => server?.stop())

const OPENAI = { 'gpt-fake': { input: 2.5, output: 10, cache_read: 1.25 } }
const CLAUDE = { 'claude-fake': { input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 } }
const THINKER = { 'gpt-fake': { input: 0.15, output: 0.6 } }

/** Asks once, and gives what was written down. */
async function costOf(choice: Choice, tokens: Partial<Tokens> = {}) {
  server.next({ text: 'Because.', tokens })
  const id = await aTask(db.sql, { content: 'why?' })
  await work(db.sql, aShift(anAccess(choice)))
  expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done' })
  const [usage, ...rest] = await usageOf(db.sql, id)
  expect(rest).toEqual([])
  return usage!
}

describe('what a call cost', () => {
  it('is worked out from its tokens: an OpenAI model with a part of the input cached', async () => {
    server = await fakeOpenAi()
    const choice = aChoice(server.url, { models: OPENAI })
    // 1000 × 2.50 + 400 × 1.25 + 300 × 10, per million
    expect(await costOf(choice, { input: 1000, cacheRead: 400, output: 300 })).toMatchObject({
      ...{ backend: 'openai', model: 'gpt-fake', billing: 'metered' },
      ...{ input: 1400, cache_read: 400, output: 300, usd: 0.006 },
    })
  })

  it('is worked out from its tokens: a Claude that reads from its cache and writes to it', async () => {
    server = await fakeAnthropic()
    const choice = aChoice(server.url, { kind: 'anthropic', models: CLAUDE })
    // 2000 × 3 + 10000 × 0.30 + 4000 × 3.75 + 500 × 15, per million
    const tokens = { input: 2000, cacheRead: 10_000, cacheWrite: 4000, output: 500 }
    expect(await costOf(choice, tokens)).toMatchObject({
      ...{ backend: 'claude', model: 'claude-fake', billing: 'metered' },
      ...{ input: 16_000, cache_read: 10_000, cache_write: 4000, output: 500, usd: 0.0315 },
    })
  })

  it('is worked out from its tokens: thoughts are a part of the output, and not counted twice', async () => {
    server = await fakeOpenAi()
    const choice = aChoice(server.url, { models: THINKER })
    // 100000 × 0.15 + 2000 × 0.60, per million
    const usage = await costOf(choice, { input: 100_000, output: 2000, reasoning: 1500 })
    expect(usage.usd).toBe(0.0162)
  })

  it.each([
    ['nothing for a local model', { billing: 'local' }, 0],
    ['unknown for a model without a price', { models: {} }, null],
    ['unknown for a model of another price', { models: { other: { input: 1, output: 1 } } }, null],
    ['unknown when one of its prices is', { models: { 'gpt-fake': { input: 1 } } }, null],
    ['unknown when it read from a cache of no known price', { models: THINKER }, null],
    ['unknown for a subscription', { billing: 'subscription', models: OPENAI }, null],
  ] as const)('is %s', async (_, backend, cost) => {
    server = await fakeOpenAi()
    await setBudget(db.sql, { unknown_price: 'allow' })
    expect((await costOf(aChoice(server.url, backend), { cacheRead: 10 })).usd).toBe(cost)
  })

  it('needs no price of what was not used', () => {
    const tokens = { input: 1_000_000, output: 0, cache_read: null, cache_write: 0, reasoning: null }
    expect(cost({ rates: { input: 2 }, version: 'flat' }, tokens)).toBe(2)
  })

  it('is unknown while a count is', () => {
    const tokens = { input: 10, output: null, cache_read: null, cache_write: null, reasoning: null }
    expect(cost({ rates: OPENAI['gpt-fake'], version: 'flat' }, tokens)).toBeNull()
  })
})

describe('every call that was made', () => {
  it('has a row of its own: refused ones cost nothing, broken ones an unknown amount', async () => {
    server = await fakeOpenAi()
    server.next(
      OPENAI_REFUSES.rateLimited(1),
      { text: 'half', ending: 'cut' },
      { text: [], tokens: { input: 40, output: 2 } },
      { text: 'Because.', tokens: { input: 40, output: 4 } },
    )
    const id = await aTask(db.sql, { content: 'why?', retry_policy: { max_attempts: 4 } })
    const choice = aChoice(server.url, { models: OPENAI })
    for (const _ of [1, 2, 3, 4]) {
      await work(db.sql, aShift(anAccess(choice)))
      await age(db.sql, id, 4000)
      await endPause(db.sql)
    }
    // waiting for a limit to pass uses none
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', attempt: 3 })
    const usage = await usageOf(db.sql, id)
    expect(usage).toHaveLength(callsOf(server).length)
    expect(usage.map(({ input, output, usd }) => ({ input, output, usd }))).toEqual([
      { input: 0, output: 0, usd: 0 },
      // a piece of it came: at least a token of $10 per million
      { input: null, output: 1, usd: 0.00001 },
      { input: 40, output: 2, usd: 0.00012 },
      { input: 40, output: 4, usd: 0.00014 },
    ])
  })

  it('is none when nothing needed a model', async () => {
    server = await fakeOpenAi()
    const id = await aTask(db.sql, { content: 'what is open?' })
    await work(db.sql, aShift(anAccess(aChoice(server.url))))
    expect(await usageOf(db.sql, id)).toEqual([])
    expect(server.calls).toEqual([])
  })
})
