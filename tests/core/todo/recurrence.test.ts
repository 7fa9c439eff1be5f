import { describe, expect, it } from 'vitest'
import { firstDue, nextDue, settled } from '../../../f/hai/core/todo/recurrence.ts'
import { parseRecurrence, recurrenceText } from '../../../f/hai/core/todo/recurrence_words.ts'

const ZONE = 'Europe/Berlin'
/** A Wednesday, 13:00 in Berlin. */
const NOON = '2026-11-25T12:00:00Z'
const clockAt = (now = NOON, zone = ZONE) => ({ zone, now: new Date(now) })

const rule = (text: string) => {
  const read = parseRecurrence(text, clockAt())
  if (!read) throw new Error(`“${text}” was not read`)
  return read
}

const READ: [string, string][] = [
  ['every day', 'every day'],
  ['daily', 'every day'],
  ['each day', 'every day'],
  ['Every Day at 7', 'every day at 07:00'],
  ['every day at 7am', 'every day at 07:00'],
  ['every day at 19:30', 'every day at 19:30'],
  ['every day at noon', 'every day at 12:00'],
  ['daily at 6pm', 'every day at 18:00'],
  ['every morning', 'every day'],
  ['every other day', 'every 2 days'],
  ['every two days', 'every 2 days'],
  ['every 10 days', 'every 10 days'],
  ['every weekday', 'every weekday'],
  ['every workday at 8:15', 'every weekday at 08:15'],
  ['every weekend', 'every Saturday'],
  ['every monday', 'every Monday'],
  ['every mon', 'every Monday'],
  ['each Tuesday', 'every Tuesday'],
  ['every sunday night', 'every Sunday'],
  ['every monday and thursday', 'every Mon and Thu'],
  ['every thu, mon and sat', 'every Mon, Thu and Sat'],
  ['every mon/wed/fri', 'every Mon, Wed and Fri'],
  ['every week', 'every week'],
  ['weekly', 'every week'],
  ['weekly on friday', 'every Friday'],
  ['every week on friday', 'every Friday'],
  ['every 2 weeks', 'every 2 weeks'],
  ['fortnightly', 'every 2 weeks'],
  ['every other week', 'every 2 weeks'],
  ['every other monday', 'every 2 weeks on Monday'],
  ['every 2 weeks on mon and thu at 18:00', 'every 2 weeks on Mon and Thu at 18:00'],
  ['every month', 'every month'],
  ['monthly', 'every month'],
  ['monthly on the 1st', 'every month on the 1st'],
  ['monthly on 15', 'every month on the 15th'],
  ['every month on the last day', 'every month on the last day'],
  ['every last day of the month', 'every month on the last day'],
  ['every 31st', 'every month on the 31st'],
  ['every 22nd of the month', 'every month on the 22nd'],
  ['every first monday of the month', 'every month on the first Monday'],
  ['monthly on the last friday', 'every month on the last Friday'],
  ['every 2nd tuesday of the month at 9:00', 'every month on the second Tuesday at 09:00'],
  ['every 3 months', 'every 3 months'],
  ['quarterly', 'every 3 months'],
  ['every 6 months on the 1st', 'every 6 months on the 1st'],
  ['every year', 'every year'],
  ['annually', 'every year'],
  ['yearly on 3 Dec', 'every year on 3 Dec'],
  ['yearly on december 3rd', 'every year on 3 Dec'],
  ['every 29 feb', 'every year on 29 Feb'],
  ['every 2 years on 1 march', 'every 2 years on 1 Mar'],
  ['every 3 days after', 'every 3 days after it is done'],
  ["every 3 days after it's done", 'every 3 days after it is done'],
  ['every 2 weeks after completion', 'every 2 weeks after it is done'],
  ['every month at 9:00 after done', 'every month at 09:00 after it is done'],
]

describe('a rule', () => {
  it.each(READ)('“%s” is %s', (text, shown) => {
    expect(recurrenceText(rule(text))).toBe(shown)
    // what is shown can be said
    expect(rule(shown)).toEqual(rule(text))
  })

  it.each([
    ...['every', 'monday', '3 days', 'every disk', 'every time', 'every day is a school day', 'each of them'],
    ...[
      'every 5 minutes',
      'every hour',
      'every 0 days',
      'every 5000 days',
      'every -1 days',
      'every 1.5 days',
    ],
    ...[
      'every second monday',
      'every 32nd',
      'every 30 feb',
      'every 31 june',
      'every fifth monday of the month',
    ],
    ...[
      'every monday after',
      'every 1st after it is done',
      'every day at',
      'every day at 25',
      'every day at five-ish',
    ],
    ...[
      'every 3 days after lunch',
      'daily backups',
      'weekly report',
      'every monday backup',
      'every now and then',
    ],
    ...['every monday or tuesday', 'every day until friday', `every ${'9'.repeat(50)} days`, '', ' '],
  ])('“%s” is none', (text) => {
    expect(parseRecurrence(text, clockAt())).toBeUndefined()
  })

  it('is read in no time, however it is written', () => {
    const long = [
      `every ${'mon, '.repeat(20_000)}`,
      `every${' '.repeat(100_000)}day`,
      `every ${'a '.repeat(40)}`,
    ]
    for (const text of long) expect(parseRecurrence(text, clockAt())).toBeUndefined()
  })
})

describe('firstDue', () => {
  it.each([
    ['every day', NOON, '2026-11-25'],
    ['every monday', NOON, '2026-11-30'],
    ['every wednesday', NOON, '2026-11-25'],
    ['every wednesday at 14:00', NOON, '2026-11-25T13:00:00.000Z'],
    ['every wednesday at 12:00', NOON, '2026-12-02T11:00:00.000Z'],
    ['every day at 7', NOON, '2026-11-26T06:00:00.000Z'],
    ['every 2 weeks at 7', NOON, '2026-11-26T06:00:00.000Z'],
    ['every weekday', '2026-11-28T12:00:00Z', '2026-11-30'],
    ['monthly on the 1st', NOON, '2026-12-01'],
    ['monthly on the 31st', '2026-02-10T12:00:00Z', '2026-02-28'],
    ['monthly on the last day', '2028-02-10T12:00:00Z', '2028-02-29'],
    ['every last friday of the month', NOON, '2026-11-27'],
    ['every first monday of the month', NOON, '2026-12-07'],
    ['yearly on 3 dec', NOON, '2026-12-03'],
    ['yearly on 3 may', NOON, '2027-05-03'],
    ['every 3 days after', NOON, '2026-11-25'],
    // Sunday in Berlin, still Saturday in UTC
    ['every day', '2026-11-28T23:30:00Z', '2026-11-29'],
  ])('of “%s” at %s is %s', (text, now, first) => {
    expect(firstDue(rule(text), clockAt(now))).toBe(first)
  })
})

const NEXT: [string, string, string, string][] = [
  // rule, due, done at, next
  ['every day', '2026-11-25', NOON, '2026-11-26'],
  ['every day', '2026-11-20', NOON, '2026-11-26'],
  ['every day', '2026-11-30', NOON, '2026-12-01'],
  ['every monday', '2026-11-23', NOON, '2026-11-30'],
  ['every monday', '2026-11-30', NOON, '2026-12-07'],
  ['every monday', '2026-10-05', NOON, '2026-11-30'],
  ['every monday', '2026-11-27', NOON, '2026-11-30'],
  ['every monday and friday', '2026-11-23', NOON, '2026-11-27'],
  ['every weekday', '2026-11-27', '2026-11-27T12:00:00Z', '2026-11-30'],
  ['every 2 weeks', '2026-11-23', NOON, '2026-12-07'],
  ['every 2 weeks', '2026-09-01', NOON, '2026-12-08'],
  ['every 2 weeks on tue', '2026-11-24', NOON, '2026-12-08'],
  ['every 2 weeks on tue', '2026-11-03', NOON, '2026-12-01'],
  ['every 2 weeks on mon and thu', '2026-11-23', NOON, '2026-11-26'],
  ['every 3 days', '2026-11-20', NOON, '2026-11-26'],
  ['every 3 days', '2026-11-22', NOON, '2026-11-28'],
  ['every 3 days after', '2026-11-01', NOON, '2026-11-28'],
  ['every 3 days after', '2026-12-24', NOON, '2026-11-28'],
  ['monthly on the 31st', '2026-01-31', '2026-01-31T12:00:00Z', '2026-02-28'],
  ['monthly on the 31st', '2026-02-28', '2026-02-28T12:00:00Z', '2026-03-31'],
  ['monthly on the 31st', '2026-03-31', '2026-03-31T12:00:00Z', '2026-04-30'],
  ['monthly on the last day', '2028-01-31', '2028-01-31T12:00:00Z', '2028-02-29'],
  ['every month after', '2026-01-31', '2026-01-31T12:00:00Z', '2026-02-28'],
  ['every 3 months on the 30th', '2026-11-30', '2026-11-30T12:00:00Z', '2027-02-28'],
  ['every 3 months on the 1st', '2026-01-01', NOON, '2027-01-01'],
  ['every first monday of the month', '2026-11-02', NOON, '2026-12-07'],
  ['every last friday of the month', '2026-10-30', NOON, '2026-11-27'],
  ['every last friday of the month', '2026-11-27', NOON, '2026-12-25'],
  ['yearly on 29 feb', '2028-02-29', '2028-02-29T12:00:00Z', '2029-02-28'],
  ['yearly on 29 feb', '2031-02-28', '2031-02-28T12:00:00Z', '2032-02-29'],
  ['every 2 years on 3 dec', '2026-12-03', '2026-12-05T12:00:00Z', '2028-12-03'],
  ['every day', '1999-01-01', NOON, '2026-11-26'],
  // over the hour that the clocks leave out, and the one they have twice: 7 stays 7, and 02:30 comes back
  ['every day at 7', '2026-03-28T06:00:00Z', '2026-03-28T07:00:00Z', '2026-03-29T05:00:00.000Z'],
  ['every day at 7', '2026-10-24T05:00:00Z', '2026-10-24T06:00:00Z', '2026-10-25T06:00:00.000Z'],
  ['every day at 2:30', '2026-03-28T01:30:00Z', '2026-03-28T05:00:00Z', '2026-03-29T01:30:00.000Z'],
  ['every day at 2:30', '2026-03-29T01:30:00Z', '2026-03-29T05:00:00Z', '2026-03-30T00:30:00.000Z'],
  // done before its hour, after it, days later in the morning and in the evening
  ['every day at 7', '2026-11-25T06:00:00Z', '2026-11-25T05:00:00Z', '2026-11-26T06:00:00.000Z'],
  ['every day at 7', '2026-11-25T06:00:00Z', NOON, '2026-11-26T06:00:00.000Z'],
  ['every day at 7', '2026-11-20T06:00:00Z', '2026-11-25T05:00:00Z', '2026-11-25T06:00:00.000Z'],
  ['every day at 7', '2026-11-20T06:00:00Z', NOON, '2026-11-26T06:00:00.000Z'],
  ['every monday at 0:30', '2026-11-22T23:30:00Z', NOON, '2026-11-29T23:30:00.000Z'],
]

describe('nextDue', () => {
  it.each(NEXT)('of “%s” due %s, done at %s, is %s', (text, due, now, next) => {
    expect(nextDue(rule(text), due, clockAt(now))).toBe(next)
  })

  it.each([
    ['every monday', '2026-11-23', '2026-11-30T12:00:00Z', '2026-11-30'],
    ['every monday', '2026-11-30', '2026-11-30T12:00:00Z', '2026-12-07'],
    ['every day at 7', '2026-11-24T06:00:00Z', NOON, '2026-11-26T06:00:00.000Z'],
    ['every 3 days after', '2026-11-24', NOON, '2026-11-28'],
  ])('of “%s” due %s, skipped at %s, is %s', (text, due, now, next) => {
    expect(nextDue(rule(text), due, clockAt(now), { skipped: true })).toBe(next)
  })

  it('is in the zone of whoever made the rule', () => {
    const auckland = clockAt(NOON, 'Pacific/Auckland')
    // 01:00 on Thursday there
    expect(nextDue(rule('every day'), '2026-11-25', auckland)).toBe('2026-11-27')
    expect(nextDue(rule('every thursday at 7'), null, auckland)).toBe('2026-11-25T18:00:00.000Z')
  })

  it('has an end with the calendar', () => {
    for (const text of [
      'every day',
      'every week',
      'every month',
      'every year',
      'every 1000 years',
      'every friday',
    ])
      expect(nextDue(rule(text), '2999-12-31', clockAt())).toBeUndefined()
    expect(nextDue(rule('every first monday of the month'), '2999-12-31', clockAt())).toBeUndefined()
  })

  it('goes through a year without a gap', () => {
    let due: string | undefined = '2026-12-31'
    const seen: string[] = []
    while (due && due < '2028-01-01') {
      seen.push(due)
      due = nextDue(rule('every month on the 31st'), due, clockAt(`${due}T12:00:00Z`))
    }
    expect(seen.map((day) => day.slice(5))).toEqual([
      ...['12-31', '01-31', '02-28', '03-31', '04-30', '05-31', '06-30', '07-31', '08-31', '09-30', '10-31'],
      ...['11-30', '12-31'],
    ])
  })
})

describe('settled', () => {
  it.each([
    ['every month', '2026-01-31', 'every month on the 31st'],
    ['every 2 months', '2026-11-25T22:30:00Z', 'every 2 months on the 25th at 23:30'],
    ['every year', '2028-02-29', 'every year on 29 Feb'],
    ['every month after', '2026-01-31', 'every month after it is done'],
    ['every day', '2026-11-25T06:00:00Z', 'every day at 07:00'],
    ['every week', '2026-11-25', 'every week'],
    ['every monday at 7', '2026-11-27T20:00:00Z', 'every Monday at 07:00'],
  ])('“%s” from %s is %s', (text, due, shown) => {
    expect(recurrenceText(settled(rule(text), due, ZONE))).toBe(shown)
  })
})
