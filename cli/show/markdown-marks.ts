export const SPECIAL = /[\\`*_~[<]|!\[|(?<![A-Za-z0-9])https?:\/\//g
/** What may still become an address. */
export const SCHEME_BEGUN = /(?:^|[^A-Za-z0-9])(?:h|ht|htt|https?|https?:|https?:\/|!)$/
export const ESCAPABLE = /[\\`*_{}[\]()#+\-.!|~<>]/
export const URL_END = /[\s<>"`|)\]*�]/g
/** What ends a sentence more often than an address. */
export const URL_TAIL = /[.,;:!?'"]+$/
export const LETTER = /[A-Za-z0-9]/
const WORDS = /[\p{L}\p{N}]/u
const ADDRESS = /^(?:https?:\/\/|mailto:)[^\s]/i

/** What is known of places that were searched, in characters from the line's start: none is searched twice. */
export class Scan {
  dropped = 0
  /** Up to where nothing closes such a mark. */
  unclosed = new Map<string, number>()
  #next = new Map<string, { from: number; at: number; found: boolean }>()

  /** Where the character stands next; the text's length when it does not. */
  next(text: string, letter: string, from: number): number {
    const known = this.#next.get(letter)
    const start = from + this.dropped
    const useful = known !== undefined && known.from <= start && known.at >= start
    if (useful && known.found) return known.at - this.dropped
    const found = text.indexOf(letter, useful ? known.at - this.dropped : from)
    const at = (found < 0 ? text.length : found) + this.dropped
    this.#next.set(letter, { from: useful ? known.from : start, at, found: found >= 0 })
    return at - this.dropped
  }
}

/** What matters to the search for the end of a span: its marks, and what hides them. */
export const CLOSERS: Record<string, RegExp> = {
  '*': /[\\`]|\]\(|\*+/g,
  _: /[\\`]|\]\(|(?<![A-Za-z0-9])https?:\/\/|_+/g,
  '~': /[\\`]|\]\(|(?<![A-Za-z0-9])https?:\/\/|~+/g,
}

export const blank = (letter: string) => letter === '' || /\s/.test(letter)

/** Whether a run may begin emphasis: `2*3*4`, `*.conf` and `snake_case` don't. */
export function opens(mark: string, count: number, before: string, after: string): boolean {
  if (blank(after)) return false
  if (mark === '_' ? WORDS.test(before) : LETTER.test(before) && LETTER.test(after)) return false
  return count > 1 || WORDS.test(after) || !WORDS.test(before)
}

export function closes(mark: string, before: string, after: string): boolean {
  return !blank(before) && !(mark === '_' && WORDS.test(after))
}

export function skipBlanks(text: string, from: number): number {
  let at = from
  while (text[at] === ' ') at += 1
  return at
}

/** The address as it may stand in an escape sequence; undefined for what a terminal should not open. */
export function hrefOf(address: string): string | undefined {
  if (!ADDRESS.test(address)) return undefined
  return [...address].map((letter) => (/[\x21-\x7e]/.test(letter) ? letter : encoded(letter))).join('')
}

function encoded(letter: string): string {
  return encodeURIComponent(/^[\ud800-\udfff]$/.test(letter) ? '\ufffd' : letter)
}
