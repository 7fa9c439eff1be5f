import { type Clock, isDay } from '../base/dates.ts'
import { parseDue } from '../base/due.ts'
import { normal, TAG } from '../base/normal.ts'
import type { Priority } from '../task/shape.ts'
import { datesSaid, type Said } from './dates_said.ts'
import { type Often, oftenSaid, tellsOfIt } from './recurrence_said.ts'
import type { Unread } from './shape.ts'

export interface TodoText {
  body: string
  tags: string[]
  due?: string
  /** How often, as it is kept: `every Monday`. */
  recur?: string
  priority?: Priority
  /** What looks as if it were meant, and was left in the body. */
  unread?: Unread[]
}

/**
 * Reads a todo as people type it: `replace the UPS battery #rack !high due friday`. A date may stand anywhere, tags (`#rack`
 * or `+rack`) and a priority at either end; a `#tag` inside a sentence ("clean the #rack fans") is one and stays there too.
 * Quoted passages are left alone. What is not understood stays in `body`, verbatim; `body` is '' when nothing is left.
 */
export function parseTodoText(text: string, clock: Clock): TodoText {
  const all = wordsOf(text)
  const often = oftenSaid(all, clock)
  const place = often && oftenPlace(all, often)
  const words = place === 'free' ? withoutOften(all, often!, clock) : all
  const known = new Map<string, Mark | undefined>()
  const marks = words.map((word) => {
    if (!known.has(word)) known.set(word, markOf(word))
    return known.get(word)
  })
  const dates = datesSaid(words, clock)
  const taken = dateMeant(words, marks, dates, clock)
  const isDate = (at: number) => taken?.some(({ from, to }) => at >= from && at < to) ?? false
  const isOpen = ({ from, to, marker, read }: Said, at: number) =>
    at >= from && at < to && marker !== undefined && read !== undefined && 'either' in read
  const beside = (at: number) => isDate(at) || (!taken && dates.some((said) => isOpen(said, at)))
  const atEnds = marksAtEnds(words, marks, beside)
  const priorities = new Set([...atEnds].flatMap((at) => marks[at]!.priority ?? []))
  // Two priorities contradict each other: neither is understood.
  const priority = priorities.size === 1 ? [...priorities][0] : undefined
  const isTaken = (at: number) => atEnds.has(at) && (priority !== undefined || !marks[at]!.priority)
  const tags = marks.flatMap((mark, at) => (mark?.tag && (isTaken(at) || !mark.plus) ? mark.tag : []))
  const body = bodyOf(words, (at) => isDate(at) || isTaken(at), taken !== undefined || place === 'free')
  const due = taken && dueOf(taken, clock)
  const unread = [
    ...(place === 'inside' ? [leftOften(often!)] : []),
    ...unreadDates(words, marks, dates, taken, isTaken),
    ...words.flatMap((word, at) => (isTaken(at) || !marks[at]?.priority ? [] : leftPriority(word))),
  ]
  return {
    body,
    tags: [...new Set(tags)],
    ...(due && { due }),
    ...(place === 'free' && { recur: often!.recur }),
    ...(priority && { priority }),
    ...(unread.length > 0 && { unread: unread.slice(0, MOST_TOLD) }),
  }
}

const MOST_TOLD = 5

/** What is left, without the quotes around it when it is one quoted passage and nothing else. */
function bodyOf(words: string[], gone: (at: number) => boolean, dated: boolean): string {
  const last = words.findLastIndex((_, at) => !gone(at))
  const kept = words.map((word, at) => {
    if (!gone(at)) return word
    // what a date in the middle ends with divides what stands around it
    return dated && at < last && !gone(at + 1) ? (word.match(/(?<!\d)[,;:.!?]$/)?.[0] ?? '') : ''
  })
  const body = kept.join('').trim()
  if (!dated) return unquoted(body)
  const rest = last < words.length - 1 ? body.replace(/(?<![\s,;:–—-])[\s,;:–—-]+$/, '') : body
  return unquoted(gone(0) ? rest.replace(/^[,;:.!?–—-]+\s+/, '') : rest)
}

/** What closes a quoted passage, by what opens it. */
const CLOSING = new Map([
  ['"', '"'],
  ['“', '”'],
  ['`', '`'],
])

/** Each word with the space before it; a quoted passage counts as (part of) one word. Each character is read once. */
function wordsOf(text: string): string[] {
  const words: string[] = []
  const unclosed = new Set<string>()
  const passed = (at: number): number => {
    const close = CLOSING.get(text[at]!)
    if (!close || unclosed.has(close)) return at + 1
    const end = text.indexOf(close, at + 1)
    if (end < 0) unclosed.add(close)
    return end < 0 ? at + 1 : end + 1
  }
  for (let start = 0, at = 0; at < text.length; start = at) {
    while (at < text.length && isSpace(text, at)) at += 1
    if (at === text.length) break
    while (at < text.length && !isSpace(text, at)) at = passed(at)
    words.push(text.slice(start, at))
  }
  return words
}

function isSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code === 32 || (code > 8 && code < 14) || (code > 127 && /\s/.test(text[at]!))
}

const TAGGED = new RegExp(`^\\s*[#+](${TAG})[.,;:!?]*$`, 'u')
/** `#ff00ff` is a colour. */
const COLOUR = /^(?=.*\d|(.)\1+$)(?:[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})$/i

/** What a word says beside the sentence. */
interface Mark {
  tag?: string
  /** Written `+tag`, which inside a sentence is none. */
  plus?: boolean
  priority?: Priority
}

function markOf(word: string): Mark | undefined {
  const sign = word.trimStart()[0]
  if (sign === '!') {
    const [, level] = word.match(/^\s*!(low|normal|high|urgent)[.,;:]*$/i) ?? []
    return level ? { priority: level.toLowerCase() as Priority } : undefined
  }
  if (sign !== '#' && sign !== '+') return undefined
  const tag = word.normalize('NFC').match(TAGGED)?.[1]
  if (!tag || (sign === '#' && COLOUR.test(tag))) return undefined
  return { tag: normal(tag), plus: sign === '+' }
}

function leftPriority(word: string): Unread {
  const text = word.trim().replace(/[.,;:]+$/, '')
  return { text, why: 'it stands inside the sentence', option: `--priority ${text.slice(1).toLowerCase()}` }
}

type Marks = (Mark | undefined)[]

/** Where the tags and priorities stand that begin or end the text, beside a date that does. */
function marksAtEnds(words: string[], marks: Marks, isDate: (at: number) => boolean): Set<number> {
  const found = new Set<number>()
  const take = (at: number): boolean => {
    if (isDate(at)) return true
    // "look at #rack" needs its tag
    if (!marks[at] || (marks[at].tag && binds(words[at - 1]))) return false
    found.add(at)
    return true
  }
  for (let at = words.length - 1; at >= 0 && take(at); at -= 1);
  for (let at = 0; at < words.length && take(at); at += 1);
  return found
}

/** After these a tag or a date belongs to the sentence: "clean the #rack fans", "prepare for friday", "it is due today". */
const BINDING = new Set(
  `a about after all am an and are as at be been before between but by close closes each either end ends every except for from has had in is isn't last like my not of on open opens or other our per since start starts than that the then this through til till to until versus vs was were what when which will with without your whats`.split(
    ' ',
  ),
)

function binds(word: string | undefined): boolean {
  const said = (word ?? '').trim().toLowerCase()
  return BINDING.has(said) || /['’][st]$/.test(said)
}
const RECURS =
  /(?:^|\s)(?:(?:every|each) (?:\S+ )?\S*(?:day|night|morning|evening|hour|week|month|year)s?|daily|nightly|weekly|monthly)$/i
/** With these a sentence goes on behind a date: "call Bob on friday about the invoice". */
const GOES_ON =
  /^\s*(?:[([–—-].*|about|after|and|as|at|because|before|but|for|from|if|in|into|onto|or|over|re|regarding|since|so|then|to|unless|using|via|when|while|with|without)$/i
/** What a todo may begin with, so that a weekday before it is when: "friday call mum", and not "friday report". */
const ORDER =
  /^\s*(?:add|ask|back|bake|book|bring|buy|call|cancel|change|check|clean|clear|close|collect|cook|create|cut|delete|deploy|do|download|drop|email|empty|feed|file|fill|find|finish|fix|get|give|go|install|learn|look|mail|make|meet|message|migrate|move|mow|open|order|pack|paint|pay|phone|pick|plan|plant|post|prepare|print|put|read|reboot|remove|renew|repair|replace|reply|restart|return|review|ring|run|see|sell|send|set|ship|sign|start|stop|swap|take|talk|tell|test|text|throw|tidy|turn|update|upgrade|vacuum|visit|walk|wash|watch|water|write)$/i

/** Whether it says how often the todo comes, at one of its ends, or belongs to the sentence, or may be either. */
function oftenPlace(words: string[], { from, to, adverb }: Often): Place {
  const due = /^\s*due\b/i.test(words[from]!)
  const after = words[to]
  const closed = /[)\],;:.!?]$/.test(words[to - 1]!)
  if (from === 0 && after !== undefined) {
    if (closed || (!adverb && ORDER.test(after))) return 'free'
    return adverb ? 'bound' : 'inside'
  }
  if (binds(words[from - 1])) return 'bound'
  const ends = after === undefined || closed || markOf(after) || STARTS.test(after)
  if (tellsOfIt(words, from)) return 'inside'
  if (ends || due) return 'free'
  return adverb ? 'bound' : 'inside'
}

/** The words beside it, and beside the word that says from when on: "every 3 days starting friday". */
function withoutOften(words: string[], { from, to }: Often, clock: Clock): string[] {
  const starts = /^\s*(?:starting|beginning|from)$/i.test(words[to] ?? '')
  const [date] = starts ? datesSaid(words.slice(to + 1, to + 8), clock) : []
  return [...words.slice(0, from), ...words.slice(date?.from === 0 ? to + 1 : to)]
}

/** What may stand behind it: from when on, or something in brackets. */
const STARTS = /^\s*(?:[([–—-]|(?:due|by|on|starting|beginning|from|today|tomorrow|next|this)\b)/i

const leftOften = ({ text, recur }: Often): Unread => ({
  text,
  why: 'it may belong to the sentence',
  option: `--every "${recur.replace(/^every /, '')}"`,
})

/** "Due friday is what he said" is about the date. */
const TELLS_OF_IT = /^\s*(?:is|was|are|were|will|would|be|means|dates?|or)$/i

type Place = 'free' | 'bound' | 'inside'

const NTH = /^\s*(?:\d+(?:st|nd|rd|th)|first|second|third|fourth|fifth)$/i

/** Whether a date says when, belongs to the sentence, or may be either. */
function placeOf(words: string[], marks: Marks, { from, to, marker, text, phrase, unsure }: Said): Place {
  const before = words
    .slice(Math.max(0, from - 4), from)
    .join('')
    .replace(/\s+/g, ' ')
  if (RECURS.test(before) || binds(words[from - 1])) return 'bound'
  // "every 2nd tuesday" names other days than the next tuesday
  if (!marker && NTH.test(words[from - 1] ?? '') && /^\S+day$/i.test(text)) return 'inside'
  const after = words[to]
  const ends = after === undefined || marks[to] || /[)\].,;:!?–—-]$/.test(words[to - 1]!)
  if (unsure) return ends || (from === 0 && !HOUR.test(phrase)) ? 'inside' : 'bound'
  if (ends || GOES_ON.test(after)) return 'free'
  if (marker?.startsWith('due')) return TELLS_OF_IT.test(after) ? 'inside' : 'free'
  if (from > 0) return 'inside'
  // "tomorrow 9am reboot router", "in 3 days check the pool": at the front these can be nothing else
  const isNoun = /^(?:(?:this|next) )?(?:(?!today)\S+day|week|month|year|weekend)$/i.test(text)
  return !isNoun || ORDER.test(after) ? 'free' : 'inside'
}

/** The words that say when it is due: one date, or a day and an hour that stand apart. */
function dateMeant(words: string[], marks: Marks, dates: Said[], clock: Clock): Said[] | undefined {
  const known = dates.filter(({ read }) => read && 'due' in read)
  const free = known.filter((said) => placeOf(words, marks, said) === 'free')
  const meant = free.filter(({ marker }) => marker?.startsWith('due'))
  const chosen = meant.length > 0 ? meant : free.filter((said) => !leadsOn(words, said, dates))
  const hours = known.filter((said) => said.unsure && placeOf(words, marks, said) === 'inside')
  if (chosen.length === 1 && hours.length === 1 && dueOf([chosen[0]!, hours[0]!], clock))
    return [...chosen, ...hours]
  if (chosen.length === 1) return chosen
  return chosen.length === 2 && dueOf(chosen, clock) ? chosen : undefined
}

/** "Friday to monday" is no day that something is due. */
function leadsOn(words: string[], { to }: Said, dates: Said[]): boolean {
  return (
    /^\s*(?:to|and|or|-|–|through|till|until|vs)$/i.test(words[to] ?? '') &&
    dates.some(({ from }) => from === to + 1 || from === to)
  )
}

/** When it is due by one date, or by a day and the hour that is said elsewhere; undefined when two say different things. */
function dueOf(taken: Said[], clock: Clock): string | undefined {
  const [one, other] = taken
  if (!other) return one!.read && 'due' in one!.read ? one!.read.due : undefined
  const [day, hour] = HOUR.test(one!.phrase) ? [other, one!] : [one!, other]
  if (HOUR.test(day.phrase) || !HOUR.test(hour.phrase)) return undefined
  return parseDue(`${day.phrase} ${hour.phrase}`, clock)?.due
}

const HOUR = /\d:\d\d|\d ?[ap]\.?m|^at \w+$|\bat \d|\b(?:noon|midday|midnight|past|o['’]?clock)\b/

/** What looks like a date and was not taken for one, with what mends it. */
function unreadDates(
  words: string[],
  marks: Marks,
  dates: Said[],
  taken: Said[] | undefined,
  gone: (at: number) => boolean,
): Unread[] {
  return dates.flatMap((said): Unread[] => {
    const { text, read, phrase, marker, meant, from, to } = said
    const due = marker?.startsWith('due') ?? false
    if (taken && (taken.includes(said) || !due)) return []
    if (meant) {
      const ends = to === words.length || marks[to] || /[)\].,;:!?–—-]$/.test(words[to - 1]!)
      if (!due && !(marker || from > 0 ? ends : ORDER.test(words[to] ?? ''))) return []
      return [{ text, why: 'it is no date', option: `--due ${optionOf(meant)}` }]
    }
    if (!read) return [{ text, why: 'it is no date', option: '--due DATE' }]
    if (!marker && 'due' in read === false && placeOf(words, marks, said) === 'bound') return []
    if ('none' in read) return [{ text, why: read.none, option: '--due DATE' }]
    if ('either' in read) {
      const without = bodyOf(words, (at) => (at >= from && at < to) || gone(at), true)
      return [{ text: phrase, why: 'the day or the month may be first', either: read.either, without }]
    }
    const tellsOfIt = due || /^\s*(?:is|are|was|be)$/i.test(words[from - 1] ?? '')
    if (!tellsOfIt && placeOf(words, marks, said) === 'bound') return []
    const option = `--due ${isDay(read.due) ? read.due : optionOf(phrase)}`
    return [{ text, why: 'it may belong to the sentence', option }]
  })
}

const optionOf = (phrase: string) => (/\s/.test(phrase) ? `"${phrase}"` : phrase)

/** `text` without its quotes when it is one quoted passage and nothing else. */
function unquoted(text: string): string {
  return (
    text
      .match(/^(?:"([^"]+)"|“([^”]+)”)$/)
      ?.slice(1)
      .find(Boolean)
      ?.trim() ?? text
  )
}
