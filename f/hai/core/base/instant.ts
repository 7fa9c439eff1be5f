import { z } from 'zod'

const inRange = (text: string) => {
  const at = Date.parse(text)
  return at >= Date.parse('0001-01-01T00:00:00Z') && at < Date.parse('+010000-01-01T00:00:00Z')
}

/** A time as callers write it, RFC 3339, in the years that a day of four digits can name. */
export const Instant = z.iso
  .datetime({ offset: true, error: 'expected a time such as 2026-11-22T18:00:00Z' })
  .refine(inRange, 'expected a time in the years 1 to 9999')

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
