/** While text comes in, the end may come at any time: a look no later than this. */
const STIRRED_MS = 1_000
/** As long as text comes in no further apart than this, there is nothing else to be seen. */
const QUIET_MS = 100

/** The time between two looks: short at first, and never so short that a remote server minds. */
export class Pace {
  #first: number
  #most: number
  #factor: number
  #delay: number
  #woken = false
  /** When the text that comes in has paused. */
  #quietAt = 0
  #end: (() => void) | undefined

  constructor(local: boolean) {
    ;[this.#first, this.#factor, this.#most] = local ? [8, 1.5, 100] : [1_000, 2, 10_000]
    this.#delay = this.#first
  }

  /** Resolves when it is time for the next look, or when the signal aborts. */
  pause(signal: AbortSignal): Promise<void> {
    if (this.#woken || signal.aborted) {
      this.#woken = false
      return Promise.resolve()
    }
    const delay = this.#delay
    this.#delay = Math.min(this.#most, delay * this.#factor)
    const latest = Date.now() + delay + STIRRED_MS
    return new Promise((resolve) => {
      const due = () => {
        const wait = Math.min(this.#quietAt, latest) - Date.now()
        if (wait > 0) timer = setTimeout(due, wait)
        else end()
      }
      const end = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        this.#end = undefined
        this.#woken = false
        resolve()
      }
      let timer = setTimeout(due, delay)
      signal.addEventListener('abort', end)
      this.#end = end
    })
  }

  /** Something happened: what follows may come soon. */
  reset(): void {
    this.#delay = this.#first
  }

  /** Something goes on, which another way tells of as well. */
  stir(): void {
    this.#quietAt = Date.now() + QUIET_MS
    this.#delay = Math.min(this.#delay, Math.max(this.#first, STIRRED_MS))
  }

  /** Ends the pause at hand, or the next one: something is there to be looked at. */
  wake(): void {
    this.#woken = true
    this.#end?.()
  }
}
