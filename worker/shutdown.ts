import type { Stopping } from './remote-task.ts'

/** A terminal that hangs up says so: a model's program would go on, and nobody be there to end it. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** The two stages in which signals end this process: at the first no more tasks, at the second none at hand either. */
export class Shutdown implements Stopping {
  readonly graceSeconds: number
  #draining = new AbortController()
  #release = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #heard = () => this.#next()

  /** `graceSeconds` after the first signal it is as if a second had come. */
  constructor(graceSeconds: number) {
    this.graceSeconds = graceSeconds
    for (const signal of SIGNALS) process.on(signal, this.#heard)
  }

  get draining(): AbortSignal {
    return this.#draining.signal
  }

  get release(): AbortSignal {
    return this.#release.signal
  }

  /** Leaves signals to do what they do. */
  end(): void {
    clearTimeout(this.#timer)
    for (const signal of SIGNALS) process.off(signal, this.#heard)
  }

  #next(): void {
    if (this.#draining.signal.aborted) {
      this.#release.abort()
      return
    }
    this.#timer = setTimeout(() => this.#release.abort(), this.graceSeconds * 1000)
    this.#draining.abort()
  }
}
