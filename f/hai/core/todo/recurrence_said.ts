import type { Clock } from '../base/dates.ts'
import { parseRecurrence, recurrenceText } from './recurrence_words.ts'

/** How often, among the words of a text: those from `from` to before `to`, and the rule that they say. */
export interface Often {
  from: number
  to: number
  /** As it stands there, in single spaces. */
  text: string
  /** As it is kept: `every Monday`. */
  recur: string
  /** "Daily" is as often said of a thing: "the daily report". */
  adverb: boolean
}

/** "due every first monday of the month at 9:00 am after it is done" */
const LONGEST = 14
/** So many are tried in one text. */
const MOST_TRIES = 100

const OPENS = /^\(?(?:every|each|daily|weekly|fortnightly|monthly|quarterly|yearly|annually)\b/i

/** "Every 2nd tuesday" is not every 2nd. */
const NTH = /\d(?:st|nd|rd|th)$/
const DAY = /^\s*(?:mon|tues|wednes|thurs|fri|satur|sun)day/i

/** The first rule that a text names; its longest reading. */
export function oftenSaid(words: readonly string[], clock: Clock): Often | undefined {
  let tries = 0
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]!.trim()
    if (word.length > 20 || !OPENS.test(word)) continue
    for (let to = Math.min(words.length, at + LONGEST); to > at && tries < MOST_TRIES; to -= 1) {
      tries += 1
      const text = words
        .slice(at, to)
        .map((one) => one.trim())
        .join(' ')
        .replace(/^\(/, '')
        .replace(/[)\],;:.!?]+$/, '')
      const rule = parseRecurrence(text, clock)
      if (!rule || (NTH.test(text) && DAY.test(words[to] ?? ''))) continue
      const marked = /^due:?$/i.test(words[at - 1]?.trim() ?? '')
      return {
        from: marked ? at - 1 : at,
        to,
        text,
        recur: recurrenceText(rule),
        adverb: !/^(?:every|each)/i.test(text),
      }
    }
  }
  return undefined
}

/** What is told of by a sentence is not asked for: "fix the job that runs every night". */
export function tellsOfIt(words: readonly string[], from: number): boolean {
  const before = words.slice(0, from).map((word) => word.trim().toLowerCase())
  if (before.some((word) => CLAUSE.test(word))) return true
  const [last = '', second = ''] = before.toReversed()
  return (
    VERB.test(last) || (second === 'to' && /^(?:run|happen|fire|repeat|work|send|restart|reboot)$/.test(last))
  )
}

const CLAUSE = /^(?:that|which|who|whether|why|how|if|because|since|when|whenever|where|what)$/
const VERB =
  /^(?:runs|running|happens|happening|occurs|fires|fails|failing|works|repeats|rotates|restarts|reboots|crashes|crashing|breaks|hangs|dies|goes|comes|gets|sends|posts|changes|scheduled|executed|called|triggered|sent)$/
