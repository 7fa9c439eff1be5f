import { z } from 'zod'
import type { Sql } from './db.ts'
import { HaiError } from './errors.ts'

const inRange = (text: string) => {
  const at = Date.parse(text)
  return at >= Date.parse('0001-01-01T00:00:00Z') && at < Date.parse('+010000-01-01T00:00:00Z')
}

/** A time as callers write it, RFC 3339, in the years that a day of four digits can name. */
export const Instant = z.iso
  .datetime({ offset: true, error: 'expected a time such as 2026-11-22T18:00:00Z' })
  .refine(inRange, 'expected a time in the years 1 to 9999')

/** Whether a text is the name of a time zone; offsets are none, as they mean opposite things in different places. */
export function isZone(text: string): boolean {
  if (!/^[A-Za-z]/.test(text) || text.length > 64) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** An IANA zone as callers and settings name it. */
export const Zone = z.string().refine(isZone, { error: 'expected an IANA time zone, such as Europe/Berlin' })

/** The `time` configuration: how dates are read and shown where a caller says nothing. */
export const TimeSetting = z.strictObject({
  /** The zone of callers that name none; else that of the budget's day. */
  zone: Zone.optional(),
  /** Whether 3/4 is 3 April (true) or 4 March (false); neither is taken where nothing is said. */
  day_first: z.boolean().optional(),
})

/** The largest number of a column of 32 bits. */
export const MOST_INT = 2_147_483_647

/** How often a schedule calls, in seconds: a year at most. */
export const EverySeconds = z
  .int()
  .positive()
  .max(366 * 86_400)

/** What the doors of schedules are told. */
export const Schedule = z.strictObject({ every_seconds: EverySeconds })
export type Schedule = z.output<typeof Schedule>

/** What was found last: each job of a process asks, and a formatter takes longer to make than most of their answers. */
let found: { named: string | undefined; clock: string | undefined; zone: string } | undefined

/**
 * IANA zone of whoever runs this, where nothing else says one: HAI_TIME_ZONE, else that of the process. A worker gives its
 * jobs none, which Bun may call `Etc/Unknown` and means UTC. `unavailable` when HAI_TIME_ZONE is no zone.
 */
export function ownZone(): string {
  const { HAI_TIME_ZONE: named, TZ: clock } = process.env
  if (found && found.named === named && found.clock === clock) return found.zone
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', named ? { timeZone: named } : {}).resolvedOptions()
    const zone = timeZone === 'Etc/Unknown' ? 'UTC' : timeZone
    found = { named, clock, zone }
    return zone
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    const expected =
      'expected a time zone such as Europe/Berlin, or none; set it where the workers are started'
    throw new HaiError('unavailable', `HAI_TIME_ZONE is "${named}"; ${expected}`, {
      plain: `HAI_TIME_ZONE is no time zone; ${expected}`,
      cause,
    })
  }
}

/** Writes down that what is done every so many seconds was done now; health says when it was not. */
export async function pulse(sql: Sql, name: string, everySeconds: number): Promise<void> {
  await sql`
    insert into hai.pulse (name, every_seconds, last_at) values (${name}, ${everySeconds}, now())
    on conflict (name) do update set every_seconds = excluded.every_seconds, last_at = now()`
}

interface Pauses {
  first: number
  most: number
  /** The share by which a pause may be longer, so that those who wait don't all come back at once. */
  jitter?: number
}

/** The pause before the try after the `n`th, from 1 on: each twice the one before, in the unit of `first` and `most`. */
export function backoff(n: number, { first, most, jitter = 0 }: Pauses): number {
  return Math.min(first * 2 ** (n - 1), most) * (1 + Math.random() * jitter)
}
