import { instantAt, wallClock } from './dates.ts'
import { ownZone } from './time.ts'
import { WEEKDAYS } from './words.ts'

/** Any of the ways in which a server, or the program before it, says when it may be asked again. */
export interface Told {
  headers?: Record<string, string> | undefined
  /** A body as it came, or a sentence. */
  text?: string
}

/** From which moment and in whose zone a time of day is to be understood. */
export interface Reader {
  now: Date
  /** Of times that name none: the machine's own, as that is where such programs say them. */
  zone: string
}

/**
 * For so many seconds from now nobody is to ask again, at least. Undefined when nobody says, or when what was said is over
 * already: that is no leave to ask at once, as a server whose clock is slow says it at each refusal.
 */
export function resetSeconds(told: Told): number | undefined {
  const at = { now: new Date(), zone: ownZone() }
  return secondsUntil(resetTime(told, at), at.now)
}

/** The same of a moment. */
export function secondsUntil(moment: Date | undefined, now = new Date()): number | undefined {
  const seconds = moment && (moment.getTime() - now.getTime()) / 1000
  return seconds === undefined || seconds < 0 ? undefined : seconds
}

/** Whether a time is said at all, be it over. */
export const saysWhen = (told: Told): boolean =>
  resetTime(told, { now: new Date(), zone: ownZone() }) !== undefined

/**
 * When the server may be asked again, at the earliest; it may lie in the past. Where several say so the latest holds, and
 * what is said outright before the state of a bucket. Undefined when nobody says.
 */
export function resetTime({ headers = {}, text = '' }: Told, at: Reader): Date | undefined {
  const words = text.slice(0, LONGEST_WORDS)
  const said = [...outright(headers, at.now), ...keyed(words, at.now), ...inProse(words, at)]
  return latest(said) ?? bucketReset(headers, at.now)
}

/** A refusal is short; what is longer is a page or a dump. */
const LONGEST_WORDS = 8000
/** Whoever says more than so many times when to come again says nothing. */
const MOST_TIMES = 20

/** Long after every limit, and a moment that a Date holds still when the clock has moved on: what is further away comes to the same. */
const LAST_MS = 8e15

/** The latest of those that there are: the 99th of a month is none. */
function latest(dates: Date[]): Date | undefined {
  const times = dates.map((date) => date.getTime()).filter((time) => !Number.isNaN(time))
  return times.length > 0 ? new Date(Math.max(...times)) : undefined
}

const after = (now: Date, milliseconds: number) => new Date(Math.min(LAST_MS, now.getTime() + milliseconds))

function outright(headers: Record<string, string>, now: Date): Date[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    const [, ms] = /^(?:x-)?(?:ms-)?retry-after(-ms)?$/i.exec(name) ?? []
    if (!/retry-after/i.test(name)) return []
    return dateOf(value, now, ms ? 1 : 1000) ?? []
  })
}

/**
 * A moment as protocols write it: seconds from now, seconds or milliseconds since 1970, `6m0s`, `34s`, or a date.
 * `unit`: milliseconds that a bare small number counts.
 */
function dateOf(given: string, now: Date, unit = 1000): Date | undefined {
  const value = given.trim()
  if (/^-?\d+(\.\d+)?$/.test(value)) {
    const number = Number(value)
    // nobody can have been told to come again before asking
    if (number < 0) return undefined
    return unit === 1000 && number > 1e9 ? epochDate(number) : after(now, number * unit)
  }
  const milliseconds = durationOf(value)
  if (milliseconds !== undefined) return after(now, milliseconds)
  const date = /\d{4}/.test(value) ? new Date(value) : new Date(Number.NaN)
  return Number.isNaN(date.getTime()) ? undefined : date
}

/** What is spent says when it is full again; what has room says it too, and counts only where nothing is spent. */
function bucketReset(headers: Record<string, string>, now: Date): Date | undefined {
  const lower = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
  const buckets = Object.entries(lower).flatMap(([name, value]) => {
    if (!/rate-?limit/.test(name) || !/(?:^|-)reset(?:-|$)/.test(name)) return []
    const reset = dateOf(value, now)
    const left = lower[name.replace('reset', 'remaining')]
    const status = lower[name.replace('reset', 'status')]
    const spent = left === undefined ? status === 'rejected' : Number(left) <= 0
    return reset ? [{ reset, spent }] : []
  })
  const spent = buckets.filter((bucket) => bucket.spent)
  return latest((spent.length > 0 ? spent : buckets).map(({ reset }) => reset))
}

/** Fields of a JSON body, at any depth, also of JSON that stands in a text of JSON. */
const KEYED =
  /(?<!\\)\\*"(?<key>retry[_-]?delay|retry[_-]?after(?:[_-]?(?:ms|seconds))?|resets?[_-]?(?:at|in[_-]?seconds)|x-ratelimit-reset(?:-[a-z]+)?|estimated[_-]?time)\\*"\s*:\s*\\*"?(?<value>[^"\\,}\]]+)/gi

function keyed(text: string, now: Date): Date[] {
  return [...text.matchAll(KEYED)].flatMap(({ groups }) => {
    const { key = '', value = '' } = groups ?? {}
    return dateOf(value, now, /ms$/i.test(key) ? 1 : 1000) ?? []
  })
}

const UNIT_MS: [RegExp, number][] = [
  [/^(?:ms|milliseconds?|msecs?)$/i, 1],
  [/^(?:s|secs?|seconds?)$/i, 1000],
  [/^(?:m|mins?|minutes?)$/i, 60_000],
  [/^(?:h|hrs?|hours?)$/i, 3_600_000],
  [/^(?:d|days?)$/i, 86_400_000],
  [/^(?:w|weeks?)$/i, 604_800_000],
]
const UNIT =
  '(?:milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)(?![a-z])'
const COUNT = '(?:\\d+(?:\\.\\d+)?\\s*|an?\\s+)'
const LENGTH = `(?:${COUNT}${UNIT}[,\\s]*(?:and\\s+)?)+`

/** `6m0s`, `1.5s`, `120ms`, `3 hours and 5 minutes`: milliseconds; undefined when it is anything else. */
function durationOf(text: string): number | undefined {
  if (!new RegExp(`^${LENGTH}$`, 'i').test(text.trim())) return undefined
  const parts = text.matchAll(new RegExp(`(${COUNT})(${UNIT})`, 'gi'))
  return [...parts].reduce((sum, [, count = '', unit = '']) => {
    const [, ms = 0] = UNIT_MS.find(([names]) => names.test(unit)) ?? []
    return sum + (/^an?\s/i.test(count) ? 1 : Number(count)) * ms
  }, 0)
}

/** What leads up to the time at which a limit is lifted. */
const AGAIN =
  '\\b(?:try(?:ing)? (?:your request )?again|retry|retrying|wait|come back|available again|available|resets?|resetting|regain access|until|back)\\b'

const IN = new RegExp(
  `${AGAIN}[^.\\n\\d]{0,40}?\\b(?:in|after|for)\\s+(?:about |approximately |around |another |~ ?)?(?<length>${LENGTH})`,
  'gi',
)
const WAIT = new RegExp(`\\bwait (?:about |at least |another |~ ?)?(?<length>${LENGTH})`, 'gi')
const EPOCH = /\blimit reached\|(\d{9,13})/gi

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const MONTH = '(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\\.?'
const ORDINAL = '(?:st|nd|rd|th)?'
const DAY = [
  '(?<iso>\\d{4}-\\d\\d-\\d\\d)',
  `(?<month>${MONTH})\\s+(?<date>\\d{1,2})${ORDINAL}(?!:|\\d|\\s*[ap]\\.?m)(?:,?\\s+(?<year>\\d{4}))?`,
  `(?<date2>\\d{1,2})${ORDINAL}\\s+(?<month2>${MONTH})(?:,?\\s+(?<year2>\\d{4}))?`,
  '(?<weekday>(?:sun|mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?)(?:day)?)\\b',
  '(?<near>today|tomorrow)\\b',
].join('|')
const CLOCK =
  '(?<hour>\\d{1,2})(?::(?<minute>\\d\\d))?(?::(?<second>\\d\\d)(?:\\.\\d+)?)?(?:\\s*(?<half>[ap])\\.?m\\b\\.?)?'
const ZONE =
  '(?:\\s*\\(?(?<zone>Z\\b|(?:UTC|GMT)\\s*[+-]\\d{1,2}(?::?\\d\\d)?|[+-]\\d\\d:?\\d\\d|[A-Za-z_]+(?:\\/[A-Za-z0-9_+-]+)+|[A-Z]{2,5}\\b)\\)?)?'
const AT = new RegExp(
  `${AGAIN}\\s*(?:at|on|after|by|:|the)?\\s*(?:the\\s+)?(?:(?:${DAY})(?:T|,?\\s+(?:at\\s+)?|\\s*$|(?=[.·(]))\\s*)?(?:${CLOCK})?${ZONE}`,
  'gi',
)

function inProse(text: string, at: Reader): Date[] {
  const { now } = at
  const lengths = [...text.matchAll(IN), ...text.matchAll(WAIT)].flatMap(({ groups }) => {
    const milliseconds = durationOf((groups?.length ?? '').replace(/[,\s]*(?:\band)?\s*$/i, ''))
    return milliseconds === undefined ? [] : after(now, milliseconds)
  })
  const epochs = [...text.matchAll(EPOCH)].map(([, seconds = '']) => epochDate(Number(seconds)))
  const clocks = [...text.matchAll(AT)]
    .slice(0, MOST_TIMES)
    .flatMap(({ groups = {} }) => momentOf(groups, at) ?? [])
  return [...lengths, ...epochs, ...clocks]
}

/** Seconds or milliseconds since 1970. */
export const epochDate = (number: number): Date =>
  new Date(Math.min(LAST_MS, number > 1e11 ? number : number * 1000))

type Groups = Record<string, string | undefined>

function momentOf(said: Groups, { now, zone: own }: Reader): Date | undefined {
  const zone = zoneOf(said.zone) ?? own
  const today = inZone(now, zone)
  const time = timeOf(said)
  const date = dayOf(said, today)
  // a number alone is no time, and a word alone is neither
  if (time === undefined && !date) return undefined
  const on = (days: number) => {
    const wall = date ?? today
    const midnight = Date.UTC(wall.getUTCFullYear(), wall.getUTCMonth(), wall.getUTCDate() + days)
    return fromZone(new Date(midnight + (time ?? 0)), zone)
  }
  const moment = on(0)
  if (moment.getTime() > now.getTime()) return moment
  // a time of day comes again tomorrow, a day of the week next week, and a date does not
  if (said.weekday) return on(7)
  return date ? moment : on(1)
}

/** Milliseconds after midnight. */
function timeOf({ hour, minute, second, half }: Groups): number | undefined {
  if (hour === undefined || (minute === undefined && half === undefined)) return undefined
  const hours = half ? (Number(hour) % 12) + (half.toLowerCase() === 'p' ? 12 : 0) : Number(hour)
  if (hours > 24 || Number(minute ?? 0) > 59) return undefined
  return ((hours * 60 + Number(minute ?? 0)) * 60 + Number(second ?? 0)) * 1000
}

/** The day that was named, in the UTC fields of a Date; of a date without its year that which is nearest. */
function dayOf(said: Groups, today: Date): Date | undefined {
  const { iso, weekday, near } = said
  if (iso) return new Date(`${iso}T00:00Z`)
  if (near) return shifted(today, near.toLowerCase() === 'today' ? 0 : 1)
  if (weekday) {
    const wanted = WEEKDAYS.findIndex((name) => name.toLowerCase() === weekday.slice(0, 3).toLowerCase())
    return shifted(today, (wanted - today.getUTCDay() + 7) % 7)
  }
  const month = MONTHS.indexOf((said.month ?? said.month2 ?? '').slice(0, 3).toLowerCase())
  const date = Number(said.date ?? said.date2)
  if (month < 0 || !date) return undefined
  const year = Number(said.year ?? said.year2)
  const thisYear = today.getUTCFullYear()
  const years = year ? [year] : [thisYear, thisYear + 1, thisYear - 1]
  const days = years.map((one) => new Date(Date.UTC(one, month, date)))
  const away = (day: Date) => Math.abs(day.getTime() - today.getTime())
  return days.toSorted((a, b) => away(a) - away(b))[0]
}

const shifted = (day: Date, days: number) => new Date(day.getTime() + days * 86_400_000)

/** Hours east of Greenwich of the names that have no place in the list of zones; where two claim one, America's. */
const ABBREVIATIONS: Record<string, number> = {
  Z: 0,
  UTC: 0,
  GMT: 0,
  WET: 0,
  BST: 1,
  WEST: 1,
  CET: 1,
  CEST: 2,
  EET: 2,
  EEST: 3,
  MSK: 3,
  IST: 5.5,
  SGT: 8,
  JST: 9,
  KST: 9,
  AEST: 10,
  AEDT: 11,
  NZST: 12,
  NZDT: 13,
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
  AKST: -9,
  HST: -10,
}

/** An IANA zone, or the minutes that its clocks are ahead of UTC. */
type Zone = string | number

function zoneOf(named: string | undefined): Zone | undefined {
  if (!named) return undefined
  const known = ABBREVIATIONS[named.toUpperCase()]
  if (known !== undefined) return known * 60
  const [, sign, hours = '', minutes = '0'] = /^(?:UTC|GMT)?\s*([+-])(\d{1,2}):?(\d\d)?$/i.exec(named) ?? []
  if (sign) return Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes))
  try {
    return new Intl.DateTimeFormat('en', { timeZone: named }).resolvedOptions().timeZone
  } catch {
    // a word that stands where a zone would: the time is the reader's own
    return undefined
  }
}

const inZone = (instant: Date, zone: Zone): Date =>
  typeof zone === 'number' ? new Date(instant.getTime() + zone * 60_000) : wallClock(instant, zone)

/** Where a clock shows a time twice it is the later one that is meant: nobody is to be asked too early. */
function fromZone(wall: Date, zone: Zone): Date {
  if (typeof zone === 'number') return new Date(wall.getTime() - zone * 60_000)
  const first = instantAt(wall, zone)
  const again = new Date(first.getTime() + 3_600_000)
  return wallClock(again, zone).getTime() === wall.getTime() ? again : first
}
