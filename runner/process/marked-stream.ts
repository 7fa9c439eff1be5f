/** Passes a stream on until a mark appears in it, wherever the chunks are cut. */
export class MarkedStream {
  #mark: Buffer
  #held: Buffer = Buffer.alloc(0)
  #ended = false

  constructor(mark: string) {
    this.#mark = Buffer.from(mark)
  }

  get ended(): boolean {
    return this.#ended
  }

  /** The part of the stream that surely lies before the mark. */
  push(chunk: Buffer): Buffer {
    if (this.#ended) return Buffer.alloc(0)
    const all = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk
    const at = all.indexOf(this.#mark)
    this.#ended = at >= 0
    const safe = this.#ended ? at : all.length - this.#begunAtEndOf(all)
    this.#held = this.#ended ? Buffer.alloc(0) : Buffer.from(all.subarray(safe))
    return all.subarray(0, safe)
  }

  /** What was held back in case it began the mark. */
  rest(): Buffer {
    const held = this.#held
    this.#held = Buffer.alloc(0)
    return held
  }

  /** How many bytes at the end of the chunk may be the beginning of the mark. */
  #begunAtEndOf(chunk: Buffer): number {
    const longest = Math.min(this.#mark.length - 1, chunk.length)
    for (let length = longest; length > 0; length--) {
      if (this.#mark.subarray(0, length).equals(chunk.subarray(chunk.length - length))) return length
    }
    return 0
  }
}
