import { beforeEach, describe, expect, it } from 'vitest'
import { inTransaction, type Sql } from '../../../f/hai/core/base/db.ts'
import { costReport } from '../../../f/hai/core/cost/report.ts'
import { reserve } from '../../../f/hai/core/cost/reserve.ts'
import { fold, rollup } from '../../../f/hai/core/cost/rollup.ts'
import { presume, settle } from '../../../f/hai/core/cost/settle.ts'
import { BREAKDOWNS } from '../../../f/hai/core/cost/shape.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller } from '../../support/factories.ts'
import fc from '../../support/fast-check.ts'
import { aCall, clearLedger, setBudget, tokens } from './ledger.ts'

const db = testDatabase()
const ZONES = ['UTC', 'Pacific/Auckland', 'America/Los_Angeles', 'Asia/Kathmandu']
/** A week around the end of summer time in both hemispheres, so that days have 23 and 25 hours. */
const FROM = Date.parse('2025-10-30T00:00:00Z')
const WEEK_MS = 7 * 86_400_000
const RANGE = { since: '2025-10-29', until: '2025-11-07' }

/** A budget without caps, in force: no writer waits for another's counters. */
async function startAnew(): Promise<void> {
  await clearLedger(db.sql)
  await setBudget(db.sql, { caps: {}, unknown_price: 'allow' })
  await rollup(db.sql)
}
beforeEach(startAnew)

const aRandomCall = fc.record({
  at: fc.integer({ min: 0, max: WEEK_MS }).map((ms) => new Date(FROM + ms)),
  agent: fc.constantFrom('general', 'researcher'),
  model: fc.constantFrom('small', 'large'),
  billing: fc.constantFrom('local' as const, 'metered' as const, 'subscription' as const),
  priced: fc.boolean(),
  input: fc.integer({ min: 0, max: 3_000_000 }),
  output: fc.integer({ min: 0, max: 100_000 }),
  error: fc.option(fc.constant('cut'), { nil: undefined }),
})
type RandomCall = typeof aRandomCall extends fc.Arbitrary<infer T> ? T : never

async function make(sql: Sql, { at, priced, input, output, error, ...given }: RandomCall): Promise<void> {
  const { price, ...call } = aCall(0, { ...given, requester: 'guest', source: 'cli' })
  const rates = { input: 0.15, output: 0.6 }
  const called = priced ? { ...call, price: { rates, version: '2025-01-01:x' } } : call
  await reserve(sql, called, undefined, at)
  await settle(sql, called, { tokens: tokens({ input, output }), ms: 7, ...(error ? { error } : {}) })
}

/** A transaction that has settled its calls and waits for its end. */
async function aWriter(calls: RandomCall[]) {
  let end = (_: 'commit' | 'crash') => {}
  let settled = () => {}
  const ended = new Promise<'commit' | 'crash'>((resolve) => {
    end = resolve
  })
  const ready = new Promise<void>((resolve) => {
    settled = resolve
  })
  const crash = new Error('the writer is gone')
  const done = writers.begin(async (tx) => {
    for (const call of calls) await make(tx, call)
    settled()
    if ((await ended) === 'crash') throw crash
  })
  const over = done.catch((error) => {
    if (error !== crash) throw error
  })
  await Promise.race([ready, over])
  return { end, over }
}

const writers = db.open({ max: 20 })

/** What the ledger itself adds up to. */
async function ledgerTotals(zone: string) {
  const days = db.sql`(at at time zone ${zone})::date between ${RANGE.since} and ${RANGE.until}`
  const [total] = await db.sql`
    select count(*)::int as calls, coalesce(sum(usd), 0)::float8 as known_usd, count(error)::int as failed_calls,
      coalesce(sum(input), 0)::float8 as input, coalesce(sum(output), 0)::float8 as output,
      (count(*) filter (where usd is null and billing = 'metered'))::int as unknown_calls
    from hai.usage where ${days}`
  const perDay = await db.sql<{ day: string; usd: number }[]>`
    select (at at time zone ${zone})::date as day, sum(usd)::float8 as usd from hai.usage where ${days}
    group by 1 having sum(usd) > 0 order by 1`
  const perAgent = await db.sql<{ key: string; usd: number }[]>`
    select agent as key, sum(usd)::float8 as usd from hai.usage where ${days} group by 1 having sum(usd) > 0 order by 1`
  return { ...total, perDay: [...perDay], perAgent: [...perAgent] }
}

async function reportTotals(zone: string) {
  const { total, by_day, by } = await costReport(db.sql, { ...RANGE, tz: zone }, aCaller())
  const { calls, known_usd, failed_calls, unknown_calls } = total
  const { input, output } = total.tokens
  for (const one of BREAKDOWNS) expect(by[one]!.reduce((sum, row) => sum + row.calls, 0)).toBe(calls)
  const dear = ({ known_usd: usd }: { known_usd: number }) => usd > 0
  return {
    ...{ calls, known_usd, failed_calls, input, output, unknown_calls },
    perDay: by_day.filter(dear).map(({ day, known_usd: usd }) => ({ day, usd })),
    perAgent: by
      .agent!.filter(dear)
      .map(({ key, known_usd: usd }) => ({ key, usd }))
      .sort((a, b) => (a.key < b.key ? -1 : 1)),
  }
}

const anEvent = fc.oneof(
  fc.record({
    kind: fc.constant('begin' as const),
    calls: fc.array(aRandomCall, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constantFrom('commit' as const, 'crash' as const), which: fc.nat() }),
  fc.record({ kind: fc.constantFrom('fold' as const, 'fold that crashes' as const, 'two folds' as const) }),
  fc.record({ kind: fc.constant('zone' as const), zone: fc.constantFrom(...ZONES) }),
)

/** Rows that are not folded yet. Transactions in other databases of the server hold a fold back as well. */
async function tailAfterFolding(): Promise<number> {
  await rollup(db.sql)
  const [row] = await db.sql<{ tail: number }[]>`
    select count(*)::int as tail from hai.usage where xid >= (select watermark from hai.fold)`
  return row!.tail
}

async function crashedFold(): Promise<void> {
  const crash = new Error('the fold is gone')
  const folded = inTransaction(db.sql, async (tx) => {
    await fold(tx)
    throw crash
  })
  await folded.catch((error) => {
    if (error !== crash) throw error
  })
}

describe('a report', () => {
  it('equals the ledger to the last cent, whoever commits late, crashes, folds or changes the zone', async () => {
    const history = fc.tuple(fc.array(anEvent, { minLength: 4, maxLength: 14 }), fc.constantFrom(...ZONES))
    await fc.assert(
      fc.asyncProperty(history, async ([events, zone]) => {
        await startAnew()
        let open: Awaited<ReturnType<typeof aWriter>>[] = []
        const finish = async (writer: (typeof open)[number], how: 'commit' | 'crash') => {
          open = open.filter((one) => one !== writer)
          writer.end(how)
          await writer.over
        }
        try {
          for (const event of events) {
            if (event.kind === 'begin') open.push(await aWriter(event.calls))
            else if (event.kind === 'commit' || event.kind === 'crash') {
              const writer = open[event.which % Math.max(1, open.length)]
              if (writer) await finish(writer, event.kind)
            } else if (event.kind === 'fold') await rollup(db.sql)
            else if (event.kind === 'two folds') await Promise.all([rollup(db.sql), rollup(db.sql)])
            else if (event.kind === 'fold that crashes') await crashedFold()
            else if (event.kind === 'zone' && open.length === 0)
              await setBudget(db.sql, { caps: {}, unknown_price: 'allow', time_zone: event.zone })
            expect(await reportTotals(zone)).toEqual(await ledgerTotals(zone))
          }
        } finally {
          for (const writer of open) await finish(writer, 'commit')
        }
        await expect.poll(tailAfterFolding).toBe(0)
        for (const each of ZONES) expect(await reportTotals(each)).toEqual(await ledgerTotals(each))
      }),
      { numRuns: 15 },
    )
  })

  it('shows calls under way and those whose worker died apart, and counts them once they are settled', async () => {
    const at = new Date(FROM)
    const [one, other] = [aCall(2), aCall(1)]
    await reserve(db.sql, one, undefined, at)
    expect(await presume(db.sql)).toBe(1)
    await reserve(db.sql, other, undefined, at)
    await rollup(db.sql)
    const report = () => costReport(db.sql, RANGE, aCaller())
    expect((await report()).total).toMatchObject({
      ...{ calls: 2, known_usd: 0, usd: null, lost_calls: 1 },
      ...{ open_calls: 1, open_usd: 1, presumed_calls: 1, presumed_usd: 2 },
    })
    await settle(db.sql, one, { tokens: tokens({ output: 50_000 }), ms: 1 })
    for (let fold = 0; fold < 2; fold += 1) {
      expect((await report()).total).toMatchObject({ calls: 2, usd: 0.5, open_calls: 1, presumed_calls: 0 })
      await rollup(db.sql)
    }
  })

  it('gives a member his own calls only', async () => {
    await make(db.sql, {
      at: new Date(FROM),
      agent: 'general',
      model: 'small',
      billing: 'metered',
      priced: true,
      input: 1e6,
      output: 0,
      error: undefined,
    })
    const mine = aCall(1, { requester: 'operator' })
    await reserve(db.sql, mine, undefined, new Date(FROM))
    expect((await costReport(db.sql, RANGE, aCaller('guest'))).total).toMatchObject({ calls: 1, usd: 0.15 })
    expect((await costReport(db.sql, RANGE, aCaller())).total).toMatchObject({ calls: 2, usd: 0.15 })
  })
})
