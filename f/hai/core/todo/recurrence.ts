import { addDays, type Clock, instantAt, isDay, mondayOf, today, wallClock } from '../base/dates.ts'

/** The days of a rule, before a time of day: which of them are, counted from where one was. */
export type Days =
  | { every: number; unit: 'day' }
  /** Weekdays as Monday is 1 and Sunday 7; none: the one of the date before. */
  | { every: number; unit: 'week'; on: number[] }
  /** `nth` -1 is the last; of a `weekday`, or of all days. */
  | { every: number; unit: 'month'; nth: number; weekday?: number }
  | { every: number; unit: 'year'; month: number; day: number }

/** By what rule a todo comes again. Days and times are meant in the zone that is kept beside it. */
export type Recurrence = Days & {
  /** `HH:MM` */
  at?: string
  /** It is counted from when the last one was done, and not from when it was due. */
  after?: true
}

/** A plain count of weeks, months or years, whatever day it begins on. */
export const isStride = (days: Days): boolean =>
  (days.unit === 'week' && days.on.length === 0) ||
  (days.unit === 'month' && days.nth === 0) ||
  (days.unit === 'year' && days.month === 0)

/**
 * The rule with what a date adds that it leaves open, so that it can be told from the rule alone: the time, and the day of
 * the month, as the 31st stays meant after a February.
 */
export function settled(rule: Recurrence, due: string, zone: string): Recurrence {
  const wall = isDay(due) ? undefined : wallClock(new Date(due), zone)
  const day = wall ? isoDay(wall) : due
  const at = rule.at ?? wall?.toISOString().slice(11, 16)
  const timed = at ? { ...rule, at } : rule
  if (rule.after) return timed
  if (timed.unit === 'month' && timed.nth === 0) return { ...timed, nth: Number(day.slice(8)) }
  if (timed.unit === 'year' && timed.month === 0)
    return { ...timed, month: Number(day.slice(5, 7)), day: Number(day.slice(8)) }
  return timed
}

/** The first date of a rule, today's among them unless its hour has passed; undefined where there is none that can be written. */
export function firstDue(rule: Recurrence, clock: Clock): string | undefined {
  const day = today(clock)
  const isFree = rule.unit === 'day' || isStride(rule)
  const first = isFree ? day : dayAfter(rule, addDays(day, -1), addDays(day, -1))
  const due = dueOn(first, rule, clock.zone)
  if (due === undefined || isDay(due) || Date.parse(due) > clock.now.getTime()) return due
  return dueOn(isFree ? addDays(day, 1) : dayAfter(rule, day, day), rule, clock.zone)
}

/**
 * The date of the next one, always ahead: the first of the rule after `due` and after today, or after now when it has a
 * time, so that what was missed does not pile up. `skipped`: nothing was done today, so that today's own one is still to come.
 * Undefined where there is none that can be written.
 */
export function nextDue(
  rule: Recurrence,
  due: string | null,
  clock: Clock,
  { skipped = false }: { skipped?: boolean } = {},
): string | undefined {
  const { zone } = clock
  const now = today(clock)
  if (rule.after) return dueOn(dayAfter(rule, now, now), rule, zone)
  const floor = skipped || rule.at ? addDays(now, -1) : now
  const last = due === null ? floor : isDay(due) ? due : isoDay(wallClock(new Date(due), zone))
  let next = dayAfter(rule, last, floor > last ? floor : last)
  if (next && rule.at && Date.parse(dueOn(next, rule, zone)!) <= clock.now.getTime()) {
    next = dayAfter(rule, last, next)
  }
  return dueOn(next, rule, zone)
}

/** A day of the rule with its time, where it has one. */
export function dueOn(day: string | undefined, { at }: Recurrence, zone: string): string | undefined {
  if (day === undefined || at === undefined) return day
  return instantAt(new Date(`${day}T${at}Z`), zone).toISOString()
}

/** No later date is read as one. */
const LAST_DAY = '2999-12-31'

/** The first day of the rule after `floor`, which is not before `last`, the day that the rule is counted from. */
function dayAfter(rule: Recurrence, last: string, floor: string): string | undefined {
  const day = candidate(rule, last, floor)
  return day && isDay(day) && day <= LAST_DAY ? day : undefined
}

const MOST_TRIES = 4

function candidate(rule: Recurrence, last: string, floor: string): string | undefined {
  if (rule.unit === 'day') return stepped(last, rule.every, floor)
  if (rule.unit === 'week') {
    if (rule.on.length === 0) return stepped(last, 7 * rule.every, floor)
    const start = mondayOf(last)
    const passed = Math.floor(daysBetween(start, floor) / 7)
    let week = Math.floor(passed / rule.every) * rule.every
    for (let tries = 0; tries < 2; tries++, week += rule.every) {
      const days = rule.on.map((on) => addDays(start, week * 7 + on - 1))
      const next = days.find((day) => day > floor)
      if (next) return next
    }
    return undefined
  }
  const months = rule.unit === 'month' ? rule.every : 12 * rule.every
  const [year, month] = [
    Number(last.slice(0, 4)),
    rule.unit === 'year' && rule.month > 0 ? rule.month : Number(last.slice(5, 7)),
  ]
  const start = year * 12 + month - 1
  const to = Number(floor.slice(0, 4)) * 12 + Number(floor.slice(5, 7)) - 1
  let at = start + Math.max(0, Math.floor((to - start) / months)) * months
  for (let tries = 0; tries < MOST_TRIES; tries++, at += months) {
    const day = dayOfMonth(rule, at, last)
    if (day > floor) return day
  }
  return undefined
}

/** `at`: months since the year 0. */
function dayOfMonth(rule: Recurrence & { unit: 'month' | 'year' }, at: number, last: string): string {
  const first = `${String(Math.floor(at / 12)).padStart(4, '0')}-${String((at % 12) + 1).padStart(2, '0')}-01`
  const length = new Date(Date.UTC(Math.floor(at / 12), (at % 12) + 1, 0)).getUTCDate()
  const on = (day: number) => first.slice(0, 8) + String(Math.min(day, length)).padStart(2, '0')
  if (rule.unit === 'year') return on(rule.day || Number(last.slice(8)))
  if (!rule.weekday) return on(rule.nth < 0 ? length : rule.nth || Number(last.slice(8)))
  const weekdayOf = (day: string) => new Date(`${day}T00:00Z`).getUTCDay() || 7
  const earliest = 1 + ((rule.weekday - weekdayOf(first) + 7) % 7)
  if (rule.nth > 0) return on(earliest + 7 * (rule.nth - 1))
  return on(earliest + 7 * Math.floor((length - earliest) / 7))
}

function stepped(last: string, days: number, floor: string): string {
  const steps = Math.max(1, Math.floor(daysBetween(last, floor) / days) + 1)
  return addDays(last, steps * days)
}

const daysBetween = (from: string, to: string): number =>
  Math.round((Date.parse(`${to}T00:00Z`) - Date.parse(`${from}T00:00Z`)) / 86_400_000)

const isoDay = (wall: Date): string => wall.toISOString().slice(0, 10)
