import type { Choice, Message, Models } from '../base/backends.ts'
import { BrokenCall } from './failure.ts'

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

/** Seconds that a server gets for its first byte, unless `first_byte_seconds` says otherwise. */
const FIRST_BYTE_SECONDS = 120
/** On a machine of one's own it may have to be read from a disk first, or stand in a queue. */
const LOCAL_FIRST_BYTE_SECONDS = 300
/** A prompt is read at some 20 to 30 tokens a second where there is no GPU, and a log has 2 characters a token. */
const SLOWEST_CHARACTERS_A_SECOND = 20

export interface Limits {
  /** Until the first byte of the answer, in seconds. */
  firstByteSeconds: number
  /** Silence after that, in seconds. */
  livenessSeconds: number
}

/** How long a call may be silent: before its first byte longer than after it, and on a local server by what it must read. */
export function limitsOf(
  models: Pick<Models, 'liveness_seconds' | 'first_byte_seconds'>,
  { backend }: Choice,
  messages: Message[],
): Limits {
  const { liveness_seconds, first_byte_seconds } = models
  return {
    firstByteSeconds: first_byte_seconds ?? usual(backend.billing === 'local', messages),
    livenessSeconds: liveness_seconds,
  }
}

function usual(isLocal: boolean, messages: Message[]): number {
  if (!isLocal) return FIRST_BYTE_SECONDS
  const reading = JSON.stringify(messages).length / SLOWEST_CHARACTERS_A_SECOND
  return LOCAL_FIRST_BYTE_SECONDS + Math.ceil(reading)
}
