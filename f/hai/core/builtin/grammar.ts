import type { Caller } from '../base/caller.ts'
import type { Clock } from '../base/dates.ts'
import type { Sql } from '../base/db.ts'
import type { HaiError } from '../base/errors.ts'
import type { FirstLane } from '../task/envelope.ts'
import type { Refused, TaskSummary } from '../task/shape.ts'
import type { Todo } from '../todo/shape.ts'

/** For whom an utterance is understood, and when it was said. */
export interface Asker extends Clock {
  caller: Caller
  /** The task that carries the utterance. */
  task_id?: string
  /** Where a task waits at first that is put back. */
  firstLane?: FirstLane
}

/** What the operator reads: the answer, and the command that takes it back where something was changed. */
export interface Reply {
  text: string
  undo?: string
  /** The todo that was changed, as it is now. */
  todo?: Pick<Todo, 'id' | 'status'>
  /** The task that was changed, as it is now. */
  task?: Pick<TaskSummary, 'id' | 'state'>
  data?: unknown
  /** Why nothing was changed, though something was to be. */
  refused?: Refused
}

/** An answer that tells why nothing was changed. */
export const unchanged = (text: string, data: unknown, refused: Refused): Reply => ({ text, data, refused })

/** The same as a door would refuse it. */
export const refusedBy = ({ code }: HaiError): Refused => (code === 'not_found' ? code : 'conflict')

/**
 * One thing hai does without a model. `match` takes the whole utterance or nothing, and never asks the database. `run` gives
 * nothing where what there is shows that something else was meant: then a model answers.
 */
export interface Intent<Slots extends object> {
  name: string
  examples: string[]
  /** It may change something, and is not done twice for one message of a chat. */
  changes?: true
  match(utterance: string, clock: Clock): Slots | undefined
  run(sql: Sql, slots: Slots, asker: Asker): Promise<Reply | undefined>
}

/** Longer than any todo; what is longer is not said in passing. */
const LONGEST = 10_500

const INTERJECTION =
  /^(?:(?:(?:oh|ah|oops|ops|whoops|argh|damn|um+|uh+|hm+|well|right|so|and|also|actually|wait|no|nope|sorry|yo|alright|btw|by the way|good (?:morning|evening)|morning|evening)[\s,!.…:-]+)+)/i
const GREETING = /^(?:(?:hey|hi|hello|ok|okay)[\s,!]+)?(?:@?hai(?:[,:!]\s*|\s+))?/i
const REQUEST =
  /^(?:(?:can|could|would|will) (?:you|u)(?: (?:please|pls|just|quickly))*|i(?:['’]?d| would) like you to|i (?:want|need) you to|you (?:can|could|may|might)(?: now| just)*|(?:just|quickly|go ahead and|let['’]?s))[\s,]+/i
const PLEASE = /^(?:please|pls|plz)[\s,]+/i
const FAREWELL =
  /(?:,\s*hai|[\s,]\s*(?:please|pls|plz)|[,.!?]\s*(?:please|pls|plz|thanks|thank you|thx|cheers|ta))[.!?]*$/i

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
  const begun = whole.replace(GREETING, '').replace(INTERJECTION, '').replace(GREETING, '')
  const greeted = begun.replace(FAREWELL, '').replace(FAREWELL, '')
  const asked = greeted.replace(PLEASE, '').replace(REQUEST, '').replace(PLEASE, '')
  // "could you …?" is a request: its question mark belongs to the courtesy.
  return REQUEST.test(greeted.replace(PLEASE, '')) ? asked.replace(/\s*\?+$/, '') : asked
}

const CONTRACTED: [RegExp, string][] = [
  [/\b(what|that|it|there|who|where|how|when|he|she)'?s\b(?! (?:own|turn)\b)/g, '$1 is'],
  [/\b(i|we|you|they|what|there)'?ve\b/g, '$1 have'],
  [/\b(i)'?m\b/g, '$1 am'],
  [/\b(what|you|we|they)'re\b/g, '$1 are'],
  [/\b(i|you|what|that)'d\b/g, '$1 did'],
  [/\b(ca)n'?t\b/g, 'can not'],
  [/\bgimme\b/g, 'give me'],
  [/\blemme\b/g, 'let me'],
  [/\b(do|does|did|is|are|was|were|have|has|had|would|could|should|need)n'?t\b/g, '$1 not'],
  [/\bto-dos\b|\bto dos\b|\btodo's\b/g, 'todos'],
  [/\bto-do\b/g, 'todo'],
  [/\bto do (?=list\b|items?\b)/g, 'todo '],
  [/\be-mail/g, 'email'],
]

/** What stands at the end and says nothing: the question is the same without it. */
const TAIL =
  /,? (?:please|pls|for me|right now|just now|now|at the moment|at present|currently|already|yet|then|at all|exactly|though|if any|thanks|thank you)$/

/**
 * An utterance as the question patterns read it: lower case, plain apostrophes and nothing contracted, single spaces, no
 * closing marks.
 */
export function plain(said: string): string {
  const text = said.toLowerCase().replace(/[‘’ʼ]/g, "'").replace(/\s+/g, ' ').replace(CLOSING_MARKS, '')
  const full = CONTRACTED.reduce((left, [pattern, by]) => left.replace(pattern, by), text)
  return full.replace(
    /^(?:please )?(?:(?:show|tell|give|read|list|get|fetch) me|let me (?:see|know|have(?: a look at)?)) (?:again )?/,
    '',
  )
}

/** The same without what says nothing at its end. */
export function bareQuestion(said: string): string {
  const text = plain(said)
  const bare = text.replace(TAIL, '').replace(TAIL, '')
  return bare === '' ? text : bare
}

/** Nobody asks hai for what it knows in more; a pattern for something longer is tried on all of it. */
const LONGEST_QUESTION = 400

/** The last question and its forms: one pattern after the other is tried on them. */
let lastAsked: { said: string; forms: string[] } | undefined

function formsOf(said: string): string[] {
  if (lastAsked?.said !== said) {
    lastAsked = { said, forms: [...new Set([plain(said), bareQuestion(said)])] }
  }
  return lastAsked.forms
}

/** The groups of the first of the patterns that fits a question, with or without what says nothing at its end. */
export function asked(patterns: readonly RegExp[], said: string): Record<string, string> | undefined {
  if (said.length > LONGEST_QUESTION) return undefined
  for (const text of formsOf(said)) {
    for (const pattern of patterns) {
      const found = text.match(pattern)
      if (found) return { ...found.groups }
    }
  }
  return undefined
}

/** A pattern for the whole of an utterance: nothing may be left over. */
export function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, 'iu')
}
