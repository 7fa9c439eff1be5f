import type { Caller } from '../base/caller.ts'
import { addDays, type Clock, dayBounds, formatDue, isDay, mondayOf, today } from '../base/dates.ts'
import type { Sql } from '../base/db.ts'
import { parseDue } from '../base/due.ts'
import type { Todo } from '../todo/shape.ts'

/** For whom an utterance is understood, and when it was said. */
export interface Asker extends Clock {
  caller: Caller
  /** The task that carries the utterance. */
  task_id?: string
}

/** What the operator reads: the answer, and the command that takes it back where something was changed. */
export interface Reply {
  text: string
  undo?: string
  /** The todo that was changed, as it is now. */
  todo?: Pick<Todo, 'id' | 'status'>
  data?: unknown
}

/** One thing hai does without a model. `match` takes the whole utterance or nothing, and never asks the database. */
export interface Intent<Slots extends object> {
  name: string
  examples: string[]
  /** It may change something, and is not done twice for one message of a chat. */
  changes?: true
  match(utterance: string, clock: Clock): Slots | undefined
  run(sql: Sql, slots: Slots, asker: Asker): Promise<Reply>
}

/** Longer than any todo; what is longer is not said in passing. */
const LONGEST = 10_500

const GREETING = /^(?:(?:hey|hi|hello|ok|okay)[\s,!]+)?(?:@?hai(?:[,:!]\s*|\s+))?/i
const REQUEST = /^(?:(?:can|could|would|will) you(?: please)?|i(?:['’]d| would) like you to)[\s,]+/i
const PLEASE = /^(?:please|pls)[\s,]+/i
const FAREWELL =
  /(?:,\s*hai|[\s,]\s*(?:please|pls)|[,.!?]\s*(?:please|pls|thanks|thank you|thx|cheers))[.!?]*$/i

/** From where the marks begin: tried from each of ten thousand dots, the pattern would take seconds. */
const CLOSING_MARKS = /(?<![\s.!?…])[\s.!?…]+$/

/**
 * What was asked, without greeting and courtesy; letters and punctuation inside as typed. Undefined for more than
 * one line and for columns of blanks: pasted text is nobody's command.
 */
export function utterance(content: string): string | undefined {
  if (content.length > LONGEST) return undefined
  const whole = content.trim()
  if (/[\r\n]|\s{20}/.test(whole)) return undefined
  const greeted = whole.replace(GREETING, '').replace(FAREWELL, '').replace(FAREWELL, '')
  const asked = greeted.replace(PLEASE, '').replace(REQUEST, '').replace(PLEASE, '')
  // "could you …?" is a request: its question mark belongs to the courtesy.
  return REQUEST.test(greeted) ? asked.replace(/\s*\?+$/, '') : asked
}

/** An utterance as the question patterns read it: lower case, plain apostrophes, single spaces, no closing marks. */
export function plain(said: string): string {
  return said
    .toLowerCase()
    .replace(/[‘’ʼ]/g, "'")
    .replace(/\s+/g, ' ')
    .replace(CLOSING_MARKS, '')
    .replace(/^(?:show|tell|give) me /, '')
}

/** A pattern for the whole of an utterance: nothing may be left over. */
export function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, 'iu')
}

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
  return { label: namedDay(phrase, due, clock), ...dayBounds(due, clock) }
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
function namedDay(phrase: string, day: string, clock: Clock): string {
  return /^(?:today|tonight|tomorrow)$/.test(phrase)
    ? `${phrase}, ${shown(day, clock)}`
    : `on ${shown(day, clock)}`
}

const shown = (day: string, clock: Clock) => formatDue(day, clock)
