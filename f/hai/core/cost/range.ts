import { z } from 'zod'
import { addDays, type Clock, dayBounds, isDay, today } from '../base/dates.ts'
import { HaiError } from '../base/errors.ts'
import { own } from '../base/own.ts'
import { isZone } from './budget.ts'

/** A week, today included. */
const USUAL_DAYS = 7
/** Enough for ten years. */
const MOST_DAYS = 3660

/** Which days a report is of: `since` and `until` included, or so many days up to `until` or today. */
export const Days = z.strictObject({
  since: z.string().optional(),
  until: z.string().optional(),
  days: z.int().min(1).max(MOST_DAYS).optional(),
  /** IANA zone in which days are meant; the configured one when not given. */
  tz: z.string().refine(isZone, { error: 'expected an IANA time zone, such as Europe/Berlin' }).optional(),
})

export interface Range {
  since: string
  /** Included. */
  until: string
  days: number
  zone: string
  /** The same in UTC: first instant, and the first one after. */
  from: string
  to: string
}

/** The days meant; `invalid` for a bad one. */
export function rangeOf(given: z.output<typeof Days>, zone: string, now = new Date()): Range {
  const clock = { zone: given.tz ?? zone, now }
  const { days } = given
  if (days !== undefined && given.since !== undefined && given.until !== undefined)
    throw new HaiError('invalid', `days: ${days} with since and until says it twice; leave one of them out`)
  const since = given.since === undefined ? undefined : day('since', given.since, clock)
  const until =
    given.until === undefined && since !== undefined && days !== undefined
      ? addDays(since, days - 1)
      : day('until', given.until ?? 'today', clock)
  return between(since ?? addDays(until, 1 - (days ?? USUAL_DAYS)), until, clock)
}

/** As many days just before. */
export function before({ since, days, zone }: Range): Range {
  return between(addDays(since, -days), addDays(since, -1), { zone, now: new Date() })
}

function between(since: string, until: string, clock: Clock): Range {
  if (since > until) throw new HaiError('invalid', `since: ${since} is after until ${until}; swap them`)
  const days = (Date.parse(until) - Date.parse(since)) / 86_400_000 + 1
  if (days > MOST_DAYS)
    throw new HaiError(
      'invalid',
      `since: ${since} is more than ${MOST_DAYS} days before ${until}; ask for less`,
    )
  const bounds = { from: dayBounds(since, clock).from, to: dayBounds(until, clock).to }
  return { since, until, days, zone: clock.zone, ...bounds }
}

/** The days of a range, the oldest first. */
export const daysOf = ({ since, days }: Range): string[] =>
  Array.from({ length: days }, (_, n) => addDays(since, n))

function day(field: string, text: string, clock: Clock): string {
  const days = { today: today(clock), yesterday: addDays(today(clock), -1) }
  const named = own(days, text) ?? text
  if (isDay(named)) return named
  throw new HaiError(
    'invalid',
    `${field}: "${text}" is not a day; write it as 2026-11-27, today or yesterday`,
  )
}
