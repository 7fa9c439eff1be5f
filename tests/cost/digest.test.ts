import { beforeEach, describe, expect, it } from 'vitest'
import { addDays } from '../../f/hai/core/base/dates.ts'
import { record } from '../../f/hai/core/cost/record.ts'
import type { RecordedCall } from '../../f/hai/core/cost/shape.ts'
import { digestOf, lastWhole, tellCosts } from '../../f/hai/core/cost/tell.ts'
import { testDatabase } from '../support/database.ts'
import { aCaller } from '../support/factories.ts'
import { aReport, spent } from './sample-report.ts'

const db = testDatabase()
const today = new Date().toISOString().slice(0, 10)
const week = lastWhole('week', today)

beforeEach(async () => {
  await db.sql`delete from hai.usage`
  await db.sql`delete from hai.notice`
})

let calls = 0
const recorded = (day: string, fields: Partial<RecordedCall> = {}) =>
  record(
    db.sql,
    {
      calls: [
        {
          call_id: `call ${++calls}`,
          at: `${day}T12:00:00.000Z`,
          backend: 'elsewhere',
          model: 'large',
          billing: 'metered',
          tokens: { input: 1000, output: 100 },
          usd: 1.25,
          agent: 'general',
          ...fields,
        },
      ],
    },
    aCaller(),
  )

const tell = (period: 'week' | 'month' = 'week') => tellCosts(db.sql, { period }, 'UTC')
const notices = () =>
  db.sql<
    { title: string; text: string; priority: string; data: { chart_svg: string } }[]
  >`select title, text, priority, data from hai.notice where kind = 'cost_report' order by id`

describe('the last whole period', () => {
  it.each([
    ['week', '2026-11-23', '2026-11-16', '2026-11-22'],
    ['week', '2026-11-29', '2026-11-16', '2026-11-22'],
    ['week', '2027-01-01', '2026-12-21', '2026-12-27'],
    ['month', '2026-11-01', '2026-10-01', '2026-10-31'],
    ['month', '2027-01-31', '2026-12-01', '2026-12-31'],
    ['month', '2028-03-01', '2028-02-01', '2028-02-29'],
  ] as const)('is, for a %s seen from %s, %s to %s', (period, day, since, until) => {
    expect(lastWhole(period, day)).toEqual({ since, until })
  })
})

describe('telling what it cost', () => {
  it('says nothing when nothing was spent, however much was answered locally', async () => {
    await recorded(week.since, { billing: 'local', usd: null })
    await recorded(addDays(week.until, 1))
    await recorded(addDays(week.since, -1))
    expect(await tell()).toEqual({ told: false, ...week })
    expect(await notices()).toEqual([])
  })

  it('puts one message into the outbox, once, with a chart', async () => {
    await recorded(week.since)
    await recorded(week.until, { agent: 'triager', usd: 0.5 })
    expect(await tell()).toEqual({ told: true, ...week })
    expect(await tell()).toEqual({ told: false, ...week })
    const [notice, ...others] = await notices()
    expect(others).toEqual([])
    expect(notice).toMatchObject({ title: 'last week: $1.75', priority: 'low' })
    expect(notice!.text).toContain('$1.75 for 2 calls, 2.2k tokens')
    expect(notice!.text).toContain('general: $1.25\ntriager: $0.50')
    expect(notice!.data.chart_svg).toMatch(/^<svg role="img"/)
  })

  it('tells of what only a subscription paid for, and of what nobody could price', async () => {
    await recorded(week.since, { billing: 'subscription', usd: null })
    expect(await tell()).toMatchObject({ told: true })
    await db.sql`delete from hai.notice`
    await recorded(week.since, { usd: null })
    expect(await tell()).toMatchObject({ told: true })
    const [notice] = await notices()
    expect(notice!.title).toBe('last week: 1 call of unknown cost')
    expect(notice!.text).toContain('no price known: elsewhere/large (1 call)')
    expect(notice!.text).not.toContain('$0.00')
  })

  it('does so for months, too, and refuses other periods', async () => {
    await recorded(lastWhole('month', today).since)
    expect(await tell('month')).toMatchObject({ told: true })
    await expect(tellCosts(db.sql, { period: 'year' as 'month' }, 'UTC')).rejects.toThrow('period: "year"')
  })
})

describe('the message', () => {
  it('names the figures that changed with what they were, the dearest tasks and caps that were hit', () => {
    const report = aReport({
      total: { ...spent(4.21, 312), failed_calls: 4 },
      caps_hit: [{ cap: 'day', times: 2 }],
    })
    report.previous!.tasks.total = 41
    const { text } = digestOf(report, 'week')
    expect(text.split('\n')).toEqual([
      '2026-11-16 to 2026-11-22 (Europe/Berlin): $4.21 for 312 calls, 343k tokens',
      '12 % more than in the 7 days before ($3.76)',
      'escalated: 22 % (17 % before)',
      'calls: 312 (280 before)',
      'failed calls: 4 (0 before)',
      'general: $4.20',
      'none: $0.01',
      'cap day refused 2 calls',
      '$1.20 for one task (cli, general): hai cost task ABCDEF',
    ])
  })

  it('says what of it was for errands, where any was', () => {
    const { text } = digestOf(aReport({ errands: spent(0.02, 12) }), 'week')
    expect(text.split('\n')).toContain('of that errands of chat clients: 12 calls, 13.2k tokens, $0.02')
    expect(digestOf(aReport(), 'week').text).not.toContain('errands')
  })

  it('does not say what tasks are about: a channel may be anywhere', () => {
    expect(JSON.stringify(digestOf(aReport(), 'month'))).not.toContain('backup')
  })
})
