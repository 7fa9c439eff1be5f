import { beforeAll, describe, expect, it, vi } from 'vitest'
import { dueText, duration, pastInstant, relative, seconds, timeOfDay } from '../../../cli/show/words.ts'

beforeAll(() => {
  vi.stubEnv('TZ', 'Europe/Berlin')
})

/** Sunday 22 November 2026, 15:00 in Berlin. */
const now = new Date('2026-11-22T14:00:00Z')

describe('an instant', () => {
  it.each([
    ['2026-11-22T13:59:50Z', 'just now'],
    ['2026-11-22T14:00:20Z', 'in a moment'],
    ['2026-11-22T13:57:00Z', '3 min ago'],
    ['2026-11-22T14:04:00Z', 'in 4 min'],
    ['2026-11-22T12:00:00Z', '2 h ago'],
    ['2026-11-21T13:05:00Z', 'yesterday 14:05'],
    ['2026-11-23T08:00:00Z', 'tomorrow 09:00'],
    ['2026-11-27T14:00:00Z', 'Fri 27 Nov'],
    ['2025-11-27T14:00:00Z', 'Thu 27 Nov 2025'],
  ])('%s is said as %s', (instant, said) => {
    expect(relative(instant, now)).toBe(said)
  })

  it('is shown in local time', () => {
    expect(timeOfDay('2026-11-22T14:03:09Z')).toBe('15:03:09')
  })
})

describe('a due date', () => {
  it.each([
    ['2026-11-22', 'today'],
    ['2026-11-23', 'tomorrow'],
    ['2026-11-21', 'yesterday'],
    ['2026-11-27', 'Fri 27 Nov'],
    ['2027-01-01', 'Fri 1 Jan 2027'],
    ['2026-11-23T16:00:00Z', 'tomorrow 17:00'],
    ['2026-11-22T23:30:00Z', 'tomorrow 00:30'],
  ])('%s is said as %s', (due, said) => {
    expect(dueText(due, now)).toBe(said)
  })

  it('counts days, not hours, over a change of the clock', () => {
    const before = new Date('2026-03-28T22:30:00Z')
    expect(dueText('2026-03-29', before)).toBe('tomorrow')
    expect(dueText('2026-03-30', before)).toBe('Mon 30 Mar')
  })
})

describe('a length of time', () => {
  it.each([
    ['90', 90],
    ['1.5m', 90],
    ['2h', 7200],
    ['3d', 259_200],
    ['1 w', 604_800],
    ['0', undefined],
    ['-5', undefined],
    ['soon', undefined],
    ['5x', undefined],
    ['', undefined],
  ])('%j is %s seconds', (text, value) => {
    expect(seconds(text)).toBe(value)
  })
})

describe('a moment in the past', () => {
  it.each([
    ['2h', '2026-11-22T12:00:00.000Z'],
    ['today', '2026-11-21T23:00:00.000Z'],
    ['Yesterday', '2026-11-20T23:00:00.000Z'],
    ['2026-11-20', '2026-11-19T23:00:00.000Z'],
    ['2026-11-20T17:00', '2026-11-20T16:00:00.000Z'],
    ['2026-11-20T17:00Z', '2026-11-20T17:00:00.000Z'],
    ['2026-11-20T17:00+13:00', '2026-11-20T04:00:00.000Z'],
    ['2026-02-30', undefined],
    ['2026-13-01', undefined],
    ['2026-11-20T25:00', undefined],
    ['friday', undefined],
    ['0h', undefined],
  ])('%j is %s', (text, instant) => {
    expect(pastInstant(text, now)).toBe(instant)
  })
})

it.each([
  [0, '0 ms'],
  [999.6, '1.0 s'],
  [4_240, '4.2 s'],
  [9_960, '10 s'],
  [59_600, '1 min 0 s'],
  [185_000, '3 min 5 s'],
  [7_830_000, '2 h 10 min'],
])('a length of %d ms is said as %s', (ms, said) => {
  expect(duration(ms)).toBe(said)
})
