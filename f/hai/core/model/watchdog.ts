import { BrokenCall } from './failure.ts'
import type { Limits } from './limits.ts'

/** Ends a call that shows no sign of life, from its first moment on; never one that is merely long. */
export class Watchdog {
  readonly signal: AbortSignal
  /** Why it ended the call; undefined as long as it didn't. */
  bite: BrokenCall | undefined
  #stop = new AbortController()
  #limits: Limits
  #timer: NodeJS.Timeout
  #begun = false

  constructor(limits: Limits, outer: AbortSignal) {
    this.#limits = limits
    this.signal = AbortSignal.any([outer, this.#stop.signal])
    const { firstByteSeconds } = limits
    this.#timer = this.#start(
      firstByteSeconds,
      `no byte of an answer for ${firstByteSeconds} s`,
      'first_byte_seconds',
    )
  }

  /** Something has come. */
  readonly sign = (): void => {
    if (this.#begun) {
      this.#timer.refresh()
      return
    }
    this.#begun = true
    clearTimeout(this.#timer)
    const { livenessSeconds } = this.#limits
    this.#timer = this.#start(livenessSeconds, `no sign of life for ${livenessSeconds} s`, 'liveness_seconds')
  }

  /** Ends the call without a reason of its own. */
  stop(): void {
    this.#stop.abort()
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  #start(seconds: number, message: string, setting: string): NodeJS.Timeout {
    return setTimeout(() => {
      this.bite = new BrokenCall('stalled', message, { setting })
      this.#stop.abort()
    }, seconds * 1000)
  }
}
