import type { ClaimedTask } from '../task/shape.ts'
import { estimate, type Ruler, ruler } from './estimate.ts'

/** Less than that shows nothing of a text: then it is left out, so that the others have more. In tokens. */
const LEAST_SHARE = 96
/** So many are told of one by one. */
const MOST_NOTICES = 4
/** A name that is longer is cut where its text is. */
const LONGEST_NAME = 60

interface Attached {
  text: string
  tokens: number
  notices: string[]
}

type Part = ClaimedTask['context'][number]

/**
 * Each part under its name. Parts share the room: what is shorter than its share stays whole, and leaves the rest of it to
 * the others; of what is longer the middle is left out; and those that would have too little to say anything are left out.
 */
export function attach(parts: Part[], room: number): Attached {
  const wholes = parts.map(whole)
  const costs = wholes.map((text) => estimate(text).most)
  const together = costs.reduce((sum, cost) => sum + cost, 0)
  if (together <= room) return { text: wholes.join(''), tokens: together, notices: [] }
  const shown = Math.min(parts.length, Math.max(0, Math.floor((room - LEAST_SHARE / 2) / LEAST_SHARE)))
  const missing = parts.slice(shown)
  const ending = missing.length > 0 && shown > 0 ? `[${absent(missing, parts)}]\n\n` : ''
  const share = fairShare(costs.slice(0, shown), room - estimate(ending).most)
  const notices: string[] = []
  const texts = parts.slice(0, shown).map((part, at) => {
    if (costs[at]! <= share) return wholes[at]!
    const { text, notice } = shortened(part, share)
    notices.push(notice)
    return text
  })
  if (missing.length > 0)
    notices.push(`${absent(missing, parts)}, as the model's window has no room for more`)
  const text = texts.join('') + ending
  return { text, tokens: estimate(text).most, notices: few(notices) }
}

const tagged = (name: string, text: string) =>
  `<attached name=${JSON.stringify(name)}>\n${text}\n</attached>\n\n`
const whole = ({ name, text }: Part) => tagged(name, text)

function shortened({ name, text }: Part, share: number): { text: string; notice: string } {
  const called = [...name].length > LONGEST_NAME ? `${[...name].slice(0, LONGEST_NAME - 1).join('')}…` : name
  const room = Math.floor(share) - estimate(tagged(called, '')).most - 2
  const short = shorten(text, room)
  if (!short) return { text: '', notice: `${called} does not fit the model's window and was left out` }
  const notice = `${called}: ${short.left} in the middle do not fit the model's window and were left out`
  return { text: tagged(called, short.text), notice }
}

function absent(missing: Part[], parts: Part[]): string {
  return missing.length === parts.length
    ? `${parts.length === 1 ? parts[0]!.name : `all ${parts.length} attached texts`} ${parts.length === 1 ? 'was' : 'were'} left out`
    : `the last ${missing.length} of ${parts.length} attached texts were left out`
}

/** The share of each that is cut, when those that need less than it take what they need. */
export function fairShare(costs: number[], room: number): number {
  let left = room
  const rising = [...costs].sort((a, b) => a - b)
  for (const [at, cost] of rising.entries()) {
    const share = left / (rising.length - at)
    if (cost > share) return share
    left -= cost
  }
  return Number.POSITIVE_INFINITY
}

function few(notices: string[]): string[] {
  if (notices.length <= MOST_NOTICES) return notices
  const rest = notices.length - MOST_NOTICES + 1
  return [
    ...notices.slice(0, MOST_NOTICES - 1),
    `${rest} more attached texts were cut or left out in the same way`,
  ]
}

/** Of what is kept, the beginning: the end of a log is what it is looked at for. */
const HEAD_SHARE = 1 / 3

/** Tokens that the places may have where a text was cut: a piece counts by what is beside it. */
const SEAMS = 8

interface Shortened {
  text: string
  /** What is left out of the middle, in words: `312 of 400 lines (25880 of 30002 characters)`. */
  left: string
}

/**
 * The beginning and the end of `text`, and a line between them that says how much is left out; whole lines where lines
 * are short enough, and never half a character. Undefined when not even that line has room in so many tokens.
 */
export function shorten(text: string, tokens: number): Shortened | undefined {
  const room = tokens - estimate(between(leftOut(text, 0, 0))).most - SEAMS
  if (room < 1) return undefined
  const measured = ruler(text)
  const head = headEnd(text, measured, room * HEAD_SHARE)
  const tail = Math.max(head, tailStart(text, measured, room * (1 - HEAD_SHARE)))
  const left = leftOut(text, head, tail)
  const gap = head === 0 || text[head - 1] === '\n' ? '' : '\n'
  return { text: text.slice(0, head) + gap + between(left) + text.slice(tail), left }
}

const between = (left: string) => `[… ${left} left out here …]\n`

/** The last place up to which `text` has at most so many tokens, at the end of a line if one is near. */
function headEnd(text: string, { ends, most }: Ruler, tokens: number): number {
  const end = ends[last(most, (sum) => sum <= tokens)] ?? 0
  const line = text.lastIndexOf('\n', end - 1) + 1
  return line > end / 2 ? line : end
}

/** The first place from which it has at most so many, at the beginning of a line if one is near. */
function tailStart(text: string, { ends, most }: Ruler, tokens: number): number {
  const all = most.at(-1) ?? 0
  const start = ends[last(most, (sum) => all - sum > tokens) + 1] ?? text.length
  const line = text.indexOf('\n', Math.max(0, start - 1)) + 1
  return line > 0 && text.length - line > (text.length - start) / 2 ? line : start
}

/** The index of the last of rising numbers that `holds`; -1 when none does. */
function last(numbers: number[], holds: (number: number) => boolean): number {
  let low = -1
  let high = numbers.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (holds(numbers[middle]!)) low = middle
    else high = middle - 1
  }
  return low
}

/** Lines that aren't shown whole, where there are several, and characters. */
function leftOut(text: string, head: number, tail: number): string {
  const middle = text.slice(head, tail)
  const characters = `${charactersOf(middle)} of ${charactersOf(text)} characters`
  const all = linesOf(text)
  if (all === 1) return characters
  const whole = newlinesOf(text.slice(0, head)) + linesOf(text.slice(tail))
  const startsWithin = tail > 0 && tail < text.length && text[tail - 1] !== '\n'
  return `${all - whole + (startsWithin ? 1 : 0)} of ${all} lines (${characters})`
}

const newlinesOf = (text: string) => text.split('\n').length - 1
const linesOf = (text: string) => newlinesOf(text) + (text === '' || text.endsWith('\n') ? 0 : 1)

/** As people count them: two halves are one. */
function charactersOf(text: string): number {
  let halves = 0
  for (let at = 0; at < text.length; at += 1) if ((text.charCodeAt(at) & 0xfc00) === 0xdc00) halves += 1
  return text.length - halves
}
