import { type Clock, instantAt, isDay } from './dates.ts'
import { type Reading, spokenDate } from './spoken_date.ts'

const LONGEST_PHRASE = 80

/**
 * Reads a due date that fills the whole of `text`: ISO forms first, then English ("friday 5pm", "in 3 days", "3.12.").
 * A day comes back as `YYYY-MM-DD` in the zone, a time as a UTC instant; undefined when any of it is not understood,
 * could be read two ways (3/4) or does not exist (30 February).
 */
export function parseDue(text: string, clock: Clock): { due: string } | undefined {
  const read = readDate(text, clock)
  return read && 'due' in read ? read : undefined
}

/** The same, with what is wrong with a date that looks like one. */
export function readDate(text: string, clock: Clock): Reading | undefined {
  if (text.length > LONGEST_PHRASE) return undefined
  const phrase = text.trim().replace(/\s+/g, ' ').toLowerCase()
  if (/^\d{4}-\d\d-/.test(phrase) && !/ \d[\d:]* ?[ap]m$/.test(phrase)) return isoDate(phrase, clock.zone)
  return spokenDate(phrase, clock)
}

const ISO =
  /^([12]\d{3}-\d\d-\d\d)(?:(?:t| | at )(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(z|[+-](?:0\d|1[0-4]):?[0-5]\d)?)?$/

function isoDate(phrase: string, zone: string): Reading | undefined {
  const [, day, time, offset] = phrase.match(ISO) ?? []
  if (!day) return undefined
  if (!isDay(day)) return { none: `there is no ${day}` }
  if (!time) return { due: day }
  const wall = new Date(`${day}T${time}Z`)
  // Some engines roll 24:00 over to the next day; nobody should be surprised by that.
  if (Number.isNaN(wall.getTime()) || !wall.toISOString().startsWith(day))
    return { none: `there is no ${time} o'clock` }
  if (!offset) return { due: instantAt(wall, zone).toISOString() }
  const [, sign, hours, minutes] = offset.match(/^([+-])(\d\d):?(\d\d)$/) ?? []
  const ahead = sign ? Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes)) : 0
  return { due: new Date(wall.getTime() - ahead * 60_000).toISOString() }
}
