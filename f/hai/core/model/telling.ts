import type { Sql } from '../db.ts'
import type { Held } from '../lease.ts'
import { note } from '../steps.ts'

/** At most one event so often; the job's stream carries every piece at once. */
const EVENT_MS = 500

/** Tells the answer's text while it is written: piece by piece to the stream, gathered into `delta` events. */
export class Telling {
  #sql: Sql
  #held: Held
  #stream: (id: string, at: number, text: string) => void
  #told = 0
  #waiting = ''
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(sql: Sql, held: Held, stream: (id: string, at: number, text: string) => void) {
    this.#sql = sql
    this.#held = held
    this.#stream = stream
  }

  add(text: string): void {
    this.#stream(this.#held.id, this.#told + this.#waiting.length, text)
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
      .then(() => note(this.#sql, this.#held, 'delta', text, { at }))
      .catch((error: unknown) =>
        console.error(`a piece of the answer of ${this.#held.id} was not told: ${error}`),
      )
  }
}
