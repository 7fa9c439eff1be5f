interface Rhythm {
  /** The times between the first looks at what was begun just now: what is answered at once is seen at once. */
  soon: number[]
  /** From then on, and anew when something happened: growing by the factor, to the most. */
  first: number
  factor: number
  most: number
  /** The pause while what comes next is told in another way as well. */
  calm: number
  /** As long as text comes in no further apart than this, there is nothing else to be seen. */
  quiet: number
  /** While it does, a look comes no later than this after it was due. */
  stirred: number
}

/** Milliseconds. */
const LOCAL: Rhythm = { soon: [], first: 8, factor: 1.5, most: 100, calm: 100, quiet: 100, stirred: 1_000 }
/** For who only wants the answer: the work itself has to wait for each look, as a rule for nothing. */
const SPARING: Rhythm = { ...LOCAL, soon: [30, 70, 150], first: 250, most: 500, calm: 1_000 }
/** The first look where a job's stream is the first to tell. */
const TOLD_MS = 250
/** Each look is a job there, and its stream tells of new text every half second at most. */
const REMOTE: Rhythm = {
  soon: [150, 300, 600],
  first: 1_000,
  factor: 2,
  most: 10_000,
  calm: 10_000,
  quiet: 1_000,
  stirred: 10_000,
}

/** While text comes in, the end may come at any time: once it has paused, a look no later than this. */
const STIRRED_MS = 1_000

/** The pause after one of `ms`: longer, up to the most. */
export const longer = (ms: number, most: number, factor = 2): number => Math.min(most, ms * factor)

/** The time between two looks: short at first, and never so short that a remote server minds. */
export class Pace {
  #rhythm: Rhythm
  #soon: number[]
  #delay: number
  #woken = false
  #calm = false
  /** When the text that comes in has paused. */
  #quietAt = 0
  #end: (() => void) | undefined

  /**
   * `fresh`: what is looked at was begun just now. `sparing`: nothing but the end is looked for; and `told`, that a
   * stream tells of it.
   */
  constructor(local: boolean, fresh: boolean, { sparing = false, told = false } = {}) {
    this.#rhythm = local ? (sparing ? SPARING : LOCAL) : REMOTE
    const { soon } = this.#rhythm
    this.#soon = fresh ? (local && sparing && told ? [TOLD_MS] : [...soon]) : []
    this.#delay = this.#rhythm.first
  }

  /** Resolves when it is time for the next look, or when the signal aborts. */
  pause(signal: AbortSignal): Promise<void> {
    if (this.#woken || signal.aborted) {
      this.#woken = false
      return Promise.resolve()
    }
    const delay = this.#soon.shift() ?? this.#next()
    const latest = Date.now() + delay + this.#rhythm.stirred
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

  #next(): number {
    if (this.#calm) return this.#rhythm.calm
    const delay = this.#delay
    this.#delay = longer(delay, this.#rhythm.most, this.#rhythm.factor)
    return delay
  }

  /** What comes next is told in another way as well: looks are far apart, as each is a job that the work itself has to wait for. */
  calm(is: boolean): void {
    this.#calm = is
  }

  /** Something happened: what follows may come soon. */
  reset(): void {
    this.#delay = this.#rhythm.first
  }

  /** Something goes on, which another way tells of as well. */
  stir(): void {
    this.#quietAt = Date.now() + this.#rhythm.quiet
    this.#delay = Math.min(this.#delay, Math.max(this.#rhythm.first, STIRRED_MS))
  }

  /** Ends the pause at hand, or the next one: something is there to be looked at. */
  wake(): void {
    this.#woken = true
    this.#end?.()
  }
}
