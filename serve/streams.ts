/** Why an answer ends before its time. */
export class Ended extends Error {}

/** The answers that are under way, which a door that closes lets end, for a while. */
export class Streams {
  #open = new Set<AbortController>()
  #idle: (() => void) | undefined

  /** One more, until the returned function is called; the signal aborts it. */
  begin(): { controller: AbortController; end: () => void } {
    const controller = new AbortController()
    this.#open.add(controller)
    const end = () => {
      this.#open.delete(controller)
      if (this.#open.size === 0) this.#idle?.()
    }
    return { controller, end }
  }

  /** Waits until all have ended, and after so many milliseconds ends them. */
  async close(graceMs: number): Promise<void> {
    if (this.#open.size === 0) return
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve
    })
    const timer = setTimeout(() => {
      for (const controller of this.#open) controller.abort(new Ended('the server was stopped meanwhile'))
    }, graceMs)
    await idle
    clearTimeout(timer)
  }
}
