import type { TaskHandle } from '../handle.ts'

/** At most one event so often; the job's stream carries every piece at once. */
const EVENT_MS = 500

/** Tells the answer's text while it is written: piece by piece to the stream, gathered into `delta` events. */
export class Telling {
  #handle: TaskHandle
  #stream: (at: number, text: string) => void
  #told = 0
  #waiting = ''
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(handle: TaskHandle, stream: (at: number, text: string) => void) {
    this.#handle = handle
    this.#stream = stream
  }

  add(text: string): void {
    this.#stream(this.#told + this.#waiting.length, text)
    this.#waiting += text
    this.#timer ??= setTimeout(() => this.#flush(), EVENT_MS)
  }

  /** Writes what is left. A text that can't be told is no reason to lose the answer: the answer is stored whole. */
  async end(): Promise<void> {
    clearTimeout(this.#timer)
    this.#flush()
    await this.#writing
  }

  #flush(): void {
    this.#timer = undefined
    const text = this.#waiting
    if (text === '') return
    const at = this.#told
    this.#told += text.length
    this.#waiting = ''
    this.#writing = this.#writing
      .then(() => this.#handle.note('delta', text, { at }))
      .then(
        () => {},
        (error: unknown) => console.error(`a piece of an answer was not told: ${error}`),
      )
  }
}
