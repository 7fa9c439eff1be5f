/** Resolves after `ms` milliseconds, or as soon as the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<unknown> {
  return new Rest().pause(ms, signal)
}

/** Pauses that end early when there is something to do. */
export class Rest {
  #rung = false
  #wake: (() => void) | undefined

  /** Ends the pause at hand, or the next one. */
  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  /** Resolves after `ms` milliseconds (never of itself without), at a ring, or when the signal aborts; true after a ring. */
  async pause(ms: number | undefined, signal: AbortSignal): Promise<boolean> {
    if (!this.#rung && !signal.aborted) await this.#quiet(ms, signal)
    const rung = this.#rung
    this.#rung = false
    return rung
  }

  #quiet(ms: number | undefined, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => end(), ms)
      const end = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        this.#wake = undefined
        resolve()
      }
      signal.addEventListener('abort', end)
      this.#wake = end
    })
  }
}
