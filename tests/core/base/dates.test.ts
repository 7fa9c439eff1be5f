import { describe, expect, it } from 'vitest'
import { addDays, dayBounds, formatDue, mondayOf, today } from '../../../f/hai/core/base/dates.ts'
import { parseDue } from '../../../f/hai/core/base/due.ts'
import fc from '../../support/fast-check.ts'

const zone = 'Pacific/Auckland'
/** Sunday, 16:00 in Auckland. */
const clock = { zone, now: new Date('2026-11-22T03:00:00Z') }
const due = (text: string, at = clock) => parseDue(text, at)?.due

describe('parseDue', () => {
  it.each([
    ['friday', '2026-11-27'],
    ['Friday', '2026-11-27'],
    ['fri', '2026-11-27'],
    ['next friday', '2026-11-27'],
    ['last friday', '2026-11-20'],
    ['today', '2026-11-22'],
    ['tonight', '2026-11-22'],
    ['this evening', '2026-11-22'],
    ['tomorrow', '2026-11-23'],
    ['  the  day after tomorrow ', '2026-11-24'],
    ['yesterday', '2026-11-21'],
    ['next week', '2026-11-29'],
    ['tuesday next week', '2026-11-24'],
    ['in 3 days', '2026-11-25'],
    ['in a month', '2026-12-22'],
    ['next month', '2026-12-22'],
    ['end of month', '2026-11-30'],
    ['27 nov', '2026-11-27'],
    ['friday, 27 november', '2026-11-27'],
    ['the 1st of december', '2026-12-01'],
    ['1 december 2027', '2027-12-01'],
    ['sept 5', '2027-09-05'],
    ['27/11', '2026-11-27'],
    ['4/4', '2027-04-04'],
    ['27.11.2026', '2026-11-27'],
    ['2026-11-27', '2026-11-27'],
    ['2020-01-31', '2020-01-31'],
    ['2028-02-29', '2028-02-29'],
  ])('reads the day %s', (text, expected) => {
    expect(due(text)).toBe(expected)
  })

  it.each([
    ['tomorrow at 5pm', '2026-11-23T04:00:00.000Z'],
    ['tomorrow at 5', '2026-11-23T04:00:00.000Z'],
    ['tomorrow 17:00', '2026-11-23T04:00:00.000Z'],
    ['friday at noon', '2026-11-26T23:00:00.000Z'],
    ['17:00', '2026-11-22T04:00:00.000Z'],
    ['15:00', '2026-11-23T02:00:00.000Z'],
    ['in 2 hours', '2026-11-22T05:00:00.000Z'],
    ['in 90 minutes', '2026-11-22T04:30:00.000Z'],
    ['3pm utc', '2026-11-22T15:00:00.000Z'],
    ['2026-11-27T17:00', '2026-11-27T04:00:00.000Z'],
    ['2026-11-27 17:00', '2026-11-27T04:00:00.000Z'],
    ['2026-11-27 at 17:00', '2026-11-27T04:00:00.000Z'],
    ['2026-11-27 5pm', '2026-11-27T04:00:00.000Z'],
    ['2026-11-27T17:00:30+13:00', '2026-11-27T04:00:30.000Z'],
    ['2026-11-27T04:00:00Z', '2026-11-27T04:00:00.000Z'],
    ['2026-11-27T04:00:00.123-05:30', '2026-11-27T09:30:00.000Z'],
  ])('reads the time %s in the zone', (text, expected) => {
    expect(due(text)).toBe(expected)
  })

  it.each([
    ['2026-02-30', 'does not exist'],
    ['2026-13-01', 'does not exist'],
    ['2026-02-30 5pm', 'does not exist'],
    ['30 february', 'does not exist'],
    ['2026-11-27T24:00', 'does not exist'],
    ['2026-11-27T17:00+25:00', 'does not exist'],
    ['monday 27 november', 'contradicts itself'],
    ['3/4', 'is another day elsewhere'],
    ['3/4/2026', 'is another day elsewhere'],
    ['friday to sunday', 'is two dates'],
    ['friday and saturday', 'is two dates'],
    ['friday and then some', 'has words left over'],
    ['friday?', 'has more than a date'],
    ['november', 'is no day'],
    ['this week', 'is no day'],
    ['5 minutes', 'is a length of time'],
    ['2 days', 'is a length of time'],
    ['now', 'cannot be missed'],
    ['10', 'is a number'],
    ['2027', 'is a number'],
    ['', 'is empty'],
    [`friday ${' '.repeat(200)}`, 'is too long to be a date'],
  ])('does not guess at %j, which %s', (text) => {
    expect(due(text)).toBeUndefined()
  })

  it('counts days where the operator is, not where the machine is', () => {
    const now = new Date('2026-11-22T12:00:00Z')
    expect(due('today', { zone: 'Pacific/Auckland', now })).toBe('2026-11-23')
    expect(due('today', { zone: 'America/New_York', now })).toBe('2026-11-22')
    expect(due('the day after tomorrow', { zone: 'Pacific/Auckland', now })).toBe('2026-11-25')
    expect(due('tomorrow 09:00', { zone: 'America/New_York', now })).toBe('2026-11-23T14:00:00.000Z')
  })

  it('keeps the hour said across a change of summer time, and counts hours through it', () => {
    // Clocks in Auckland go from 02:00 to 03:00 on 27 September 2026.
    const now = new Date('2026-09-26T10:00:00Z')
    expect(due('tomorrow 09:00', { zone, now })).toBe('2026-09-26T20:00:00.000Z')
    expect(due('today 23:00', { zone, now })).toBe('2026-09-26T11:00:00.000Z')
    expect(due('in 8 hours', { zone, now })).toBe('2026-09-26T18:00:00.000Z')
    expect(formatDue('2026-09-26T18:00:00.000Z', { zone, now })).toBe('Sun 27 Sep 2026 07:00')
  })

  it('moves a time that summer time skips on by the gap, and takes the first of two', () => {
    expect(due('2026-09-27T02:30')).toBe('2026-09-26T14:30:00.000Z')
    expect(formatDue('2026-09-26T14:30:00.000Z', clock)).toBe('Sun 27 Sep 2026 03:30')
    expect(due('2026-04-05T02:30')).toBe('2026-04-04T13:30:00.000Z')
  })

  it('gives back every instant that it can show, in any zone', () => {
    const zones = ['UTC', zone, 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Europe/Berlin']
    const minutes = fc.integer({ min: Date.UTC(2000) / 60_000, max: Date.UTC(2090) / 60_000 })
    fc.assert(
      fc.property(fc.constantFrom(...zones), minutes, (anywhere, minute) => {
        const at = { zone: anywhere, now: clock.now }
        const instant = new Date(minute * 60_000).toISOString()
        const shown = formatDue(instant, at)
        const read = due(shown.slice(4), at)
        // Of an hour that comes twice, the first is meant; either way the wall clock shows what was said.
        expect(read && formatDue(read, at)).toBe(shown)
        expect(Math.abs(Date.parse(read!) - Date.parse(instant))).toBeLessThanOrEqual(3_600_000)
      }),
      { numRuns: 500 },
    )
  })

  it('never throws, whatever is said', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom('0000-00-00', '2026-1-1', 'in -3 days')), (text) => {
        const read = due(text)
        if (read) expect(Number.isNaN(Date.parse(read))).toBe(false)
      }),
    )
  })

  it('says which zone is not one', () => {
    expect(() => due('tomorrow', { zone: 'Middle/Earth', now: clock.now })).toThrow(
      'zone: "Middle/Earth" is not a time zone; use an IANA name such as Pacific/Auckland',
    )
  })
})

describe('formatDue', () => {
  it('writes a day without a time, and an instant with the time in the zone', () => {
    expect(formatDue('2026-11-27', clock)).toBe('Fri 27 Nov 2026')
    expect(formatDue('2026-11-27T04:00:00Z', clock)).toBe('Fri 27 Nov 2026 17:00')
    expect(formatDue('2026-09-05', clock)).toBe('Sat 5 Sep 2026')
  })
})

describe('days', () => {
  it('begin and end at midnight in the zone', () => {
    expect(today(clock)).toBe('2026-11-22')
    expect(dayBounds('today', clock)).toEqual({
      from: '2026-11-21T11:00:00.000Z',
      to: '2026-11-22T11:00:00.000Z',
    })
    expect(dayBounds('tomorrow', clock).from).toBe(dayBounds('today', clock).to)
    expect(dayBounds('yesterday', clock).to).toBe(dayBounds('today', clock).from)
  })

  it('last 23 or 25 hours when the clocks change', () => {
    const hours = (day: string) => {
      const { from, to } = dayBounds(day, clock)
      return (Date.parse(to) - Date.parse(from)) / 3_600_000
    }
    expect([hours('2026-09-27'), hours('2026-04-05'), hours('2026-11-22')]).toEqual([23, 25, 24])
  })

  it('are refused when they are none', () => {
    expect(() => dayBounds('2026-02-30', clock)).toThrow(
      'day: "2026-02-30" is not a date; write it as 2026-11-27',
    )
  })

  it('count across months and belong to the week of the Monday before', () => {
    expect(addDays('2026-02-27', 2)).toBe('2026-03-01')
    expect(addDays('2026-01-01', -1)).toBe('2025-12-31')
    expect(['2026-11-16', '2026-11-22'].map(mondayOf)).toEqual(['2026-11-16', '2026-11-16'])
    expect(mondayOf('2026-11-23')).toBe('2026-11-23')
  })
})
