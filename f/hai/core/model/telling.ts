import { withoutWords } from '../base/errors.ts'
import type { HeldTask } from './held_task.ts'

/** At most one event so often; the job's stream carries every piece sooner. */
const EVENT_MS = 500
/** Pieces that come faster than an eye can tell apart go down the stream together. */
const STREAM_MS = 50

/** Tells the answer's text while it is written: nearly at once to the stream, gathered into `delta` events. */
export class Telling {
  #stream: Gathered
  #events: Gathered
  #writing: Promise<void> = Promise.resolve()

  constructor(handle: HeldTask, stream: (at: number, text: string) => void) {
    this.#stream = new Gathered(STREAM_MS, stream)
    this.#events = new Gathered(EVENT_MS, (at, text) => {
      this.#writing = this.#writing
        .then(async () => void (await handle.note('delta', text, { at })))
        .catch((error: unknown) => {
          console.error(`a piece of an answer was not told: ${withoutWords(error).message}`)
        })
    })
    // the first event can wait, the first word can't
    this.#events.pause()
  }

  add(text: string): void {
    this.#stream.add(text)
    this.#events.add(text)
  }

  /** Writes what is left. A text that can't be told is no reason to lose the answer: the answer is stored whole. */
  async end(): Promise<void> {
    this.#stream.end()
    this.#events.end()
    await this.#writing
  }
}

/** Hands text on with its place: at once after a silence, then what gathered once in so many milliseconds. */
class Gathered {
  #ms: number
  #tell: (at: number, text: string) => void
  #told = 0
  #waiting = ''
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number, tell: (at: number, text: string) => void) {
    this.#ms = ms
    this.#tell = tell
  }

  add(text: string): void {
    this.#waiting += text
    if (!this.#timer) this.#flush()
  }

  pause(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#flush()
    }, this.#ms)
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#flush()
    clearTimeout(this.#timer)
  }

  #flush(): void {
    const text = this.#waiting
    if (text === '') return
    const at = this.#told
    this.#told += text.length
    this.#waiting = ''
    this.#tell(at, text)
    this.pause()
  }
}
