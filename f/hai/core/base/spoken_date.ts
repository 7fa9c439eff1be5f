import * as chrono from 'chrono-node/en'
import {
  addDays,
  type Clock,
  instantAt,
  isDay,
  lastOfMonth,
  mondayOf,
  monthsAfter,
  today,
  wallClock,
  weekdayOf,
} from './dates.ts'
import { type Hour, takeHour } from './spoken_hour.ts'

/**
 * What a phrase says of a date: the one that is meant (a day as `YYYY-MM-DD`, a time as a UTC instant), the two that it may
 * mean, the day first and the month first, or why there is none such.
 */
export type Reading = { due: string } | { either: [string, string] } | { none: string }

/** A day, or why there is none; `again` is the same said of the time after, of days that come back. */
type Day =
  | { day: string; again?: string }
  | { either: [string, string] }
  | { none: string }
  | { instant: Date }

/** Reads a date that fills the whole of `phrase`: lower case, single spaces. Undefined for what is none. */
export function spokenDate(phrase: string, clock: Clock): Reading | undefined {
  const said = phrase
    .replace(/^(?:on|at|by) (?=.)/, (marker) => (marker === 'at ' ? marker : ''))
    .replace(/,(?= |$)/g, '')
    .replace(/\b(?:the )?day after tomorrow\b/, 'overmorrow')
  const timed = takeHour(said)
  if (timed) {
    const day = dayOf(timed.rest, clock)
    if (day) return atHour(day, timed.hour, timed.rest, clock)
  }
  return byLibrary(phrase, clock)
}

function atHour(day: Day, hour: Hour | undefined, said: string, clock: Clock): Reading | undefined {
  if ('none' in day) return day
  if ('instant' in day) return hour ? undefined : { due: day.instant.toISOString() }
  if ('either' in day) {
    const both = day.either.map((one) => atHour({ day: one }, hour, said, clock))
    const dues = both.flatMap((one) => (one && 'due' in one ? [one.due] : []))
    return dues.length === 2 ? { either: [dues[0]!, dues[1]!] } : undefined
  }
  if (!hour || hour.part) return said === '' ? undefined : { due: day.day }
  const at = (on: string, { hours, minutes }: { hours: number; minutes: number }) =>
    instantAt(new Date(Date.parse(`${on}T00:00Z`) + (hours * 60 + minutes) * 60_000), clock.zone)
  const passed = (instant: Date) => instant.getTime() <= clock.now.getTime()
  const first = at(day.day, hour)
  if (!passed(first)) return { due: first.toISOString() }
  // an hour that may be of the morning or of the evening is the one that is yet to come
  const evening = hour.either && at(day.day, { ...hour, hours: hour.hours + 12 })
  if (evening && day.day === today(clock) && !passed(evening)) return { due: evening.toISOString() }
  if (day.again !== undefined) return { due: at(day.again, hour).toISOString() }
  // midnight of a day that has begun is the one by which it ends
  if (hour.midnight && day.day === today(clock)) return { due: at(addDays(day.day, 1), hour).toISOString() }
  return { due: first.toISOString() }
}

const WEEKDAY = '(?<weekday>sun|mon|tue|wed|thu|fri|sat)(?:s?|nes|rs|ur)?(?:day)?'
const MONTH =
  '(?<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\\.?'
const MONTH_NAMES = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAY_NAMES = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const COUNT =
  '(?<count>an?|half an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|a couple of|a few|\\d{1,4}(?:\\.5)?)'
const COUNTS: Record<string, number> = {
  a: 1,
  an: 1,
  'half a': 0.5,
  'half an': 0.5,
  one: 1,
  two: 2,
  'a couple of': 2,
  three: 3,
  'a few': 3,
  four: 4,
  five: 5,
  six: 6,
  seven: 7,
  eight: 8,
  nine: 9,
  ten: 10,
  twelve: 12,
}
const UNIT =
  '(?<unit>seconds?|secs?|minutes?|mins?|hours?|hrs?|h|days?|nights?|weeks?|wks?|fortnights?|months?|years?|yrs?)'

const pattern = (text: string) => new RegExp(`^(?:${text})$`)

type Groups = Record<string, string>
type Rule = [RegExp, (said: Groups, clock: Clock, now: string) => Day | undefined]

const RULES: Rule[] = [
  [pattern(''), (_said, _clock, now) => ({ day: now, again: addDays(now, 1) })],
  [pattern('today|tonight|eod|(?:the )?end of (?:the |this )?day'), (_said, _clock, now) => ({ day: now })],
  [pattern('tomm?orr?ow|tmrw?|tmr'), (_said, _clock, now) => ({ day: addDays(now, 1) })],
  [pattern('overmorrow'), (_said, _clock, now) => ({ day: addDays(now, 2) })],
  [pattern('yesterday'), (_said, _clock, now) => ({ day: addDays(now, -1) })],
  [pattern(`(?:(?:this|coming) )?${WEEKDAY}`), ({ weekday }, _clock, now) => coming(weekday!, now)],
  [
    pattern(
      `next ${WEEKDAY}|${WEEKDAY.replace('weekday', 'of')} (?:of )?next week|next week (?:on )?${WEEKDAY.replace('weekday', 'on')}`,
    ),
    ({ weekday, of, on }, _clock, now) => ({ day: inWeek(1, (weekday ?? of ?? on)!, now) }),
  ],
  [pattern(`${WEEKDAY} after next`), ({ weekday }, _clock, now) => ({ day: inWeek(2, weekday!, now) })],
  [
    pattern(`last ${WEEKDAY}`),
    ({ weekday }, _clock, now) => ({ day: addDays(coming(weekday!, addDays(now, 0)).day, -7) }),
  ],
  [
    pattern(`${WEEKDAY} week|an? week (?:on|from) ${WEEKDAY.replace('weekday', 'from')}`),
    ({ weekday, from }, _clock, now) => ({ day: addDays(coming((weekday ?? from)!, now).day, 7) }),
  ],
  [
    pattern('today week|tomorrow week'),
    (said, _clock, now) => ({ day: addDays(now, said[0] === 'today week' ? 7 : 8) }),
  ],
  [pattern('(?:this |the |at the |over the )?weekend'), (_said, _clock, now) => weekend(now)],
  [pattern('next weekend'), (_said, _clock, now) => ({ day: addDays(mondayOf(now), 12) })],
  [pattern('next week'), (_said, _clock, now) => ({ day: addDays(now, 7) })],
  [pattern('(?:the )?week after next'), (_said, _clock, now) => ({ day: addDays(now, 14) })],
  [pattern('next month'), (_said, _clock, now) => ({ day: monthsAfter(now, 1) })],
  [pattern('next year'), (_said, _clock, now) => ({ day: monthsAfter(now, 12) })],
  [
    pattern('eo(?<short>[wmy])|(?:the )?end of (?:the |this )?(?<unit>week|month|year)'),
    ({ short, unit }, _clock, now) => ({ day: endOf(short ?? unit![0]!, now) }),
  ],
  [
    pattern('(?:the )?end of next (?<unit>week|month|year)'),
    ({ unit }, _clock, now) => ({ day: endOf(unit![0]!, later(unit!, now)) }),
  ],
  [
    pattern('(?:the )?(?:start|beginning|begin) of next (?<unit>week|month|year)'),
    ({ unit }, _clock, now) => ({ day: startOf(unit![0]!, later(unit!, now)) }),
  ],
  [
    pattern(`(?:the )?(?<end>end|start|beginning) of ${MONTH}(?: (?<year>\\d{4}))?`),
    ({ end, month, year }, _clock, now) => monthEdge(end === 'end', monthIn(month!), year, now),
  ],
  [
    pattern('(?:the )?(?<day>\\d{1,2}|first)(?:st|nd|rd|th)? (?:of )?next month'),
    ({ day }, _clock, now) => {
      const month = monthsAfter(`${now.slice(0, 7)}-01`, 1).slice(0, 7)
      return real(`${month}-${two(day === 'first' ? 1 : Number(day))}`)
    },
  ],
  [
    pattern(
      `(?:in|within) ${COUNT} ${UNIT}(?: time)?|${COUNT.replace('count', 'more')} ${UNIT.replace('unit', 'units')} from (?:now|today)`,
    ),
    ({ count, unit, more, units }, clock, now) => after((count ?? more)!, (unit ?? units)!, now, clock),
  ],
  [
    pattern('in (?<count>\\d{1,4}) ?(?<unit>m|h|d|w)'),
    ({ count, unit }, clock, now) => after(count!, unit === 'm' ? 'min' : unit!, now, clock),
  ],
  [
    pattern(
      'in (?:an|one) hour and a half|in (?<hours>\\d{1,2}) ?(?:h|hours?|hrs?)(?: and)? (?<minutes>\\d{1,2}) ?(?:m|mins?|minutes?)',
    ),
    ({ hours, minutes }, { now }) => {
      const length = hours ? Number(hours) * 60 + Number(minutes) : 90
      return { instant: new Date(now.getTime() + length * 60_000) }
    },
  ],
  [
    pattern(`${COUNT} (?<unit>days?|weeks?) (?:from|after) (?:(?<tomorrow>tomorrow)|${WEEKDAY})`),
    ({ count, unit, tomorrow, weekday }, _clock, now) => {
      const days = amount(count!) * (unit!.startsWith('w') ? 7 : 1)
      const from = tomorrow ? addDays(now, 1) : coming(weekday!, now).day
      return Number.isInteger(days) ? { day: addDays(from, days) } : undefined
    },
  ],
  [
    pattern(
      `(?:${WEEKDAY} )?(?:the )?(?<day>\\d{1,2})(?:st|nd|rd|th|\\.)?(?: of)? ${MONTH}(?: (?<year>\\d{4}))?`,
    ),
    ({ weekday, day, month, year }, _clock, now) =>
      calendar(Number(day), monthIn(month!), year, now, weekday),
  ],
  [
    pattern(`(?:${WEEKDAY} )?${MONTH} (?:the )?(?<day>\\d{1,2})(?:st|nd|rd|th)?(?: (?<year>\\d{4}))?`),
    ({ weekday, day, month, year }, _clock, now) =>
      calendar(Number(day), monthIn(month!), year, now, weekday),
  ],
  [
    pattern(`(?:${WEEKDAY} )?(?:on )?the (?<day>\\d{1,2})(?:st|nd|rd|th)?|(?<bare>\\d{1,2})(?:st|nd|rd|th)`),
    ({ weekday, day, bare }, _clock, now) => dayOfMonth(Number(day ?? bare), now, weekday),
  ],
  [
    pattern('(?<first>\\d{1,2})(?<mark>[/.-])(?<second>\\d{1,2})(?:\\k<mark>(?<year>\\d{4}|\\d\\d))?\\.?'),
    (said, clock, now) => numeric(said as never, clock, now),
  ],
  [
    pattern('(?<year>\\d{4})(?<mark>[/.-])(?<month>\\d{1,2})\\k<mark>(?<day>\\d{1,2})'),
    ({ year, month, day }) => real(`${year}-${two(Number(month))}-${two(Number(day))}`),
  ],
]

function dayOf(phrase: string, clock: Clock): Day | undefined {
  const now = today(clock)
  for (const [rule, read] of RULES) {
    const found = rule.exec(phrase)
    if (!found) continue
    const day = read({ ...found.groups, 0: found[0] }, clock, now)
    if (day) return day
  }
  return undefined
}

/** The day of that name, today at the earliest. */
function coming(weekday: string, now: string): { day: string; again: string } {
  const ahead = (DAY_NAMES.indexOf(weekday) - weekdayOf(now) + 7) % 7
  return { day: addDays(now, ahead), again: addDays(now, ahead + 7) }
}

/** The day of that name in the week so many after this one; a week begins on Monday. */
function inWeek(weeks: number, weekday: string, now: string): string {
  return addDays(mondayOf(now), weeks * 7 + ((DAY_NAMES.indexOf(weekday) + 6) % 7))
}

function weekend(now: string): Day {
  return weekdayOf(now) === 0 ? { day: now } : { day: coming('sat', now).day }
}

const later = (unit: string, now: string) =>
  unit === 'week' ? addDays(now, 7) : monthsAfter(`${now.slice(0, 7)}-01`, unit === 'year' ? 12 : 1)

function endOf(unit: string, day: string): string {
  if (unit === 'w') return addDays(mondayOf(day), 6)
  return unit === 'm' ? lastOfMonth(day) : `${day.slice(0, 4)}-12-31`
}

function startOf(unit: string, day: string): string {
  if (unit === 'w') return mondayOf(day)
  return unit === 'm' ? `${day.slice(0, 7)}-01` : `${day.slice(0, 4)}-01-01`
}

const monthIn = (name: string) => MONTH_NAMES.indexOf(name.slice(0, 3)) + 1
const amount = (said: string) => COUNTS[said] ?? Number(said)

function after(count: string, unit: string, now: string, clock: Clock): Day | undefined {
  const many = amount(count)
  const [kind] = unit.match(/^(?:s|mi|h|d|n|w|f|mo|y)/)!
  const seconds = { s: 1, mi: 60, h: 3600 }[kind]
  if (seconds) return { instant: new Date(clock.now.getTime() + many * seconds * 1000) }
  const days = { d: 1, n: 1, w: 7, f: 14 }[kind]
  // half a week is no number of days
  if (days) return (Number.isInteger(many * days) && { day: addDays(now, many * days) }) || undefined
  const months = many * (kind === 'y' ? 12 : 1)
  return Number.isInteger(months) && months < 12_000 ? { day: monthsAfter(now, months) } : undefined
}

function monthEdge(end: boolean, month: number, year: string | undefined, now: string): Day {
  const edge = (of: number) => {
    const first = `${of}-${two(month)}-01`
    return end ? lastOfMonth(first) : first
  }
  if (year) return { day: edge(Number(year)) }
  const thisYear = Number(now.slice(0, 4))
  return { day: edge(thisYear) < now ? edge(thisYear + 1) : edge(thisYear) }
}

/** A day of the calendar; without a year, the next that comes, today at the earliest. */
function calendar(day: number, month: number, year: string | undefined, now: string, weekday?: string): Day {
  const name = `${day} ${MONTH_NAMES[month - 1]}`
  if (year) return matching(real(`${fullYear(year)}-${two(month)}-${two(day)}`), weekday)
  const first = Number(now.slice(0, 4))
  // a leap day may be eight years away
  const years = Array.from({ length: 9 }, (_, n) => `${first + n}-${two(month)}-${two(day)}`)
  const days = years.filter((one) => isDay(one) && one >= now)
  if (days.length === 0) return { none: `there is no ${name}` }
  const wanted = weekday
    ? days.slice(0, 1).filter((one) => weekdayOf(one) === DAY_NAMES.indexOf(weekday))
    : days
  if (wanted.length === 0) return { none: `${name} is no ${weekday}` }
  return { day: wanted[0]!, again: wanted[1] ?? wanted[0]! }
}

function matching(day: Day, weekday: string | undefined): Day {
  if (!weekday || !('day' in day) || weekdayOf(day.day) === DAY_NAMES.indexOf(weekday)) return day
  return { none: `${day.day} is no ${weekday}` }
}

/** The next month that has the day. */
function dayOfMonth(day: number, now: string, weekday: string | undefined): Day | undefined {
  if (day < 1 || day > 31) return undefined
  const months = Array.from({ length: 12 }, (_, n) => monthsAfter(`${now.slice(0, 7)}-01`, n).slice(0, 7))
  const days = months.map((month) => `${month}-${two(day)}`).filter((one) => isDay(one) && one >= now)
  if (weekday && days[0]) return matching({ day: days[0] }, weekday)
  return days[0] === undefined ? undefined : { day: days[0], ...(days[1] ? { again: days[1] } : {}) }
}

/** Only the order of day and month tells 3/4 from 4/3, and that differs from country to country; with dots the day is first. */
function numeric(
  { first, mark, second, year }: { first: string; mark: string; second: string; year?: string },
  { dayFirst }: Clock,
  now: string,
): Day | undefined {
  if (`${first}${mark}${second}` === '24/7') return undefined
  const one = calendar(Number(first), Number(second), year, now)
  const other = calendar(Number(second), Number(first), year, now)
  const ordered = mark === '.' ? true : dayFirst
  const [wanted, unwanted] = ordered === false ? [other, one] : [one, other]
  if (!('day' in wanted)) return mark === '.' || !('day' in unwanted) ? noneOf(wanted) : unwanted
  if (ordered !== undefined || !('day' in unwanted) || wanted.day === unwanted.day) return wanted
  return { either: [wanted.day, unwanted.day] }
}

const noneOf = (day: Day): Day | undefined =>
  'none' in day && !day.none.includes('undefined') ? day : undefined

const fullYear = (year: string) => (year.length === 2 ? `20${year}` : year)
const two = (value: number) => String(value).padStart(2, '0')

function real(day: string): Day {
  return isDay(day) ? { day } : { none: `there is no ${day}` }
}

/** What is left is the library's: zones by name, and the rarer ways to say a time. */
function byLibrary(phrase: string, { zone, now }: Clock): Reading | undefined {
  if (!/\b(?:utc|gmt|[a-z]{1,3}t|ago)$|^(?:in|within) .* and /.test(phrase)) return undefined
  const offset = (wallClock(now, zone).getTime() - now.getTime()) / 60_000
  const [only, ...more] = chrono.casual.parse(
    phrase,
    { instant: now, timezone: offset },
    { forwardDate: true },
  )
  if (!only || more.length > 0 || only.end || only.text.length !== phrase.length) return undefined
  const { start } = only
  if (!start.isCertain('timezoneOffset') || !start.isCertain('hour')) return undefined
  return { due: start.date().toISOString() }
}
