import { StringDecoder } from 'node:string_decoder'

interface Block {
  /** Characters before it. */
  start: number
  /** Characters in it. */
  length: number
  text: string
}

/** In UTF-16 units. Small, as what is read while a job runs is the newest block, over and over. */
const BLOCK_SIZE = 4096

/** Text that only grows, to at most so many bytes of UTF-8, and is read from any character on. */
export class AppendedText {
  #limit: number
  #blocks: Block[] = []
  #length = 0
  #bytes = 0
  #full = false

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Characters: Unicode code points, as PostgreSQL and so Windmill count them. */
  get length(): number {
    return this.#length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Something did not fit; nothing is appended any more. */
  get full(): boolean {
    return this.#full
  }

  append(text: string): void {
    if (this.#full || text === '') return
    const room = this.#limit - this.#bytes
    this.#full = Buffer.byteLength(text) > room
    this.note(this.#full ? beginning(text, room) : text)
  }

  /** Appends also when it is full. */
  note(text: string): void {
    const length = characters(text)
    const last = this.#blocks.at(-1)
    if (last && last.text.length < BLOCK_SIZE) {
      last.text += text
      last.length += length
    } else {
      // Appending made a chain of small strings, which takes ten times the memory of a flat one.
      if (last) last.text = Buffer.from(last.text).toString()
      this.#blocks.push({ start: this.#length, length, text })
    }
    this.#length += length
    this.#bytes += Buffer.byteLength(text)
  }

  /** All from that character on; empty behind the end. */
  from(offset: number): string {
    if (offset >= this.#length) return ''
    const first = this.#blocks.findLastIndex(({ start }) => start <= offset)
    const { start, length, text } = this.#blocks[first]!
    const skipped = length === text.length ? offset - start : unitsOf(text, offset - start)
    const following = this.#blocks.slice(first + 1).map((block) => block.text)
    return text.slice(skipped) + following.join('')
  }

  text(): string {
    return this.from(0)
  }
}

function beginning(text: string, bytes: number): string {
  // The decoder leaves out a character that is cut.
  return new StringDecoder('utf8').write(Buffer.from(text).subarray(0, bytes))
}

function characters(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff](?=[\udc00-\udfff])/g)?.length ?? 0)
}

/** How many UTF-16 units the first characters of a text take. */
function unitsOf(text: string, count: number): number {
  let units = 0
  for (let i = 0; i < count; i++) units += text.codePointAt(units)! > 0xffff ? 2 : 1
  return units
}
