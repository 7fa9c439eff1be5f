import { Cron } from 'croner'
import * as z from 'zod'

const MONTHS = 'jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec'
const DAYS = 'sun|mon|tue|wed|thu|fri|sat'

/** A list of values, ranges and steps, and none of the signs (L, W, #) that other crons have beside them. */
const field = (names?: string): RegExp => {
  const value = names ? `(?:\\d{1,2}|${names})` : '\\d{1,2}'
  const entry = `(?:[*?]|${value}(?:-${value})?)(?:/\\d{1,2})?`
  return new RegExp(`^${entry}(?:,${entry})*$`, 'i')
}
const FIELDS = [field(), field(), field(), field(), field(MONTHS), field(DAYS)]

/** Six fields, seconds first, as CloudNativePG's admission reads them; what it refuses after the commit is refused here. */
export const BackupSchedule = z.string().superRefine((schedule, context) => {
  const fault = faultOf(schedule)
  if (fault)
    context.addIssue({
      code: 'custom',
      message: `expected six fields, seconds first, like 0 0 3 * * *: ${fault}`,
    })
})

function faultOf(schedule: string): string | undefined {
  const fields = schedule.split(' ')
  if (fields.length !== FIELDS.length) return `these are ${fields.length}`
  const odd = FIELDS.findIndex((form, index) => !form.test(fields[index]!))
  if (odd !== -1) return `${JSON.stringify(fields[odd])} is no value, range or step`
  if (/(^|[,-])0?7/.test(fields.at(-1)!)) return 'Sunday is 0'
  try {
    return cronOf(schedule).nextRun() ? undefined : 'that day never comes'
  } catch (error) {
    return (error as Error).message.replace('CronPattern: ', '')
  }
}

const cronOf = (schedule: string): Cron =>
  new Cron(schedule.replaceAll('?', '*'), {
    paused: true,
    mode: '6-part',
    sloppyRanges: true,
    utcOffset: 0,
  })

const HOUR = 3_600_000
/** A year, and a leap year after it. */
const FROM = new Date('2027-01-01T00:00:00Z')
const TO = new Date('2029-01-01T00:00:00Z')

/** A gap between two runs that is longer than so many hours: the longest one, in hours that have begun; undefined when none is. */
export function gapBeyond(hours: number, schedule: string): number | undefined {
  if (faultOf(schedule)) return undefined
  // within the hours that have a run there is no gap of an hour
  const [, , ...fields] = schedule.split(' ')
  const cron = cronOf(`0 0 ${fields.join(' ')}`)
  let longest = 0
  let last = cron.nextRun(FROM)
  while (last && last < TO) {
    const next = cron.nextRun(last)
    if (next) longest = Math.max(longest, (next.getTime() - last.getTime()) / HOUR)
    last = next
  }
  return longest > hours ? longest : undefined
}
