import { addDays, type Clock, dayBounds, formatDue } from '../base/dates.ts'

/** A stretch of time: `from` (inclusive; open when absent) to `to` (exclusive), RFC 3339, and how an answer names it. */
export interface Period {
  label: string
  from?: string
  to: string
}

/** Whole days, both included. */
export interface Days {
  since: string
  until: string
  label: string
}

const NUMBERS: Record<string, number> = {
  ...{
    a: 1,
    an: 1,
    one: 1,
    couple: 2,
    'couple of': 2,
    'a couple of': 2,
    two: 2,
    three: 3,
    few: 3,
    'a few': 3,
  },
  ...{ four: 4, five: 5, six: 6, seven: 7, eight: 8, nine: 9, ten: 10, twelve: 12 },
}
export const NUMBER = `(?<n>\\d{1,3}|${Object.keys(NUMBERS)
  .sort((a, b) => b.length - a.length)
  .join('|')})`
export const UNIT_DAYS: Record<string, number> = { day: 1, night: 1, week: 7, fortnight: 14, month: 30 }
export const UNIT_SECONDS: Record<string, number> = { minute: 60, min: 60, hour: 3600, hr: 3600, h: 3600 }
export const UNIT = '(?<unit>minute|min|hour|hr|h|day|night|week|fortnight|month)s?'

/** 1 where none was said. */
export const numberOf = (said: string | undefined) => (said ? (NUMBERS[said] ?? Number(said)) : 1)

/** The month that holds `day`. */
export function monthOf(day: string): Omit<Days, 'label'> {
  const since = `${day.slice(0, 7)}-01`
  return { since, until: addDays(`${addDays(since, 31).slice(0, 7)}-01`, -1) }
}

/** As a stretch of time; a day that is not over ends `now`, where that is given. */
export function ofDays({ since, until, label }: Days, clock: Clock, now?: string): Period {
  const range = `${shown(since, clock)} to ${shown(until, clock)}`
  const isOne = since === until
  const end = dayBounds(until, clock).to
  const to = now && isOne && now < end ? now : end
  const named = isOne || label.startsWith('since ') ? label : label ? `${label}, ${range}` : `from ${range}`
  return { label: named, from: dayBounds(since, clock).from, to }
}

export const shown = (day: string, clock: Clock) => formatDue(day, clock)
