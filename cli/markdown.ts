import type pc from 'picocolors'

type Colors = ReturnType<typeof pc.createColors>

/** `**bold**` and `` `code` ``, closed on the same line. */
const SPAN = /\*\*(?=\S)(.+?)(?<=\S)\*\*|(?<!`)(`+)(?!`)(.+?)(?<!`)\2(?!`)/g
/** What may begin a span, or be half of what does. */
const MARK = /\*\*(?=\S|$)|`+|\*$/g
/** A mark that waits longer than this for its partner is no mark. */
const SPAN_MOST = 160
/** What may still become a heading or a fence. */
const UNDECIDED = /^ {0,3}(#{0,6}|#{1,6} .*|`{0,2}|```.*|~.*)$/
const FENCE = /^ {0,3}(```+|~~~+)/
const HEADING = /^ {0,3}#{1,6} +(.*?)( +#+)?$/

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
    const fence = begun ? undefined : FENCE.exec(line)?.[1]
    if (this.#fence !== undefined) {
      if (fence?.startsWith(this.#fence) && line.trim() === fence) this.#fence = undefined
      return this.#dim(line)
    }
    if (fence) {
      this.#fence = fence
      return this.#dim(line)
    }
    const title = begun ? undefined : HEADING.exec(line)?.[1]
    return title === undefined ? this.#inline(line) : this.#paint.bold(title.replaceAll('**', ''))
  }

  /** Takes from the open line what no later text can change. */
  #settled(): string {
    if (this.#line === '' || (!this.#begun && UNDECIDED.test(this.#line))) return ''
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

/** Where the first mark that still waits for its partner stands; the text's length when there is none. */
function openMark(line: string): number {
  for (let at = 0; ; ) {
    const mark = firstFrom(MARK, line, at)
    if (!mark) return line.length
    const span = firstFrom(SPAN, line, mark.index)
    const end = span?.index === mark.index ? mark.index + span[0].length : undefined
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
