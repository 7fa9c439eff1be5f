import { beforeEach, describe, expect, it } from 'vitest'
import { inTransaction } from '../../../f/hai/core/base/db.ts'
import { spentText, tokensText } from '../../../f/hai/core/cost/amount_text.ts'
import type { ModelCall, Spent } from '../../../f/hai/core/cost/model_call.ts'
import { record } from '../../../f/hai/core/cost/record.ts'
import { costReport } from '../../../f/hai/core/cost/report.ts'
import { reserve } from '../../../f/hai/core/cost/reserve.ts'
import { rollup } from '../../../f/hai/core/cost/rollup.ts'
import { presume, settle } from '../../../f/hai/core/cost/settle.ts'
import { taskCost } from '../../../f/hai/core/cost/task_cost.ts'
import { reserveInWindows } from '../../../f/hai/core/cost/windows.ts'
import { cancel } from '../../../f/hai/core/task/change.ts'
import { heldOf } from '../../../f/hai/core/task/lease.ts'
import { settleElsewhere } from '../../../f/hai/core/work/remote.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aRunningTask } from '../../support/factories.ts'
import fc from '../../support/fast-check.ts'
import { aCall, callOf, clearLedger, counters, setBudget, tokens } from './ledger.ts'

const db = testDatabase()
const CAPS = { day: { per: 'all', period: 'day', usd: 1000 } }
async function startAnew(): Promise<void> {
  await clearLedger(db.sql)
  await setBudget(db.sql, { caps: CAPS, unknown_price: 'allow' })
}
beforeEach(startAnew)

const UNTOLD = { input: null, output: null, cache_read: null, cache_write: null, reasoning: null }
/** Two pieces of an answer had come. */
const PIECES: Spent = { tokens: { ...UNTOLD, output: 2 }, ms: 5, at_least: true }
const total = async () => (await costReport(db.sql, { days: 1 }, aCaller())).total

/** A worker whose task is no longer its own, and that has not been heard of since. */
async function gone(id: string): Promise<void> {
  await cancel(db.sql, { id }, aCaller())
  await db.sql`update hai.task_queue set updated_at = now() - interval '1 minute' where id = ${id}`
  await db.sql`delete from hai.lease where task_id = ${id}`
}

describe('how a call ended', () => {
  it('is cancelled when its worker had to leave it: what had come is spent, and its hold presumed besides', async () => {
    const call = aCall(2)
    await reserve(db.sql, call)
    await settle(db.sql, call, { ...PIECES, ended: 'cancelled' })
    expect(await callOf(db.sql, call)).toMatchObject({
      ...{ state: 'presumed', ending: 'cancelled', at_least: true },
      ...{ input: null, output: 2, usd: 0.00002 },
    })
    expect(await counters(db.sql)).toMatchObject([{ spent: 0.00002, held: 0, presumed: 1.99998 }])
    const amount = await total()
    expect(amount).toMatchObject({
      usd: null,
      known_usd: 0.00002,
      cancelled_calls: 1,
      lost_calls: 0,
      untold_calls: 1,
    })
    expect(spentText(amount)).toBe('<$0.01 and up to $2.00 more')
    expect(tokensText(amount)).toBe('at least 2 tokens')
    // the backend’s own count comes late, but it comes
    await settle(db.sql, call, { tokens: tokens({ input: 1000, output: 100 }), ms: 5, ended: 'cancelled' })
    expect(await counters(db.sql)).toMatchObject([{ spent: 0.002, held: 0, presumed: 0 }])
  })

  it('costs nothing on a local model, whatever it was', async () => {
    const task = await aRunningTask(db.sql)
    const local = { billing: 'local' as const, price: undefined } as unknown as Partial<ModelCall>
    const [stopped, uncounted, lost] = [aCall(1, local), aCall(1, local), aCall(1, local)]
    for (const call of [stopped, uncounted, lost]) await reserve(db.sql, call, task)
    await settle(db.sql, stopped, { ...PIECES, ended: 'stopped' })
    await settle(db.sql, uncounted, { tokens: UNTOLD, ms: 1 })
    await gone(task.id)
    expect(await presume(db.sql)).toBe(1)
    const ended = { stopped_calls: 1, uncounted_calls: 1, lost_calls: 1, cancelled_calls: 0, failed_calls: 0 }
    const costs = {
      usd: 0,
      known_usd: 0,
      unknown_calls: 0,
      presumed_calls: 0,
      presumed_usd: 0,
      untold_calls: 3,
    }
    expect(await total()).toMatchObject({ calls: 3, ...ended, ...costs })
    expect((await taskCost(db.sql, { id: task.id }, aCaller())).total).toMatchObject({ ...ended, ...costs })
    expect(spentText(await total())).toBe('no money')
    expect(tokensText(await total())).toBe('at least 2 tokens')
    expect(await counters(db.sql)).toEqual([])
  })

  it('is told by a worker elsewhere as well', async () => {
    const call = aCall(2)
    const held = heldOf(await aRunningTask(db.sql))
    await reserve(db.sql, call, held)
    const { call_id, backend, model, billing } = call
    const made = { ...held, call_id, backend, model, billing }
    await settleElsewhere(db.sql, { ...made, ...PIECES, ended: 'stopped' })
    expect(await callOf(db.sql, call)).toMatchObject({ state: 'presumed', ending: 'stopped', output: 2 })
  })

  it('fills a subscription’s windows at the most while not all is known, however large', async () => {
    const plan = { backend: 'claude-code', billing: 'subscription' as const, price: undefined } as never
    const big = { input: 2_147_483_647, output: 2_147_483_647, cache_read: 0, cache_write: 0 }
    const calls = [{ ...big, reasoning: null }].map((tokens) => ({
      ...{ call_id: 'big', at: new Date().toISOString(), backend: 'claude-code', model: 'x', tokens },
      billing: 'subscription' as const,
    }))
    await record(db.sql, { calls }, aCaller())
    const left = aCall(0, plan)
    await reserve(db.sql, { ...left, most: { input: 1000, output: 500 } })
    await settle(db.sql, left, { ...PIECES, ended: 'cancelled' })
    const windows = { five: { backend: 'claude-code', hours: 5, tokens: 4_294_967_294 + 1500 } }
    await setBudget(db.sql, { caps: CAPS, windows })
    await rollup(db.sql)
    const asks = (output: number) =>
      inTransaction(db.sql, (tx) =>
        reserveInWindows(tx, aCall(0, { backend: 'claude-code', most: { input: 0, output } })),
      )
    await asks(0)
    await expect(asks(1)).rejects.toThrow(/4294968794 of 4294968794 tokens/)
  })
})

const anEnding: fc.Arbitrary<string> = fc.constantFrom(
  'answered',
  'uncounted',
  'failed',
  'broken',
  'cancelled',
  'stopped',
  'lost',
  'open',
)

const aHistory = fc.array(
  fc.record({
    billing: fc.constantFrom('local' as const, 'metered' as const, 'subscription' as const),
    priced: fc.boolean(),
    how: anEnding,
    /** Heard of only after it was taken for lost. */
    late: fc.boolean(),
    output: fc.integer({ min: 0, max: 100_000 }),
  }),
  // as many as the lane has slots: a task that was left keeps its own
  { minLength: 1, maxLength: 4 },
)

describe('calls that end in any way, in time or late', () => {
  it('make counters that equal the ledger, and words that are so', async () => {
    await fc.assert(
      fc.asyncProperty(aHistory, async (history) => {
        await startAnew()
        for (const { billing, priced, how, late, output } of history) {
          const task = await aRunningTask(db.sql)
          const { price, ...plain } = aCall(1, { billing })
          const call = priced ? { ...plain, price: price! } : plain
          await reserve(db.sql, call, task)
          if (how !== 'open' && (late || how === 'lost')) {
            await gone(task.id)
            await presume(db.sql)
          }
          const whole = { tokens: tokens({ input: 10, output }), ms: 1 }
          const spent: Record<string, Spent> = {
            ...{
              answered: whole,
              uncounted: { tokens: UNTOLD, ms: 1 },
              failed: { ...whole, error: 'refused' },
            },
            broken: { tokens: UNTOLD, ms: 1, error: 'cut' },
            cancelled: { ...PIECES, ended: 'cancelled' },
            stopped: { ...PIECES, ended: 'stopped' },
          }
          if (spent[how]) await settle(db.sql, call, spent[how])
          if (late) await rollup(db.sql)
        }
        expect((await rollup(db.sql, { verify: true })).mended).toEqual([])
        const count = (...hows: string[]) => history.filter(({ how }) => hows.includes(how)).length
        const amount = await total()
        expect(amount).toMatchObject({
          ...{ calls: history.length, cancelled_calls: count('cancelled'), stopped_calls: count('stopped') },
          ...{
            uncounted_calls: count('uncounted'),
            lost_calls: count('lost'),
            failed_calls: count('failed', 'broken'),
          },
          untold_calls: count('uncounted', 'broken', 'cancelled', 'stopped', 'lost'),
          open_calls: count('open'),
        })
        const metered = history.filter(({ billing }) => billing === 'metered')
        const told = (how: string) => ['answered', 'failed'].includes(how)
        const vague = metered.filter(({ how, priced }) => how !== 'open' && priced && !told(how))
        const unknown = metered.filter(({ how, priced }) => how !== 'open' && !priced)
        expect(amount).toMatchObject({ presumed_calls: vague.length, unknown_calls: unknown.length })
        expect(amount.usd === null).toBe(vague.length + unknown.length > 0)
        if (metered.length === 0) expect(spentText(amount)).toBe('no money')
        else if (vague.length + unknown.length > 0) expect(spentText(amount)).not.toContain('no money')
        const [counter = { spent: 0, presumed: 0 }] = await counters(db.sql)
        expect(counter.spent).toBeCloseTo(amount.known_usd, 9)
        expect(counter.presumed).toBeCloseTo(amount.presumed_usd, 9)
      }),
      { numRuns: 8 },
    )
  })
})
