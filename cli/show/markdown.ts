import type pc from 'picocolors'
import type { Session } from '../session.ts'
import { harmless } from './width.ts'

type Colors = ReturnType<typeof pc.createColors>

/**
 * `**bold**` and `` `code` ``, closed on the same line and no longer than `SPAN_MOST`: text from a model may be nothing
 * but marks, and a search to the end of the line from each of them takes minutes.
 */
const SPAN = /\*\*(?=\S)(.{0,155}?\S)\*\*|(?<!`)(`{1,16})(?!`)(.{1,156}?)(?<!`)\2(?!`)/g
const SPAN_HERE = new RegExp(SPAN.source, 'y')
/** What may begin a span, or be half of what does. */
const MARK = /\*\*(?=\S|$)|`+|\*$/g
/** A mark that waits longer than this for its partner is no mark. */
const SPAN_MOST = 160
/** What may still become a heading or a fence. */
const UNDECIDED = /^ {0,3}(#{0,6}|#{1,6} .*|`{0,2}|```.*|~.*)$/
/** Nobody writes a heading or the name of a block's language longer than this; it is text. */
const HEAD_MOST = 400
const FENCE = /^ {0,3}(```+|~~~+)/
const HEADING = /^ {0,3}#{1,6} +/

/**
 * Light Markdown for a terminal, as it is written: headings and bold are bold, code stands out, fenced blocks are dim,
 * everything else stays as it is. Text is held back only while it is open what it will be.
 */
export class Markdown {
  #paint: Colors
  #fence: string | undefined
  /** What is left of the open line, and whether some of it is out. */
  #line = ''
  #begun = false

  constructor(paint: Colors) {
    this.#paint = paint
  }

  /** What can be shown after this piece. */
  push(text: string): string {
    const lines = (this.#line + text).split('\n')
    this.#line = lines.pop() ?? ''
    const whole = lines.map((line) => `${this.#finish(line)}\n`).join('')
    return whole + this.#settled()
  }

  /** What was held back; the next text begins a new line. */
  end(): string {
    const line = this.#line
    this.#line = ''
    const text = this.#finish(line)
    this.#fence = undefined
    return text
  }

  #finish(line: string): string {
    const begun = this.#begun
    this.#begun = false
    const short = !begun && line.length <= HEAD_MOST
    const fence = short ? FENCE.exec(line)?.[1] : undefined
    if (this.#fence !== undefined) {
      if (fence?.startsWith(this.#fence) && line.trim() === fence) this.#fence = undefined
      return this.#dim(line)
    }
    if (fence) {
      this.#fence = fence
      return this.#dim(line)
    }
    const title = short ? titleOf(line) : undefined
    return title === undefined ? this.#inline(line) : this.#paint.bold(title.replaceAll('**', ''))
  }

  /** Takes from the open line what no later text can change. */
  #settled(): string {
    if (this.#line === '') return ''
    if (!this.#begun && this.#line.length <= HEAD_MOST && UNDECIDED.test(this.#line)) return ''
    const fenced = this.#fence !== undefined
    const end = fenced ? this.#line.length : openMark(this.#line)
    const text = this.#line.slice(0, end)
    this.#line = this.#line.slice(end)
    this.#begun ||= text !== ''
    return fenced ? this.#dim(text) : this.#inline(text)
  }

  #inline(text: string): string {
    const { bold, cyan } = this.#paint
    return text.replace(SPAN, (_span, strong: string | undefined, _ticks, code: string) =>
      strong === undefined ? cyan(code) : bold(strong.replace(/`([^`]+)`/g, '$1')),
    )
  }

  #dim(text: string): string {
    return text === '' ? '' : this.#paint.dim(text)
  }
}

/** Light Markdown where colours are; undefined where an answer stays as it is. */
export function markdownFor(session: Session): Markdown | undefined {
  const coloured = session.io.stdout.isTTY && session.paint.isColorSupported
  return coloured ? new Markdown(session.paint) : undefined
}

/** A whole answer as it is printed while it comes, for a place in other text. */
export function rendered(session: Session, answer: string): string {
  const safe = session.io.stdout.isTTY ? harmless(answer) : answer
  const style = markdownFor(session)
  return style ? style.push(safe) + style.end() : safe
}

/** A heading's text, without the signs before and after it; undefined for a line that is none. */
function titleOf(line: string): string | undefined {
  const mark = HEADING.exec(line)
  if (!mark) return undefined
  const text = line.slice(mark[0].length)
  const words = text.replace(/#{1,400}$/, '')
  return words.endsWith(' ') ? words.trimEnd() : text
}

/** Where the first mark that still waits for its partner stands; the text's length when there is none. */
function openMark(line: string): number {
  for (let at = 0; ; ) {
    const mark = firstFrom(MARK, line, at)
    if (!mark) return line.length
    const span = firstFrom(SPAN_HERE, line, mark.index)
    const end = span ? mark.index + span[0].length : undefined
    // A backtick at the very end may be the first of two.
    const closed = end !== undefined && !(end === line.length && line.endsWith('`'))
    if (!closed && line.length - mark.index <= SPAN_MOST) return mark.index
    at = closed ? end : mark.index + mark[0].length
  }
}

function firstFrom(pattern: RegExp, line: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(line)
}
