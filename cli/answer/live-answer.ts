import type { TaskEvent } from '../../f/hai/core/base/contract.ts'
import type { Piece } from './job-stream.ts'

/**
 * Puts an answer together while it is written. Two sources tell of it: the job's stream at once, and `delta` events a
 * little later, which are never wrong. Pieces overlap, come twice, and those of two attempts may meet.
 */
export class LiveAnswer {
  #show: (text: string) => void
  /** The answer so far, of this attempt. */
  #text = ''
  /** The part of it that events have told. */
  #told = ''
  /** Pieces beyond a gap, which an event will fill. */
  #ahead: Piece[] = []
  /** Pieces of the next attempt, whose event has yet to come. */
  #early: Piece[] = []
  #streaming = false
  #claimed = false

  /** `show` gets the whole answer so far, whenever it has grown or begun anew. */
  constructor(show: (text: string) => void) {
    this.#show = show
  }

  /** What events tell: `claimed` begins an attempt, `delta` is text of it. */
  tell(events: TaskEvent[]): void {
    const begins = events.findLastIndex((event) => event.type === 'claimed')
    if (begins >= 0) {
      this.#claimed = true
      this.#begin()
    }
    for (const { type, text, data } of events.slice(Math.max(0, begins))) {
      if (type === 'delta' && data.at === this.#told.length) this.#add(text)
    }
  }

  /** What the job's stream tells. */
  stream(piece: Piece): void {
    const anew = piece.at === 0
    if (!this.#claimed || this.#early.length > 0 || (anew && this.#streaming)) {
      this.#early = anew ? [piece] : [...this.#early, piece]
      return
    }
    this.#streaming ||= anew
    // Until its attempt begins, what comes is the rest of one that is over.
    if (this.#streaming) this.#place(piece)
  }

  #begin(): void {
    this.#text = ''
    this.#told = ''
    this.#restream()
  }

  #add(text: string): void {
    this.#told += text
    if (this.#text.startsWith(this.#told)) return
    const agree = this.#told.startsWith(this.#text)
    this.#text = this.#told
    // Otherwise the stream told of another attempt than the events do.
    if (agree) this.#grown()
    else {
      this.#restream()
      this.#show(this.#text)
    }
  }

  /** Begins to believe the stream anew, with what it has told of the next attempt. */
  #restream(): void {
    const early = this.#early
    this.#early = []
    this.#ahead = []
    this.#streaming = false
    for (const piece of early) this.stream(piece)
  }

  #place({ at, text }: Piece): void {
    const have = this.#text.length
    if (at > have) this.#ahead.push({ at, text })
    if (at > have || at + text.length <= have) return
    this.#text += text.slice(have - at)
    this.#grown()
  }

  #grown(): void {
    const ahead = this.#ahead
    this.#ahead = []
    this.#show(this.#text)
    for (const piece of ahead) this.#place(piece)
  }
}
