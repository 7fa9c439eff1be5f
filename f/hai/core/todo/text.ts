import { type Clock, parseDue } from '../base/dates.ts'
import { normal, TAG } from '../base/normal.ts'
import type { Priority } from '../task/shape.ts'

export interface TodoText {
  body: string
  tags: string[]
  due?: string
  priority?: Priority
}

/**
 * Reads a todo as people type it: `replace the UPS battery #rack !high due friday`. Tags and a priority may stand
 * anywhere outside quotes, a date only at the end; a tag inside a sentence ("clean the #rack fans") stays there too.
 * What is not understood stays in `body`, verbatim; `body` is '' when nothing is left.
 */
export function parseTodoText(text: string, clock: Clock): TodoText {
  const words = wordsOf(text)
  const tags = words.map(tagOf).filter((tag) => tag !== undefined)
  const priorities = new Set(words.map(priorityOf).filter((priority) => priority !== undefined))
  // Two priorities contradict each other: neither is understood.
  const priority = priorities.size === 1 ? [...priorities][0] : undefined

  const prose = words.filter((word, at) => {
    if (tagOf(word)) return BINDS.test(words[at - 1] ?? '')
    return !(priority && priorityOf(word))
  })
  const tail = dueTail(prose, clock)
  const rest = tail ? prose.slice(0, -tail.words) : prose
  const body = rest.join('').trim()
  return {
    body: unquoted(tail ? body.replace(/(?<![\s,;:–—-])[\s,;:–—-]+$/, '') : body),
    tags: [...new Set(tags)],
    ...(tail && { due: tail.due }),
    ...(priority && { priority }),
  }
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

const TAGGED = new RegExp(`^\\s*#(${TAG})[.,;:!?]*$`, 'u')

function tagOf(word: string): string | undefined {
  if (!word.includes('#')) return undefined
  const tag = word.normalize('NFC').match(TAGGED)?.[1]
  return tag && normal(tag)
}

function priorityOf(word: string): Priority | undefined {
  if (!word.includes('!')) return undefined
  return word.match(/^\s*!(low|normal|high|urgent)[.,;:]*$/i)?.[1]?.toLowerCase() as Priority | undefined
}

/** The longest date phrase at the end of `words`, and how many words it takes up. */
function dueTail(words: string[], clock: Clock): { due: string; words: number } | undefined {
  for (let start = Math.max(0, words.length - LONGEST_TAIL); start < words.length; start++) {
    const before = words.slice(0, start).join('').replace(/\s+/g, ' ')
    const phrase = datePhrase(words.slice(start).join('').trim().replace(/\s+/g, ' '))
    const due = phrase && parseDue(phrase.text, clock)?.due
    if (!due) continue
    // A shorter piece of a date that belongs to the sentence is no due date either.
    if (RECURS.test(before) || (!phrase.marked && BINDS.test(before))) return undefined
    return { due, words: words.length - start }
  }
  return undefined
}

/** "due by friday the 27th of november at 17:00" and then some. */
const LONGEST_TAIL = 10

/** Characters, with the word that says so and what may stand around it. */
const LONGEST_PHRASE = 120

/** Words that say a date is meant, so that any date may follow. */
const MARKED = /^\(?(?:due(?: by| on| at)?|by|on|at)(?:: ?| )(.+?)[)\].,;!?]*$/i
/** What is a date by itself. Abbreviations and other dates are too often something else: "the cat sat". */
const BARE =
  /^\(?((?:today|tonight|tomorrow|next week|(?:(?:this|next) )?(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:the )?day after tomorrow)(?: .+)?|in (?:an?|half|\d+|one|two|three|four|five|six) .+?)[)\].,;!?]*$/i

function datePhrase(tail: string): { text: string; marked: boolean } | undefined {
  if (tail.length > LONGEST_PHRASE) return undefined
  const marked = tail.match(MARKED)?.[1]
  if (marked) return { text: marked, marked: true }
  const bare = tail.match(BARE)?.[1]
  return bare ? { text: bare.replace(/[)\].,;!?]+$/, ''), marked: false } : undefined
}

/** After these a tag or a date belongs to the sentence: "clean the #rack fans", "prepare for friday". */
const BINDS =
  /(?:^|\s)(?:a|about|after|all|an|and|at|before|between|by|each|either|every|except|for|from|in|last|like|my|of|on|or|other|our|since|than|that|the|then|this|through|till?|to|until|versus|vs|with|without)$/i
const RECURS =
  /(?:^|\s)(?:(?:every|each) (?:\S+ )?\S*(?:day|night|morning|evening|hour|week|month|year)s?|daily|nightly|weekly|monthly)$/i

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
