import * as chrono from 'chrono-node/en'
import { HaiError } from './errors.ts'
import { MONTHS, WEEKDAYS } from './words.ts'

/** Whose day it is: an IANA zone, and the instant that "tomorrow" is counted from. */
export interface Clock {
  zone: string
  now: Date
}

const DAY_MS = 86_400_000

const LONGEST_PHRASE = 80

/**
 * Reads a due date that fills the whole of `text`: ISO forms first, then English ("friday 5pm", "in 3 days").
 * A day comes back as `YYYY-MM-DD` in the zone, a time as a UTC instant; undefined when any of it is not understood,
 * could be read two ways (3/4, "at 5") or does not exist (30 February).
 */
export function parseDue(text: string, clock: Clock): { due: string } | undefined {
  if (text.length > LONGEST_PHRASE) return undefined
  const phrase = text.trim().replace(/\s+/g, ' ').toLowerCase().replace(/^the /, '')
  if (/^\d{4}-/.test(phrase) && !/ \d[\d:]* ?[ap]m$/.test(phrase)) return isoDue(phrase, clock.zone)
  return spokenDue(SYNONYMS.get(phrase) ?? phrase, clock)
}

const ISO =
  /^([12]\d{3}-\d\d-\d\d)(?:(?:t| | at )(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(z|[+-](?:0\d|1[0-4]):?[0-5]\d)?)?$/

function isoDue(phrase: string, zone: string): { due: string } | undefined {
  const [, day, time, offset] = phrase.match(ISO) ?? []
  if (!day || !isDay(day)) return undefined
  if (!time) return { due: day }
  const wall = new Date(`${day}T${time}Z`)
  // Some engines roll 24:00 over to the next day; nobody should be surprised by that.
  if (Number.isNaN(wall.getTime()) || isoDay(wall) !== day) return undefined
  if (!offset) return { due: instantAt(wall, zone).toISOString() }
  const [, sign, hours, minutes] = offset.match(/^([+-])(\d\d):?(\d\d)$/) ?? []
  const ahead = sign ? Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes)) : 0
  return { due: new Date(wall.getTime() - ahead * 60_000).toISOString() }
}

/** Phrases chrono reads by the machine's own zone, or as a time of day that may have passed. */
const SYNONYMS = new Map([
  ['day after tomorrow', 'in 2 days'],
  ['this morning', 'today'],
  ['this afternoon', 'today'],
  ['this evening', 'today'],
])

/** "5 minutes" measures something; "in 5 minutes" is a date. */
const BARE_DURATION =
  /^(?!in |within |end |.*\bnext week$).*\b(?:second|sec|minute|min|hour|hr|day|week|month|year)s?$/
/** Only the order of day and month tells 3/4 from 4/3, and that differs from country to country. */
const DAY_OR_MONTH = /^(?!(\d+)\D0*\1\b)0?(?:[1-9]|1[0-2])[/.-]0?(?:[1-9]|1[0-2])\b(?!:)/
const CLOCK_TIME = /\d:\d\d|\b(?:noon|midnight)\b/

function spokenDue(phrase: string, { zone, now }: Clock): { due: string } | undefined {
  if (phrase === 'now' || BARE_DURATION.test(phrase) || DAY_OR_MONTH.test(phrase)) return undefined
  const offset = (wallClock(now, zone).getTime() - now.getTime()) / 60_000
  const found = chrono.casual.parse(
    phrase,
    { instant: now, timezone: offset },
    { forwardDate: !/^last\b/.test(phrase) },
  )
  const [only] = found
  if (!only || found.length > 1 || only.end || only.text.length !== phrase.length) return undefined
  const { start } = only
  const impliedOffset = start.isCertain('timezoneOffset') ? null : start.get('timezoneOffset')
  if (impliedOffset !== null && impliedOffset !== offset) return undefined

  const day = [start.get('year'), start.get('month'), start.get('day')].map(pad).join('-')
  if (start.isCertain('weekday') && start.get('weekday') !== new Date(`${day}T00:00Z`).getUTCDay()) {
    return undefined
  }
  if (!start.isCertain('hour')) {
    const exact = start.isCertain('day') || start.isCertain('weekday') || /^(?:in|within) /.test(phrase)
    return exact ? { due: day } : undefined
  }
  if (start.isCertain('timezoneOffset')) return { due: start.date().toISOString() }
  if (!start.isCertain('meridiem') && !CLOCK_TIME.test(phrase)) return undefined
  const wall = new Date(`${day}T${pad(start.get('hour'))}:${pad(start.get('minute'))}Z`)
  return { due: instantAt(wall, zone).toISOString() }
}

/** `Fri 27 Nov 2026`, or `Fri 27 Nov 2026 17:00` in the clock's zone when `due` is an instant. */
export function formatDue(due: string, { zone }: Clock): string {
  const day = isDay(due)
  const wall = day ? new Date(`${due}T00:00Z`) : wallClock(new Date(due), zone)
  const date = `${WEEKDAYS[wall.getUTCDay()]} ${wall.getUTCDate()} ${MONTHS[wall.getUTCMonth()]} ${wall.getUTCFullYear()}`
  return day ? date : `${date} ${pad(wall.getUTCHours())}:${pad(wall.getUTCMinutes())}`
}

/** The day (`YYYY-MM-DD`) it is for the clock. */
export function today({ zone, now }: Clock): string {
  return isoDay(wallClock(now, zone))
}

/** The day `count` days after `day`; before it, when negative. */
export function addDays(day: string, count: number): string {
  return isoDay(new Date(Date.parse(`${day}T00:00Z`) + count * DAY_MS))
}

/** The Monday of the week that holds `day`. */
export function mondayOf(day: string): string {
  return addDays(day, -((new Date(`${day}T00:00Z`).getUTCDay() + 6) % 7))
}

const NAMED_DAYS = new Map([
  ['yesterday', -1],
  ['today', 0],
  ['tomorrow', 1],
])

/** First instant of a day in the clock's zone, and of the day after: 23 to 25 hours apart, RFC 3339 in UTC. */
export function dayBounds(day: string, clock: Clock): { from: string; to: string } {
  const distance = NAMED_DAYS.get(day)
  const date = distance === undefined ? day : addDays(today(clock), distance)
  // the last one of four digits has none after it
  if (!isDay(date) || date === '9999-12-31')
    throw new HaiError('invalid', `day: "${day}" is not a date; write it as 2026-11-27`)
  const midnight = (of: string) => instantAt(new Date(`${of}T00:00Z`), clock.zone).toISOString()
  return { from: midnight(date), to: midnight(addDays(date, 1)) }
}

/** Whether `text` is a real day written as `YYYY-MM-DD`, from the year 1, as calendars and Postgres count. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || text.startsWith('0000')) return false
  const date = new Date(`${text}T00:00Z`)
  return !Number.isNaN(date.getTime()) && isoDay(date) === text
}

/** What a clock on the wall in `zone` shows at `instant`, carried in the UTC fields of a Date. */
export function wallClock(instant: Date, zone: string): Date {
  const wall = Date.parse(`${formatter(zone).format(instant).replace(' ', 'T')}Z`)
  return new Date(wall + (instant.getTime() % 1000))
}

/** The first instant at which the wall clock in `zone` shows `wall`; a time that DST skips moves on by the gap. */
export function instantAt(wall: Date, zone: string): Date {
  const candidates = [-DAY_MS, DAY_MS].map((aside) => {
    const near = new Date(wall.getTime() + aside)
    return new Date(wall.getTime() - (wallClock(near, zone).getTime() - near.getTime()))
  })
  const exact = candidates.find((instant) => wallClock(instant, zone).getTime() === wall.getTime())
  return exact ?? candidates[0]!
}

const formatters = new Map<string, Intl.DateTimeFormat>()

function formatter(zone: string): Intl.DateTimeFormat {
  const known = formatters.get(zone)
  if (known) return known
  try {
    const made = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' })
    formatters.set(zone, made)
    return made
  } catch (cause) {
    const message = `zone: "${zone}" is not a time zone; use an IANA name such as Pacific/Auckland`
    throw new HaiError('invalid', message, { cause })
  }
}

function isoDay(wall: Date): string {
  return wall.toISOString().slice(0, 10)
}

function pad(value: number | null): string {
  return String(value ?? 0).padStart(2, '0')
}
