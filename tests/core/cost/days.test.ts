import { beforeEach, describe, expect, it } from 'vitest'
import { resetOf } from '../../../f/hai/core/cost/caps.ts'
import { costReport } from '../../../f/hai/core/cost/report.ts'
import { reserve } from '../../../f/hai/core/cost/reserve.ts'
import { rollup } from '../../../f/hai/core/cost/rollup.ts'
import { settle } from '../../../f/hai/core/cost/settle.ts'
import { rangeOf } from '../../../f/hai/core/cost/sums.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller } from '../../support/factories.ts'
import { aCall, clearLedger, counters, setBudget, spent } from './ledger.ts'

const db = testDatabase()
beforeEach(() => clearLedger(db.sql))

const CAPS = { day: { per: 'all', period: 'day', usd: 1 }, month: { per: 'all', period: 'month', usd: 10 } }

describe.each([
  // the last second of a month, and the first of the next, on the wall clock
  ['Pacific/Auckland', '2026-09-30T10:59:59Z', '2026-09-30T11:00:00Z', '2026-09-30', '2026-10-01'],
  ['America/Los_Angeles', '2026-11-01T06:59:59Z', '2026-11-01T07:00:00Z', '2026-10-31', '2026-11-01'],
])('midnight in %s', (zone, before, after, day, next) => {
  beforeEach(() => setBudget(db.sql, { time_zone: zone, caps: CAPS }))

  it('begins the day and the month anew', async () => {
    const [late, refused, early] = [aCall(0.75), aCall(0.5), aCall(0.5)]
    await reserve(db.sql, late, undefined, new Date(before))
    await expect(reserve(db.sql, refused, undefined, new Date(before))).rejects.toMatchObject({
      details: { cap: 'day', period: day },
    })
    await reserve(db.sql, early, undefined, new Date(after))
    // settled after midnight, but made before it
    await settle(db.sql, late, spent(0.25))
    expect(await counters(db.sql)).toMatchObject([
      { cap: 'day', period: day, spent: 0.25, held: 0 },
      { cap: 'day', period: next, held: 0.5 },
      { cap: 'month', period: day.slice(0, 7), spent: 0.25, held: 0 },
      { cap: 'month', period: next.slice(0, 7), held: 0.5 },
    ])
    expect(resetOf(day, zone)).toBe(new Date(after).toISOString())
    expect(resetOf(day.slice(0, 7), zone)).toBe(new Date(after).toISOString())
  })

  it('divides the reports, folded or not', async () => {
    for (const [at, usd] of [
      [before, 0.25],
      [after, 0.5],
    ] as const) {
      const call = aCall(usd)
      await reserve(db.sql, call, undefined, new Date(at))
      await settle(db.sql, call, spent(usd))
    }
    for (let fold = 0; fold < 2; fold += 1) {
      const report = await costReport(db.sql, { since: day, until: next, tz: zone }, aCaller())
      expect(report.by_day.map(({ day, usd }) => [day, usd])).toEqual([
        [day, 0.25],
        [next, 0.5],
      ])
      await rollup(db.sql)
    }
  })
})

describe('the days of a report', () => {
  const NOW = new Date('2026-11-22T23:30:00Z')
  const of = (given: Parameters<typeof rangeOf>[0]) => rangeOf(given, 'Europe/Berlin', NOW)

  it('are the last seven, today on the wall included', () => {
    expect(of({})).toMatchObject({ since: '2026-11-17', until: '2026-11-23', days: 7 })
    expect(of({ tz: 'UTC' })).toMatchObject({ since: '2026-11-16', until: '2026-11-22' })
    expect(of({ days: 1 })).toMatchObject({ since: '2026-11-23', from: '2026-11-22T23:00:00.000Z' })
    expect(of({ since: '2026-11-01', days: 3 })).toMatchObject({ until: '2026-11-03' })
    expect(of({ until: 'yesterday', days: 2 })).toMatchObject({ since: '2026-11-21', until: '2026-11-22' })
  })

  it.each([
    [{ days: 0 }, 'days: 0 is not accepted'],
    [{ days: 100_000 }, 'days: 100000 is not accepted'],
    [{ days: 1.5 }, 'days: 1.5 is not accepted'],
    [{ since: '2026-11-02', until: '2026-11-01' }, 'since: 2026-11-02 is after until 2026-11-01; swap them'],
    [{ since: '2026-02-30' }, 'since: "2026-02-30" is not a day'],
    [{ since: '1990-01-01' }, 'more than 3660 days'],
    [{ tz: 'Mars/Olympus' }, 'expected an IANA time zone'],
    [{ tz: '+05:30' }, 'expected an IANA time zone'],
    [{ by: ['colour'] }, 'by'],
  ])('are refused when they are %j', async (given, message) => {
    await expect(costReport(db.sql, given as never, aCaller())).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(message),
    })
  })
})
