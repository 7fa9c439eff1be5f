import { estimate, type Ruler, ruler } from './estimate.ts'

/** Of what is kept, the beginning: the end of a log is what it is looked at for. */
const HEAD_SHARE = 1 / 3

/** Tokens that the places may have where a text was cut: a piece counts by what is beside it. */
const SEAMS = 8

export interface Shortened {
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
export function charactersOf(text: string): number {
  let halves = 0
  for (let at = 0; at < text.length; at += 1) if ((text.charCodeAt(at) & 0xfc00) === 0xdc00) halves += 1
  return text.length - halves
}
