import type { Run } from './markdown-run.ts'
import { isSingle, width } from './width.ts'

/** What stands before a line: as it is shown, and how many columns it takes. */
export interface Prefix {
  shown: string
  columns: number
}

export const NO_PREFIX: Prefix = { shown: '', columns: 0 }

/** Not at the beginning of a line: what closes or ends what stands before it. */
const NO_START = /^[、。，．：；！？」』）】〉》〕…・ー々％]/
/** Blanks, but for those that keep words together, or anything else. */
const PIECE = /[^\S\u00a0\u202f]+|[\S\u00a0\u202f]+/g
const BLANK = /^[^\S\u00a0\u202f]/
const PUNCTUATION = /^\p{P}/u
const ADDRESS = /^[(<"']?https?:\/\//
const ADDRESS_MOST = 4000
/** Letters are made of no more than this, as long as people write them. */
const LETTER_MOST = 64
/** What finds letters takes longer for each of them, the longer the text is. */
const CHUNK = 256
const TAB = 8

/** Where lines go. */
export interface Paper {
  /** How wide it is by now. */
  columns: () => number
  /** Paints a piece. */
  dress: (run: Run) => string
  /** Hears how wide each line is that has ended. */
  onLine?: (columns: number) => void
  /** The terminal wraps a long address by itself, so that it can be copied whole. */
  wholeAddresses?: boolean
}

const letters = new Intl.Segmenter()

/**
 * Puts text into lines of at most so many columns while it comes: broken at spaces and beside wide letters, and within a
 * word only where it is longer than a line. A word is given when it is whole.
 */
export class Wrap {
  #paper: Paper
  #hang = NO_PREFIX
  /** Where the line at hand ends, and whether there is nothing in it but its prefix. */
  #at = 0
  #fresh = true
  #space: Run[] = []
  #word: Run[] = []
  #wide = 0
  /** A letter to which more may come, and the run it is of. */
  #letter: Run | undefined
  #afterWide = false
  /** The word at hand is longer than a line, and fills lines to their end. */
  #filling = false
  #out = ''

  constructor(paper: Paper) {
    this.#paper = paper
  }

  /** Begins a line; those that it is broken into begin with `hang`. */
  begin(first: Prefix, hang: Prefix): string {
    this.#hang = hang
    this.#at = first.columns
    this.#fresh = true
    return first.shown
  }

  add(runs: Run[]): string {
    for (const run of runs) {
      for (const [piece] of run.text.matchAll(PIECE)) {
        if (BLANK.test(piece)) this.#blank({ ...run, text: piece })
        else this.#letters({ ...run, text: piece })
      }
    }
    return this.#taken()
  }

  /** Ends the line, without its line break. */
  end(): string {
    this.#wordEnds()
    this.#space = []
    this.#paper.onLine?.(this.#at)
    return this.#taken()
  }

  /** Somebody else ends the line on the screen: gives what has come of its last word. */
  interrupted(): string {
    this.#wordEnds()
    this.#at = 0
    this.#space = []
    this.#fresh = true
    return this.#taken()
  }

  #taken(): string {
    const out = this.#out
    this.#out = ''
    return out
  }

  #blank(run: Run): void {
    this.#wordEnds()
    const last = this.#space.at(-1)
    if (last && last.look === run.look && last.href === run.href) last.text += run.text
    else this.#space.push(run)
  }

  #letters(run: Run): void {
    const open = this.#letter
    if (open && !(open.look === run.look && open.href === run.href)) this.#letterEnds()
    if (isSingle(run.text)) {
      this.#letterEnds()
      if (this.#afterWide && !PUNCTUATION.test(run.text)) this.#flush()
      this.#afterWide = false
      this.#append(run, run.text.length)
      return
    }
    for (let at = 0; at < run.text.length; at += CHUNK) {
      const text = (this.#letter?.text ?? '') + run.text.slice(at, at + CHUNK)
      this.#letter = undefined
      this.#segments(text, run)
    }
  }

  /** Puts the letters of a text but the last, to which more may come. */
  #segments(text: string, run: Run): void {
    for (const { segment, index } of letters.segment(text)) {
      const letter = { ...run, text: segment.slice(0, LETTER_MOST) }
      if (segment.length >= LETTER_MOST) {
        this.#place(letter)
        this.#segments(text.slice(index + LETTER_MOST), run)
        return
      }
      if (index + segment.length === text.length) this.#letter = letter
      else this.#place(letter)
    }
  }

  #letterEnds(): void {
    const letter = this.#letter
    this.#letter = undefined
    if (letter) this.#place(letter)
  }

  #place(letter: Run): void {
    const size = letterWidth(letter.text)
    const may =
      size > 1 ? !NO_START.test(letter.text) : this.#afterWide && size > 0 && !PUNCTUATION.test(letter.text)
    if (may) this.#flush()
    if (size > 0) this.#afterWide = size > 1
    this.#append(letter, size)
  }

  #append(run: Run, size: number): void {
    const last = this.#word.at(-1)
    if (last && last.look === run.look && last.href === run.href) last.text += run.text
    else this.#word.push({ ...run })
    this.#wide += size
    const full = this.#paper.columns() - this.#hang.columns
    if (!this.#filling && this.#wide <= full) return
    if (!this.#filling && this.#paper.wholeAddresses && this.#wide <= ADDRESS_MOST && this.#isAddress())
      return
    this.#fill()
  }

  #isAddress(): boolean {
    const [first, second] = this.#word
    return ADDRESS.test((first?.text ?? '') + (second?.text ?? ''))
  }

  /** Puts what has come of a word that is longer than a line. */
  #fill(): void {
    if (!this.#filling) this.#gap(this.#paper.columns() + 1)
    this.#filling = true
    for (const run of this.#word) {
      let piece = ''
      const say = () => {
        if (piece !== '') this.#out += this.#paper.dress({ ...run, text: piece })
        piece = ''
      }
      const parts = isSingle(run.text)
        ? run.text
        : Array.from(letters.segment(run.text), (part) => part.segment)
      for (const letter of parts) {
        const size = letterWidth(letter)
        if (this.#at + size > this.#paper.columns() && !this.#fresh) {
          say()
          this.#break()
        }
        piece += letter
        this.#at += size
        this.#fresh = false
      }
      say()
    }
    this.#word = []
    this.#wide = 0
  }

  #wordEnds(): void {
    this.#letterEnds()
    this.#flush()
    this.#filling = false
    this.#afterWide = false
  }

  /** Puts the word at hand. */
  #flush(): void {
    if (this.#word.length === 0) return
    this.#gap(this.#wide)
    for (const run of this.#word) this.#out += this.#paper.dress(run)
    this.#at += this.#wide
    this.#fresh = false
    this.#word = []
    this.#wide = 0
  }

  /** The space before a word of this width: a new line where it does not fit any more. */
  #gap(size: number): void {
    let at = this.#at
    const spaces = this.#space.map((run) => {
      const blanks = [...run.text].map((blank) => blankOf(blank, at))
      at += blanks.reduce((sum, blank) => sum + letterWidth(blank), 0)
      return { ...run, text: blanks.join('') }
    })
    this.#space = []
    if (at + size > this.#paper.columns()) {
      if (!this.#fresh || this.#at > this.#hang.columns) this.#break()
      return
    }
    for (const run of spaces) this.#out += this.#paper.dress(run)
    this.#at = at
  }

  #break(): void {
    this.#paper.onLine?.(this.#at)
    this.#out += `\n${this.#hang.shown}`
    this.#at = this.#hang.columns
    this.#fresh = true
  }
}

/** A blank as it is shown: a tab goes to the next stop, everything else but a wide one is a space. */
function blankOf(blank: string, at: number): string {
  if (blank === '\t') return ' '.repeat(TAB - (at % TAB))
  return blank === '\u3000' ? blank : ' '
}

const known = new Map<string, number>()

/** What measures asks a dictionary of emoji, which takes a while. */
function letterWidth(letter: string): number {
  if (isSingle(letter)) return letter.length
  const size = known.get(letter) ?? width(letter)
  if (known.size < 4096) known.set(letter, size)
  return size
}
