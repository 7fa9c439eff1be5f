import { HaiError } from './errors.ts'
import { MONTHS, WEEKDAYS } from './words.ts'

/** Whose day it is: an IANA zone, and the instant that "tomorrow" is counted from. */
export interface Clock {
  zone: string
  now: Date
  /** Whether 3/4 is 3 April, or 4 March; undefined where nobody has said. */
  dayFirst?: boolean | undefined
  /** Times are shown with the zone, as whoever reads them has named none. */
  tellZone?: true
}

const DAY_MS = 86_400_000

/** `Fri 27 Nov 2026`, or `Fri 27 Nov 2026 17:00` in the clock's zone when `due` is an instant. */
export function formatDue(due: string, { zone, tellZone }: Clock): string {
  const day = isDay(due)
  const wall = day ? new Date(`${due}T00:00Z`) : wallClock(new Date(due), zone)
  const date = `${WEEKDAYS[wall.getUTCDay()]} ${wall.getUTCDate()} ${MONTHS[wall.getUTCMonth()]} ${wall.getUTCFullYear()}`
  return day
    ? date
    : `${date} ${pad(wall.getUTCHours())}:${pad(wall.getUTCMinutes())}${tellZone ? ` ${zone}` : ''}`
}

/** The day (`YYYY-MM-DD`) it is for the clock. */
export function today({ zone, now }: Clock): string {
  return isoDay(wallClock(now, zone))
}

/** The day `count` days after `day`; before it, when negative. */
export function addDays(day: string, count: number): string {
  return isoDay(new Date(Date.parse(`${day}T00:00Z`) + count * DAY_MS))
}

/** The day so many months after `day`; the last of its month where that is shorter. */
export function monthsAfter(day: string, count: number): string {
  const [year, month] = day.split('-').map(Number) as [number, number, number]
  const first = isoDay(new Date(Date.UTC(year, month - 1 + count, 1)))
  const last = lastOfMonth(first)
  const same = `${first.slice(0, 8)}${day.slice(8)}`
  return same < last ? same : last
}

/** The last day of the month that holds `day`. */
export function lastOfMonth(day: string): string {
  const [year, month] = day.split('-').map(Number) as [number, number, number]
  return isoDay(new Date(Date.UTC(year, month, 0)))
}

/** 0 is Sunday. */
export function weekdayOf(day: string): number {
  return new Date(`${day}T00:00Z`).getUTCDay()
}

/** The Monday of the week that holds `day`. */
export function mondayOf(day: string): string {
  return addDays(day, -((weekdayOf(day) + 6) % 7))
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
