import { beforeEach, describe, expect, it } from 'vitest'
import { record } from '../../../f/hai/core/cost/record.ts'
import { costReport } from '../../../f/hai/core/cost/report.ts'
import { reserve } from '../../../f/hai/core/cost/reserve.ts'
import { rollup } from '../../../f/hai/core/cost/rollup.ts'
import { settle } from '../../../f/hai/core/cost/settle.ts'
import type { RecordedCall } from '../../../f/hai/core/cost/shape.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller } from '../../support/factories.ts'
import fc from '../../support/fast-check.ts'
import { aCall, callOf, clearLedger, counters, setBudget, spent, tokens } from './ledger.ts'

const db = testDatabase()
beforeEach(startAnew)

async function startAnew(): Promise<void> {
  await clearLedger(db.sql)
  await db.sql`update hai.fold set priced = null`
  await setBudget(db.sql, { caps: { day: { per: 'all', period: 'day', usd: 1000 } }, unknown_price: 'allow' })
}

const PRICE = { input: 3, output: 15 }
const setPrices = async (models: Record<string, object>, hash: string) => {
  const value = { backends: { paid: { kind: 'anthropic', billing: 'metered', models } } }
  await db.sql`
    insert into hai.config (name, value, hash) values ('models', ${db.sql.json(value as never)}, ${hash})
    on conflict (name) do update set value = excluded.value, hash = excluded.hash`
}

const aRecord = (given: Partial<RecordedCall> = {}): RecordedCall => ({
  ...{ call_id: 'a', at: new Date().toISOString(), backend: 'paid', model: 'sonnet', billing: 'metered' },
  tokens: { input: 0, output: 1000, cache_read: 0, cache_write: 0 },
  source: 'claude-code',
  ...given,
})
const put = (...calls: RecordedCall[]) => record(db.sql, { calls }, aCaller())
const total = async () => (await costReport(db.sql, { days: 30 }, aCaller())).total
const isWhole = async () => expect((await rollup(db.sql, { verify: true })).mended).toEqual([])

describe('a call that was counted short', () => {
  it('is corrected by a fuller count, folded into its day or not', async () => {
    await setPrices({ sonnet: PRICE }, 'x')
    const short = aRecord({ tokens: { input: 0, output: 1 }, at_least: true })
    for (const folds of [false, true]) {
      await startAnew()
      await setPrices({ sonnet: PRICE }, 'x')
      expect(await put(short)).toEqual({ recorded: 1, known: 0, corrected: 0 })
      if (folds) await rollup(db.sql)
      expect(await put(aRecord({ tokens: { input: 0, output: 5000 } }))).toEqual({
        recorded: 0,
        known: 0,
        corrected: 1,
      })
      expect(await put(short)).toEqual({ recorded: 0, known: 1, corrected: 0 })
      expect(await total()).toMatchObject({ calls: 1, usd: 0.075, tokens: { output: 5000 }, untold_calls: 0 })
      await isWhole()
      expect(await total()).toMatchObject({ calls: 1, usd: 0.075, tokens: { output: 5000 }, untold_calls: 0 })
      expect(await counters(db.sql)).toMatchObject([{ spent: 0.075 }])
    }
  })

  it('is one with the row that an older hai made of it, request and all', async () => {
    await put(aRecord({ call_id: 'claude-code:msg_1:req_1' }))
    expect(await put(aRecord({ call_id: 'claude-code:msg_1' }))).toEqual({
      recorded: 0,
      known: 1,
      corrected: 0,
    })
    expect(await total()).toMatchObject({ calls: 1 })
  })

  it('is not one that was made here: its own worker settles it', async () => {
    const call = aCall(1, { source: 'claude-code', backend: 'paid', model: 'sonnet' })
    await reserve(db.sql, call)
    await settle(db.sql, call, spent(0.1))
    const given = aRecord({ call_id: call.call_id, tokens: { input: 0, output: 999_999 } })
    expect(await put(given)).toEqual({ recorded: 0, known: 1, corrected: 0 })
    expect(await total()).toMatchObject({ usd: 0.1 })
  })
})

describe('a price that is written later', () => {
  it('prices what had none, recorded or made here, and leaves what has one', async () => {
    await setPrices({ known: PRICE }, 'one')
    await put(aRecord(), aRecord({ call_id: 'b', model: 'known' }))
    const { price: _, ...made } = aCall(1, { backend: 'paid', model: 'sonnet' })
    await reserve(db.sql, made)
    await settle(db.sql, made, { tokens: tokens({ output: 2000 }), ms: 1 })
    await isWhole()
    expect(await total()).toMatchObject({ calls: 3, usd: null, known_usd: 0.015, unknown_calls: 2 })
    await setPrices({ sonnet: PRICE, known: { input: 6, output: 30 } }, 'two')
    await isWhole()
    expect(await total()).toMatchObject({ calls: 3, usd: 0.06, unknown_calls: 0 })
    expect(await callOf(db.sql, made as never)).toMatchObject({
      usd: 0.03,
      price_version: expect.stringMatching(/^flat:/),
    })
    expect(await counters(db.sql)).toMatchObject([{ spent: 0.06 }])
  })

  it('prices it at the next import as well', async () => {
    await put(aRecord())
    await setPrices({ sonnet: PRICE }, 'later')
    expect(await put(aRecord())).toEqual({ recorded: 0, known: 0, corrected: 1 })
    expect(await put(aRecord())).toEqual({ recorded: 0, known: 1, corrected: 0 })
    expect(await total()).toMatchObject({ usd: 0.015, unknown_calls: 0 })
    await isWhole()
  })

  it('may come with hai: Claude Code’s calls have list prices without any setting', async () => {
    const given = {
      backend: 'claude-code',
      billing: 'subscription' as const,
      model: 'claude-sonnet-4-5-20250929',
    }
    await put(
      aRecord({
        ...given,
        tokens: { input: 1_000_000, output: 0, cache_write: 1_000_000, cache_write_1h: 1_000_000 },
      }),
    )
    // beyond 200,000 tokens twice that of fewer
    expect(await total()).toMatchObject({ usd: 0, list_usd: 12 })
    await put(
      aRecord({
        ...given,
        call_id: 'b',
        tokens: { input: 100_000, output: 0, cache_write: 100_000, cache_write_1h: 100_000 },
      }),
    )
    expect(await total()).toMatchObject({ usd: 0, list_usd: 12.6 })
  })
})

/** What stands of a few calls in files that grow: copies and counts short of the last one, over a few days. */
const copies = fc.array(
  fc.record({
    call: fc.integer({ min: 0, max: 3 }),
    output: fc.integer({ min: 0, max: 3 }).map((n) => n * 1000),
    at_least: fc.boolean(),
    minutes: fc.integer({ min: 0, max: 3 }).map((n) => n * 1000),
  }),
  { minLength: 1, maxLength: 10 },
)

describe('the same records', () => {
  it('make the same ledger in any order, in any batches, folded at any time', async () => {
    await fc.assert(
      fc.asyncProperty(
        copies.chain((records) =>
          fc.tuple(
            fc.constant(records),
            fc.shuffledSubarray(records, { minLength: records.length }),
            fc.array(fc.integer({ min: 1, max: 4 })),
          ),
        ),
        async ([records, shuffled, sizes]) => {
          const now = Date.now()
          const toCall = ({ call, output, minutes, at_least }: (typeof records)[number]) =>
            aRecord({
              ...{ call_id: `claude-code:msg_${call}`, at_least, tokens: { input: 10, output } },
              at: new Date(now - minutes * 60_000).toISOString(),
            })
          const seen: unknown[] = []
          for (const [order, batches] of [
            [records, [20]],
            [shuffled, sizes],
          ] as const) {
            await startAnew()
            await setPrices({ sonnet: PRICE }, 'x')
            const left = order.map(toCall)
            for (const size of [...batches, 20]) {
              const batch = left.splice(0, size)
              if (batch.length > 0) await put(...batch)
              if (size % 2 === 0) await rollup(db.sql)
            }
            await isWhole()
            const rows = await db.sql`
              select call_id, at, output, usd::float8 as usd, at_least from hai.usage order by 1`
            const { calls, usd, tokens: sums, untold_calls } = await total()
            seen.push({ rows: [...rows], calls, usd, sums, untold_calls })
            const known = rows.reduce((sum, row) => sum + row.usd, 0)
            expect(usd).toBeCloseTo(known, 9)
            expect(sums.output).toBe(rows.reduce((sum, row) => sum + row.output, 0))
          }
          expect(seen[0]).toEqual(seen[1])
        },
      ),
      { numRuns: 10 },
    )
  })
})
