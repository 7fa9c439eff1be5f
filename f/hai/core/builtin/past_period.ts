import {
  addDays,
  type Clock,
  dayBounds,
  formatDue,
  instantAt,
  isDay,
  mondayOf,
  today,
  wallClock,
} from '../base/dates.ts'
import { parseDue } from '../base/due.ts'
import {
  type Days,
  monthOf,
  NUMBER,
  numberOf,
  ofDays,
  type Period,
  shown,
  UNIT,
  UNIT_DAYS,
  UNIT_SECONDS,
} from './days.ts'

const LAST_FEW = new RegExp(
  `^(?:(?:in|over|during|within|for|from) )?(?:the )?(?:last|past|previous) (?:${NUMBER} )?${UNIT}$`,
)
const AGO = new RegExp(`^${NUMBER} ${UNIT} ago$`)

const LAST_DAY: Period['label'] = 'in the last 24 hours'

/**
 * A past time as said after "what failed": "today", "yesterday", "this week", "last night", "since 9am"; '' is the last
 * 24 hours.
 */
export function pastPeriod(said: string, clock: Clock): Period | undefined {
  const to = clock.now.toISOString()
  const phrase = said.replace(/(?:^| )so far(?: |$)/, ' ').trim()
  if (
    /^(?:|lately|recently|in the (?:last|past) (?:24 hours|day)|in the meantime|(?:while|whilst|when) (?:i|we) (?:was|were) (?:out|away|gone|off|busy|not here|at work|in a meeting|at lunch))$/.test(
      phrase,
    )
  ) {
    return { label: LAST_DAY, from: ago(86_400, clock), to }
  }
  const since = phrase.match(/^(?:since|after|starting|from) (.+?)(?: (?:on|onwards?|until now))?$/)?.[1]
  const from = since && pastInstant(since, clock)
  if (from) return { label: `since ${since === 'yesterday' ? since : formatDue(from, clock)}`, from, to }
  const few = phrase.match(LAST_FEW)?.groups
  const part = partOfDay(phrase, clock)
  if (part) return part
  if (few && (few.n !== undefined || UNIT_SECONDS[few.unit!])) return lastFew(few, clock)
  const days = pastDays(phrase, clock)
  return days && ofDays({ ...days, label: days.label }, clock, to)
}

/** Whole days as said of money: "today", "this month", "in november", "in the last 3 days"; '' is today. */
export function pastDays(said: string, clock: Clock): Days | undefined {
  const now = today(clock)
  const monday = mondayOf(now)
  const phrase = said
    .replace(/(?:^| )so far(?: |$)/, ' ')
    .trim()
    .replace(/^(?:in|on|for|from|during|of|over|until) /, '')
  const few = phrase.match(LAST_FEW)?.groups
  if (few && few.n !== undefined && !UNIT_SECONDS[few.unit!]) {
    const days = numberOf(few.n) * UNIT_DAYS[few.unit!]!
    return { since: addDays(now, 1 - days), until: now, label: `in the last ${days} days` }
  }
  if (/^(?:today|tonight)$/.test(phrase)) return { since: now, until: now, label: 'today' }
  if (phrase === 'yesterday') return { since: addDays(now, -1), until: addDays(now, -1), label: 'yesterday' }
  const since = phrase.match(/^since (.+)$/)?.[1]
  const first = since && pastInstant(since, clock)
  if (first) {
    const day = isoDay(wallClock(new Date(first), clock.zone))
    return { since: day, until: now, label: `since ${shown(day, clock)}` }
  }
  const [, which, unit] =
    phrase.match(/^(?:the )?(this|current|last|past|previous) (week|weekend|month|year)$/) ?? []
  const past = which !== undefined && !/^(?:this|current)$/.test(which)
  const name = `${past ? 'last' : 'this'} ${unit}`
  if (unit === 'week') {
    const first = addDays(monday, past ? -7 : 0)
    return { since: first, until: addDays(first, 6), label: name }
  }
  if (unit === 'weekend') {
    const saturday = addDays(monday, now >= addDays(monday, 5) && !past ? 5 : -2)
    return { since: saturday, until: addDays(saturday, 1), label: name }
  }
  if (unit === 'month') {
    return { ...monthOf(past ? addDays(`${now.slice(0, 7)}-01`, -1) : now), label: name }
  }
  if (unit === 'year') {
    const year = Number(now.slice(0, 4)) - (past ? 1 : 0)
    return { since: `${year}-01-01`, until: `${year}-12-31`, label: name }
  }
  return namedMonth(phrase, now) ?? pastDay(phrase, clock)
}

const MONTH_NAMES = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
]

/** "november", or "nov 2025": the last one that has begun. */
function namedMonth(phrase: string, now: string): Days | undefined {
  const [, name, said] = phrase.match(/^([a-z]{3,9})(?: (\d{4}))?$/) ?? []
  const at = MONTH_NAMES.findIndex(
    (month) => month === name || (name?.length === 3 && month.startsWith(name)),
  )
  if (at < 0) return undefined
  const thisYear = Number(now.slice(0, 4))
  const year = said ? Number(said) : at < Number(now.slice(5, 7)) ? thisYear : thisYear - 1
  const first = `${year}-${String(at + 1).padStart(2, '0')}-01`
  return first > now
    ? undefined
    : { ...monthOf(first), label: `in ${MONTH_NAMES[at]!.replace(/^./, (c) => c.toUpperCase())} ${year}` }
}

const WEEKDAY_NAMES = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

/** One day that was: "monday", "last friday", "3 november", "2026-11-03", "2 days ago". */
function pastDay(phrase: string, clock: Clock): Days | undefined {
  const now = today(clock)
  const [, last, name] = phrase.match(/^(last )?([a-z]+day)s?$/) ?? []
  const weekday = WEEKDAY_NAMES.indexOf(name ?? '')
  const back = (new Date(`${now}T00:00Z`).getUTCDay() - weekday + 7) % 7
  const few = phrase.match(AGO)?.groups
  const day =
    weekday >= 0
      ? addDays(now, -(back === 0 && last ? 7 : back))
      : few && UNIT_DAYS[few.unit!]
        ? addDays(now, -numberOf(few.n) * UNIT_DAYS[few.unit!]!)
        : datedDay(phrase, clock)
  return day === undefined || day > now
    ? undefined
    : { since: day, until: day, label: `on ${shown(day, clock)}` }
}

/** A date without a year is the last one there was. */
function datedDay(phrase: string, clock: Clock): string | undefined {
  if (!/\d/.test(phrase)) return undefined
  const due = parseDue(phrase, clock)?.due
  if (!due || !isDay(due)) return undefined
  if (due <= today(clock) || /\d{4}/.test(phrase)) return due
  const before = `${Number(due.slice(0, 4)) - 1}${due.slice(4)}`
  return isDay(before) ? before : undefined
}

/** The last instant that was so: "9am", "noon", "monday", "yesterday 18:00", "this morning", "2 hours ago". */
function pastInstant(said: string, clock: Clock): string | undefined {
  const few = said.match(AGO)?.groups
  if (few && UNIT_SECONDS[few.unit!]) return ago(numberOf(few.n) * UNIT_SECONDS[few.unit!]!, clock)
  const part = partOfDay(said, clock)
  if (part) return part.from
  const [, dayName = 'today', time = ''] =
    said.match(
      /^(?:(today|yesterday) )?(?:at )?(noon|midnight|\d{1,2}(?:[:.]\d\d)?(?: ?[ap]\.?m\.?)?(?: o'?clock)?)$/,
    ) ?? []
  if (time) {
    const wall = timeOfDay(time)
    if (wall === undefined) return undefined
    const day = addDays(today(clock), dayName === 'yesterday' ? -1 : 0)
    const at = (of: string) => instantAt(new Date(`${of}T${wall}Z`), clock.zone).toISOString()
    return at(day) <= clock.now.toISOString() ? at(day) : at(addDays(day, -1))
  }
  const days = said.startsWith('since ') ? undefined : pastDays(said, clock)
  return days && dayBounds(days.since, clock).from
}

function timeOfDay(said: string): string | undefined {
  if (said === 'noon') return '12:00'
  if (said === 'midnight') return '00:00'
  const [, hour, minutes = '00', half] = said.match(/^(\d{1,2})(?:[:.](\d\d))? ?(?:([ap])\.?m\.?)?/) ?? []
  const hours = half ? (Number(hour) % 12) + (half === 'p' ? 12 : 0) : Number(hour)
  if (hours > 23 || Number(minutes) > 59 || (half && (Number(hour) > 12 || Number(hour) === 0)))
    return undefined
  return `${String(hours).padStart(2, '0')}:${minutes}`
}

const ASLEEP = '(?:while|when|whilst) (?:i|we) (?:was|were) (?:asleep|sleeping|in bed|out cold)'
const NIGHT = new RegExp(`^(?:(?:during |over |in |from )?(?:last night|the night|overnight)|${ASLEEP})$`)
const PARTS: Record<string, [from: string, to: string]> = {
  morning: ['05:00', '12:00'],
  afternoon: ['12:00', '18:00'],
  evening: ['18:00', '24:00'],
}

/** "last night" goes from 18:00 to 08:00; "this morning" begins at 5:00. What is not over yet ends now. */
function partOfDay(said: string, clock: Clock): Period | undefined {
  const now = today(clock)
  const at = (day: string, time: string) =>
    time === '24:00'
      ? dayBounds(day, clock).to
      : instantAt(new Date(`${day}T${time}Z`), clock.zone).toISOString()
  const spanned = (from: string, to: string, name: string): Period | undefined => {
    const end = to < clock.now.toISOString() ? to : clock.now.toISOString()
    return from < end ? { label: `${name}, since ${formatDue(from, clock)}`, from, to: end } : undefined
  }
  if (NIGHT.test(said)) return spanned(at(addDays(now, -1), '18:00'), at(now, '08:00'), 'last night')
  const [, when, part] =
    said.match(
      /^(?:in the |during the |from )?(this|yesterday|earlier this)? ?(morning|afternoon|evening)$/,
    ) ?? []
  if (!part) return undefined
  const [from, to] = PARTS[part]!
  const begun = when === 'yesterday' ? undefined : spanned(at(now, from), at(now, to), `this ${part}`)
  // before it has begun it is the one before that is meant
  return begun ?? spanned(at(addDays(now, -1), from), at(addDays(now, -1), to), `yesterday ${part}`)
}

function lastFew({ n, unit }: { n?: string; unit?: string }, clock: Clock): Period {
  const count = numberOf(n)
  const seconds = count * (UNIT_SECONDS[unit!] ?? UNIT_DAYS[unit!]! * 86_400)
  const word = { min: 'minute', hr: 'hour', h: 'hour' }[unit!] ?? unit!
  const label = count === 1 ? `in the last ${word}` : `in the last ${count} ${word}s`
  return { label, from: ago(seconds, clock), to: clock.now.toISOString() }
}

const ago = (seconds: number, { now }: Clock) => new Date(now.getTime() - seconds * 1000).toISOString()

const isoDay = (wall: Date) => wall.toISOString().slice(0, 10)
