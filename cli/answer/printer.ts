import type { OpenText, Session } from '../session.ts'
import { type Markdown, markdownFor } from '../show/markdown.ts'
import { harmless, width } from '../show/width.ts'

/** Not shown before more comes: an answer ends without them, and half a character is none. */
const TAIL = /(?:[\r\n]+|[\ud800-\udbff])$/
const ESC = '\u001b'
/** What is written of an answer and takes no column: colours, and links but for their words. */
const UNSEEN = new RegExp(`${ESC}\\[[\\d;]*m|${ESC}\\]8;[^${ESC}]*${ESC}\\\\`, 'g')
/** Where a line ends that is longer than this is not counted. */
const COUNTED = 1000

/**
 * Writes an answer to stdout while it grows: as it is, or harmless and as Markdown on a terminal. Remarks go to
 * stderr, and never into the middle of a line of the answer.
 */
export class AnswerPrinter implements OpenText {
  #session: Session
  #style: Markdown | undefined
  #shown = ''
  #tail = ''
  #open = false
  /** The line at hand, as far as it is counted. */
  #line = ''
  #steps: string[] = []

  constructor(session: Session) {
    this.#session = session
    this.#style = markdownFor(session)
    session.openText = this
  }

  /** Something of the answer has come, be it shown or not yet. */
  get begun(): boolean {
    return this.#shown !== ''
  }

  /** The answer so far. When it does not go on from what is shown, it starts again on a line of its own. */
  grow(text: string): void {
    if (this.#shown.startsWith(text)) return
    if (!text.startsWith(this.#shown)) this.#restart()
    const more = text.slice(this.#shown.length)
    this.#shown = text
    this.#write(more)
  }

  /** The whole answer, without the line breaks at its end: whatever of it is not shown yet is shown. */
  finish(answer: string): void {
    const same = this.#shown.replace(/[\r\n]+$/, '') === answer.replace(/[\r\n]+$/, '')
    if (!same && this.#shown.startsWith(answer)) this.#restart()
    if (!same) this.grow(answer)
    this.stop()
  }

  /** An answer that is data, and no text to be styled. */
  data(text: string): void {
    this.stop()
    this.#out(`${this.#session.io.stdout.isTTY ? harmless(text) : text}\n`)
  }

  /** Ends without an answer. What had come of one goes to stderr, as it is none, unless it was shown while it came. */
  partial(come: string | undefined): void {
    this.stop()
    if (come === undefined || this.#shown.startsWith(come.replace(/[\r\n]+$/, ''))) return
    const { stderr } = this.#session.io
    this.#session.note('what had come of an answer (not whole):')
    stderr.write(`${(stderr.isTTY ? harmless(come) : come).replace(/\n+$/, '')}\n`)
  }

  /** Ends the line at hand: nothing more comes. */
  stop(): void {
    this.#out(this.#style?.end() ?? '')
    this.#tail = ''
    if (this.#open) this.#out('\n')
    this.#flushSteps()
  }

  /** What is to be read with the answer. It waits for the end of the line, where both streams may be one. */
  step(line: string): void {
    const { stdout, stderr } = this.#session.io
    this.#steps.push(line)
    if (!this.#open || Boolean(stdout.isTTY) !== Boolean(stderr.isTTY)) this.#flushSteps()
  }

  /** For a remark that can't wait: nobody shall look at half a line and wonder. */
  makeRoom(): void {
    if (this.#session.io.merged && this.#open) {
      this.#out(this.#style?.interrupted() ?? '')
      this.#out('\n')
    }
    this.#flushSteps()
  }

  column(): number | undefined {
    const { columns } = this.#session
    if (!this.#open) return 0
    const line = this.#line.replace(UNSEEN, '')
    if (columns === undefined || this.#line.length > COUNTED || line.includes('\t')) return undefined
    const taken = width(line)
    return taken < columns ? taken : undefined
  }

  #restart(): void {
    if (this.#shown !== '') {
      this.stop()
      this.#session.note('the answer starts again')
    }
    this.#shown = ''
  }

  #write(more: string): void {
    const text = this.#tail + more
    this.#tail = TAIL.exec(text)?.[0] ?? ''
    const ready = text.slice(0, text.length - this.#tail.length)
    const safe = this.#session.io.stdout.isTTY ? harmless(ready) : ready
    this.#out(this.#style ? this.#style.push(safe) : safe)
  }

  #out(text: string): void {
    if (text === '') return
    const whole = text.lastIndexOf('\n') + 1
    // what waits for the end of a line has its place there
    if (this.#steps.length > 0 && whole > 0 && whole < text.length) {
      this.#out(text.slice(0, whole))
      this.#out(text.slice(whole))
      return
    }
    this.#session.shows()
    this.#session.io.stdout.write(text)
    this.#open = !text.endsWith('\n')
    const begins = text.lastIndexOf('\n') + 1
    const line = begins > 0 ? text.slice(begins) : this.#line + text
    this.#line = line.slice(0, COUNTED + 1)
    if (!this.#open) this.#flushSteps()
  }

  #flushSteps(): void {
    const steps = this.#steps
    this.#steps = []
    for (const step of steps) this.#session.note(step)
  }
}
