import { ruler } from './estimate.ts'

export interface Shape {
  /** The beginning that the answer is to go on with: it is not said once more. */
  begun?: string | undefined
  /** It was given without the white space at its end. */
  trimmed?: boolean
  /** What ends an answer, and is no part of it. */
  stop?: string[] | undefined
  /** Tokens by our estimate, for whoever can't be told how many there may be. */
  most?: number | undefined
}

/**
 * Gives an answer the shape that was asked for while it comes, whatever its server made of that: without the beginning
 * that was there, up to where it is to stop.
 */
export class Shaping {
  /** Why nothing more of it is wanted. */
  over: 'stop' | 'length' | undefined
  #begun: string
  #end: string
  #trimmed: boolean
  #stop: string[]
  #longest: number
  #most: number | undefined
  #opening: boolean
  /** Not given out: what may be the beginning said once more, or the beginning of what ends it. */
  #kept = ''
  /** Tokens of what was given out, but for its end. */
  #counted = 0
  #tail = ''

  constructor({ begun = '', trimmed = false, stop = [], most }: Shape) {
    this.#begun = begun.trim()
    this.#end = begun.slice(begun.trimEnd().length)
    this.#trimmed = trimmed
    this.#opening = this.#begun !== ''
    this.#stop = stop
    this.#longest = Math.max(0, ...stop.map(({ length }) => length))
    this.#most = most
  }

  /** What of a piece belongs to the answer and can be shown. */
  add(piece: string): string {
    if (this.over) return ''
    this.#kept += piece
    return this.#opening && !this.#opened(false) ? '' : this.#given(false)
  }

  /** The rest, when nothing more comes. */
  end(): string {
    if (this.over) return ''
    if (this.#opening) this.#opened(true)
    return this.#given(true)
  }

  /** Whether it is clear if the beginning is said once more; takes it off where it is. */
  #opened(isEnd: boolean): boolean {
    const said = this.#kept.trimStart()
    if (!said.startsWith(this.#begun)) {
      const may = this.#begun.startsWith(said) || (this.#trimmed && this.#end.startsWith(this.#kept))
      if (may && !isEnd) return false
      // whoever got it without that goes on with it
      if (this.#trimmed && this.#end !== '' && this.#kept.startsWith(this.#end))
        this.#kept = this.#kept.slice(this.#end.length)
    } else {
      const rest = said.slice(this.#begun.length)
      if (!isEnd && rest.length < this.#end.length && this.#end.startsWith(rest)) return false
      this.#kept = rest.startsWith(this.#end) ? rest.slice(this.#end.length) : rest
    }
    this.#opening = false
    return true
  }

  #given(isEnd: boolean): string {
    const at = this.#stopAt()
    let given = at < 0 ? this.#kept : this.#kept.slice(0, at)
    if (at >= 0) this.over = 'stop'
    const keep = at < 0 && !isEnd ? this.#begins() : 0
    this.#kept = given.slice(given.length - keep)
    given = given.slice(0, given.length - keep)
    return this.#most === undefined ? given : this.#limited(given, this.#most)
  }

  /** Where the first of what ends it is; -1 when none is there. */
  #stopAt(): number {
    const places = this.#stop.map((one) => this.#kept.indexOf(one)).filter((at) => at >= 0)
    return places.length > 0 ? Math.min(...places) : -1
  }

  /** How many characters at the end may begin what ends it. */
  #begins(): number {
    for (let length = Math.min(this.#longest - 1, this.#kept.length); length > 0; length -= 1) {
      const last = this.#kept.slice(-length)
      if (this.#stop.some((one) => one.startsWith(last))) return length
    }
    return 0
  }

  #limited(given: string, limit: number): string {
    const shown = this.#tail.length
    const tail = this.#tail + given
    const { ends, most } = ruler(tail)
    const beyond = most.findIndex((sum) => this.#counted + sum > limit)
    if (beyond >= 0) {
      this.over = 'length'
      // what was shown can't be taken back
      return tail.slice(shown, Math.max(shown, ends[beyond - 1] ?? 0))
    }
    // the last piece may grow
    this.#counted += most.at(-2) ?? 0
    this.#tail = tail.slice(ends.at(-2) ?? 0)
    return given
  }
}

/** The same of a text that came whole. */
export function shaped(text: string, shape: Shape): string {
  const shaping = new Shaping(shape)
  return shaping.add(text) + shaping.end()
}
