import { addDays, type Clock, dayBounds, formatDue, isDay, mondayOf, today } from '../base/dates.ts'
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

const NEXT_FEW = new RegExp(
  `^(?:in |within |over |during |for )?(?:the )?(?:next|coming|following) (?:${NUMBER} )?${UNIT}$`,
)
const WITHIN = new RegExp(`^(?:in|within) ${NUMBER} ${UNIT}$`)

/** A coming time as said after "due": "today", "this week", "on friday", "by 5 december". Days, not hours. */
export function comingPeriod(said: string, clock: Clock): Period | undefined {
  const now = today(clock)
  if (said === '') return until(now, `by today, ${shown(now, clock)}`, clock)
  const few = said.match(NEXT_FEW)?.groups ?? said.match(WITHIN)?.groups
  if (few && !(few.n === undefined && few.unit !== 'day')) return nextDays(few, clock)
  const [, by, rest = said] =
    said.match(/^(by|before|until|till|on|for|at|during|over|in|come)? ?(.+)$/) ?? []
  const isEnd = by === 'by' || by === 'until' || by === 'till'
  const span = comingDays(rest, clock)
  if (span) {
    if (isEnd) return until(span.until, `by ${shown(span.until, clock)}`, clock)
    if (by === 'before') return until(addDays(span.since, -1), `before ${shown(span.since, clock)}`, clock)
    return ofDays(span, clock)
  }
  if (by === 'in' || by === 'over' || by === 'during' || by === 'come') return undefined
  const due = feast(rest, now) ?? parseDue(rest, clock)?.due
  if (!due || !isDay(due)) return undefined
  if (by === 'before') return until(addDays(due, -1), `before ${shown(due, clock)}`, clock)
  if (isEnd) return until(due, `by ${shown(due, clock)}`, clock)
  return { label: namedDay(rest, due, clock), ...dayBounds(due, clock) }
}

function nextDays({ n, unit }: { n?: string; unit?: string }, clock: Clock): Period {
  const first = today(clock)
  const seconds = UNIT_SECONDS[unit!]
  const count = numberOf(n)
  if (seconds) {
    const to = new Date(clock.now.getTime() + count * seconds * 1000).toISOString()
    return { label: `by ${formatDue(to, clock)}`, from: clock.now.toISOString(), to }
  }
  const last = addDays(first, count * UNIT_DAYS[unit!]!)
  return ofDays({ since: first, until: last, label: '' }, clock)
}

/** Several days to come by a name of their own. */
function comingDays(said: string, clock: Clock): Days | undefined {
  const now = today(clock)
  const monday = mondayOf(now)
  const [, which, unit] =
    said.match(
      /^(?:the )?(?:(this|next|rest of the|rest of this|end of the|end of this|end of) )?(week|weekend|month|year)$/,
    ) ?? []
  if (!unit) {
    if (said === 'eow') return { since: now, until: addDays(monday, 6), label: '' }
    if (said === 'eom') return { since: now, until: monthOf(now).until, label: '' }
    return undefined
  }
  const next = which === 'next'
  if (!which && unit !== 'weekend') return undefined
  const rest = which !== undefined && !/^(?:this|next)$/.test(which)
  if (unit === 'week') {
    const since = next ? addDays(monday, 7) : monday
    const until = addDays(since, 6)
    return rest ? { since: now, until, label: '' } : { since, until, label: `${which} week` }
  }
  if (unit === 'weekend') {
    const saturday = addDays(monday, next ? 12 : 5)
    return { since: saturday, until: addDays(saturday, 1), label: next ? 'next weekend' : 'this weekend' }
  }
  if (unit === 'month') {
    const this_ = monthOf(now)
    const span = next ? monthOf(addDays(this_.until, 1)) : this_
    return rest ? { since: now, until: span.until, label: '' } : { ...span, label: `${which} month` }
  }
  const year = Number(now.slice(0, 4)) + (next ? 1 : 0)
  return { since: rest ? now : `${year}-01-01`, until: `${year}-12-31`, label: `${which} year` }
}

const FEASTS: Record<string, string> = {
  'christmas eve': '12-24',
  christmas: '12-25',
  xmas: '12-25',
  'christmas day': '12-25',
  "new year's eve": '12-31',
  'new year': '01-01',
  "new year's": '01-01',
  "new year's day": '01-01',
  "valentine's day": '02-14',
  halloween: '10-31',
}

/** The next of those days that have a name and no other date, in every year the same. */
function feast(said: string, now: string): string | undefined {
  const day = FEASTS[said.replace(/^(?:the )/, '')]
  if (!day) return undefined
  const year = Number(now.slice(0, 4))
  return `${year}-${day}` >= now ? `${year}-${day}` : `${year + 1}-${day}`
}

function until(day: string, label: string, clock: Clock): Period {
  return { label, to: dayBounds(day, clock).to }
}

/** "tomorrow, Mon 23 Nov 2026": the word that was said, and the day it was taken for. */
function namedDay(phrase: string, day: string, clock: Clock): string {
  return /^(?:today|tonight|tomorrow)$/.test(phrase)
    ? `${phrase}, ${shown(day, clock)}`
    : `on ${shown(day, clock)}`
}
