import type { Clock } from '../base/dates.ts'
import { readDate } from '../base/due.ts'
import type { Reading } from '../base/spoken_date.ts'
import { slipOf } from './slips.ts'

/** A date among the words of a text: those from `from` to before `to`, and what they say. */
export interface Said {
  from: number
  to: number
  /** As it stands there, in single spaces, without what may stand around it. */
  text: string
  /** The date itself, without the word that says that one is meant. */
  phrase: string
  marker?: string
  /** "At 5" is an hour beside a day, and alone it may be anything; `12/27` without a word before it may be a number. */
  unsure?: true
  /** The same with the day that its last word is a slip of: "friday" for "fryday". */
  meant?: string
  read: Reading | undefined
}

/** "due by friday the 27th of november at 17:00" and then some. */
const LONGEST = 10
/** So many phrases are tried in one text; who writes more dates than that is not putting down a todo. */
const MOST_TRIES = 150

const MARKERS = new Set(['due', 'due:', 'by', 'on', 'at'])
/** After "due" what is meant for a date, though none can be made of it: "due asap", "due later". */
const VAGUE =
  /^(?:asap|soon|later|now|immediately|whenever|someday|sometime|eventually|early|mid|late|start|end|beginning|next|this|every|each|monthly|weekly|daily|yearly)$/

const WEEKDAYS = '(?:mon|tues|wednes|thurs|fri|satur|sun)day'
const SHORT_DAYS = '(?:mon|tues?|wed|thurs?|thu|fri|sat|sun)'
const MONTHS =
  '(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)'
const NUMBERS = '(?:an?|half|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|couple|few)'
const UNITS = '(?:sec|second|min|minute|hr|hour|day|night|week|wk|fortnight|month|year|yr)s?'
const HOURS =
  "(?:\\d{1,2}(?:[:.]\\d\\d)?(?:[ap]\\.?m\\.?|h\\d{0,2})?|[ap]\\.?m\\.?|o['’]?clock|noon|midday|midnight|quarter|past)"
const NUMERIC =
  '(?:\\d{1,4}(?:st|nd|rd|th|[mhdw])?|\\d{1,4}(?:[/.-]\\d{1,4}){1,2}|\\d{4}-\\d\\d-\\d\\d(?:t[\\d:.+z-]+)?|\\d\\d:\\d\\d:\\d\\d)\\.?'
const DAYS =
  'today|tonight|tomorrow|tomm?orr?ow|tmrw?|tmr|yesterday|week|weekend|eod|eow|eom|eoy|morning|afternoon|evening'
const GLUE =
  'of|the|in|on|at|by|from|now|time|and|to|next|this|last|coming|end|start|beginning|first|after|within|around'
const ZONES = 'utc|gmt|cet|cest|e[sd]t|c[sd]t|m[sd]t|p[sd]t|bst|ist|jst|nz[sd]t|ae[sd]t'
/** What a date can be made of, a word at a time. */
const WORD = new RegExp(
  `^(?:${WEEKDAYS}|${SHORT_DAYS}|${MONTHS}\\.?|${NUMBERS}|${UNITS}|${HOURS}|${NUMERIC}|${DAYS}|${GLUE}|${ZONES})$`,
)
/** A day in figures that is no fraction or version: `2026-12-03`, `01/02/2027`, `12/01`, `27/12`. */
const FIGURES =
  '(?:\\d{4}-\\d\\d-\\d\\d|\\d{1,2}([/.-])\\d{1,2}\\1\\d{4}|0\\d/\\d\\d?|\\d\\d?/0\\d|1[0-2]/(?:1[3-9]|2\\d|3[01])|(?:1[3-9]|2\\d|3[01])/1[0-2])'
const IN_FIGURES = new RegExp(`^${FIGURES}(?: (.+))?$`)
/** What begins a date without a word that says so. Abbreviations are too often something else: "the cat sat". */
const OPENS = new RegExp(
  `^(?:${WEEKDAYS}|today|tonight|tomorrow|tomm?orr?ow|tmrw?|tmr|noon|midday|midnight|eod|eow|eom|eoy|next|this|in|within|the|end|an?|two|day|\\d{1,2}(?:[:.]\\d\\d)?[ap]m|\\d{1,2}:\\d\\d|\\d{1,2}h\\d{0,2}|\\d{1,2}(?:st|nd|rd|th)?\\.?|${MONTHS}\\.?|${SHORT_DAYS}|${FIGURES})$`,
)
/** The whole of such a date, where its first word alone would be too little to go by. */
const PLAIN = new RegExp(
  `^(?:(?:today|tonight|tomorrow|tomm?orr?ow|tmrw?|tmr|(?:(?:this|next) )?${WEEKDAYS}|next (?:week(?:end)?|month|year)|this weekend|(?:the )?day after tomorrow|noon|midday|midnight|eod|eow|eom|eoy|(?:the )?end of .+)(?: .+)?` +
    `|in (?:an?|half|\\d+ ?[hdw]?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve) ?.*|within .+` +
    `|an? week (?:on|from) .+|.+ from now|${SHORT_DAYS} (?:at )?\\d.*` +
    `|\\d{1,2}(?:[:.]\\d\\d)? ?[ap]\\.?m\\.?(?: .+)?|\\d{1,2}:\\d\\d(?: .+)?|\\d{1,2}h\\d{0,2} .+` +
    `|(?:the )?\\d{1,2}(?:st|nd|rd|th|\\.)? (?:of )?${MONTHS}\\b.*|${MONTHS} \\d{1,2}(?:st|nd|rd|th)?\\b.*)$`,
)

const bare = (word: string) => word.trim().toLowerCase().replace(/^\(/, '')
/** What may stand behind a date; a dot belongs to `3.12.`, and to `p.m.` */
const CLOSING = /[)\],;:!?]+$|(?<!\d|\b[ap]\.m)\.$|(?<=\d\d?[:/-]\d\d|\d{4})\.$/
const open = (word: string) => bare(word).replace(CLOSING, '').replace(CLOSING, '')

/** All dates that a text names, and what looks like one, in their order; none within another. */
export function datesSaid(words: readonly string[], clock: Clock): Said[] {
  const found: Said[] = []
  const known = new Map<string, Part | undefined>()
  const parts = (word: string) => {
    if (!known.has(word)) known.set(word, partOf(word))
    return known.get(word)
  }
  let tries = 0
  for (let at = 0; at < words.length && tries < MOST_TRIES; at += 1) {
    const longest = reach(words, parts, at)
    let said: Said | undefined
    for (let to = longest; to > at && !said?.read && tries < MOST_TRIES; to -= 1) {
      tries += 1
      said = saidIn(words, at, to, clock) ?? said
      if (said?.meant) break
    }
    if (!said) continue
    found.push(said)
    at = said.to - 1
  }
  return found
}

/** What a word can be of a date, whatever stands beside it. */
interface Part {
  said: string
  opens: boolean
  marks: boolean
  fits: boolean
}

function partOf(word: string): Part | undefined {
  if (word.length > LONGEST_WORD) return undefined
  const said = open(word)
  const marks = MARKERS.has(said) || /^due:./.test(said)
  const slips = slipOf(said) !== undefined
  return { said, marks, opens: marks || slips || OPENS.test(said), fits: slips || WORD.test(said) }
}

/** "2026-12-01T17:00:00.000+01:00", in brackets. */
const LONGEST_WORD = 40

/** How far a date that begins here may go; `at` where none begins. */
function reach(words: readonly string[], parts: (word: string) => Part | undefined, at: number): number {
  const first = parts(words[at]!)
  if (!first?.opens) return at
  let to = at + 1
  for (; to < words.length && to < at + LONGEST && !ends(words[to - 1]!, to - 1 === at); to += 1) {
    const next = parts(words[to]!)
    if (!next?.fits && !(first.marks && to === at + 1 && next && VAGUE.test(next.said))) break
  }
  return first.marks && to === at + 1 && !first.said.startsWith('due:') ? at : to
}

/** Behind a full stop or a bracket another thing begins; behind a comma a date may go on. */
const ends = (word: string, first: boolean) =>
  /[)\];!?]$/.test(word.trim()) || (!first && /[^\d\s.]\.$/.test(word) && !/[ap]\.m\.$/.test(word))

function saidIn(words: readonly string[], from: number, to: number, clock: Clock): Said | undefined {
  const text = words
    .slice(from, to)
    .map((word) => word.trim())
    .join(' ')
    .replace(/^\(/, '')
    .replace(CLOSING, '')
    .replace(CLOSING, '')
  const lower = text.toLowerCase()
  const [, marker, marked] = lower.match(/^(due(?: by| on| at| in)?|by|on|at):? ?(.+)$/) ?? []
  const slip = slipOf(lower.split(' ').at(-1)!)
  if (slip) {
    const whole = (marked ?? lower).replace(/\S+$/, slip)
    const right = readDate(whole, clock)
    return right && 'due' in right
      ? { from, to, text, phrase: lower, ...(marker && { marker }), meant: whole, read: undefined }
      : undefined
  }
  if (!marker || !marked) {
    const figures = IN_FIGURES.exec(lower)
    if (figures) {
      const read = readDate(lower, clock)
      return read && { from, to, text, phrase: lower, read, ...(figures[2] ? {} : { unsure: true }) }
    }
    const read = PLAIN.test(lower) ? readDate(lower, clock) : undefined
    return read && 'due' in read ? { from, to, text, phrase: lower, read } : undefined
  }
  const due = marker.startsWith('due')
  // "on 12" is no date, "at 5" may be one
  const phrase = marker === 'due in' ? `in ${marked}` : /(?:^| )at$/.test(marker) ? `at ${marked}` : marked
  if (marker === 'at' && LONE_HOUR.test(marked)) {
    const hour = !(Number(marked) > 12) ? readDate(phrase, clock) : undefined
    return hour && { from, to, text, phrase, marker, read: hour, unsure: true }
  }
  const read = lone(marked, due) ? undefined : readDate(phrase, clock)
  if (read || (due && (VAGUE.test(marked.split(' ')[0]!) || /\d/.test(marked)) && to - from > 1))
    return { from, to, text, phrase, marker, read }
  return undefined
}

const LONE_HOUR = new RegExp(`^(?:\\d{1,2}|${NUMBERS})$`)

/** What needs "due" in front, to be no number of something else: "on 3.12", "by 10". */
const lone = (said: string, due: boolean) => !due && /^\d{1,2}(?:\.\d{1,2})?$/.test(said)
