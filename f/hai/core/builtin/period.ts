import { addDays, type Clock, dayBounds, formatDue, isDay, mondayOf, parseDue, today } from '../base/dates.ts'

/** A stretch of time: `from` (inclusive; open when absent) to `to` (exclusive), RFC 3339, and how an answer names it. */
export interface Period {
  label: string
  from?: string
  to: string
}

/** A coming time as said after "due": "today", "this week", "on friday", "by 5 december". Days, not hours. */
export function comingPeriod(said: string, clock: Clock): Period | undefined {
  if (said === '') return until(today(clock), `by today, ${shown(today(clock), clock)}`, clock)
  const week = said.match(/^(this|next) week$/)?.[1]
  if (week) return weekOf(addDays(today(clock), week === 'next' ? 7 : 0), `${week} week`, clock)

  const [, by, phrase = said] = said.match(/^(by|before|until|on)? ?(.+)$/) ?? []
  const due = parseDue(phrase, clock)?.due
  if (!due || !isDay(due)) return undefined
  if (by === 'before') return until(addDays(due, -1), `before ${shown(due, clock)}`, clock)
  if (by === 'by' || by === 'until') return until(due, `by ${shown(due, clock)}`, clock)
  return { label: named(phrase, due, clock), ...dayBounds(due, clock) }
}

/** A past time as said after "what failed": "today", "yesterday", "this week"; '' is the last 24 hours. */
export function pastPeriod(said: string, clock: Clock): Period | undefined {
  const now = clock.now.toISOString()
  if (said === '' || /^in the (?:last|past) (?:24 hours|day)$/.test(said)) {
    return {
      label: 'in the last 24 hours',
      from: new Date(clock.now.getTime() - 86_400_000).toISOString(),
      to: now,
    }
  }
  if (said === 'today' || said === 'so far today')
    return { label: 'today', from: dayBounds('today', clock).from, to: now }
  if (said === 'yesterday') return { label: 'yesterday', ...dayBounds('yesterday', clock) }
  if (said === 'since yesterday') {
    return { label: 'since yesterday', from: dayBounds('yesterday', clock).from, to: now }
  }
  const week = said.match(/^(this|last) week$/)?.[1]
  if (week) return weekOf(addDays(today(clock), week === 'last' ? -7 : 0), `${week} week`, clock)
  return undefined
}

function weekOf(day: string, name: string, clock: Clock): Period {
  const monday = mondayOf(day)
  const sunday = addDays(monday, 6)
  const label = `${name}, ${shown(monday, clock)} to ${shown(sunday, clock)}`
  return { label, from: dayBounds(monday, clock).from, to: dayBounds(sunday, clock).to }
}

function until(day: string, label: string, clock: Clock): Period {
  return { label, to: dayBounds(day, clock).to }
}

/** "tomorrow, Mon 23 Nov 2026": the word that was said, and the day it was taken for. */
function named(phrase: string, day: string, clock: Clock): string {
  return /^(?:today|tonight|tomorrow)$/.test(phrase)
    ? `${phrase}, ${shown(day, clock)}`
    : `on ${shown(day, clock)}`
}

const shown = (day: string, clock: Clock) => formatDue(day, clock)
