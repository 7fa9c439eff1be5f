import { connect, localTarget, runningStack } from '../cli/call/connection.ts'
import { longer } from '../cli/call/pace.ts'
import type { Profile } from '../cli/call/profile.ts'
import { Webhook } from '../cli/call/webhook.ts'
import { EXIT, Failure } from '../cli/failure.ts'
import type { Io } from '../cli/io.ts'
import { type Code, HaiError, STATUS } from '../f/hai/core/base/errors.ts'

const FIRST_MS = 250
const MOST_MS = 15_000
/** A door that was killed in the middle fails like one with a bug, and only the latter fails every time. */
const CRASHES = 5

/** The doors of one server, which may be gone for a while: that is said once, and so is its return. */
export class Doors {
  #webhook: Webhook
  #say: (line: string) => void
  #gone = false

  constructor(webhook: Webhook, say: (line: string) => void) {
    this.#webhook = webhook
    this.#say = say
  }

  /** Runs a door. Rejects with what the door refused, as a `HaiError`, or with the `Failure` of the connection. */
  async call<T>(path: string, args: object, options: { once?: boolean } = {}): Promise<T> {
    try {
      const result = await this.#webhook.call<T>(path, args, options)
      this.#met()
      return result
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      const known = asRefusal(error)
      if (isPassing(known)) this.#missed(error)
      else this.#met()
      throw known
    }
  }

  /** `call`, tried until there is an answer: what was worked for is not lost with a connection. `stop` ends the trying. */
  async insist<T>(path: string, args: object, stop: AbortSignal): Promise<T> {
    let crashes = 0
    for (let wait = FIRST_MS; ; wait = longer(wait, MOST_MS)) {
      try {
        return await this.call<T>(path, args)
      } catch (error) {
        if (!isPassing(error) || stop.aborted) throw error
        if (isCrash(error) && ++crashes === CRASHES) throw error
      }
      await pause(wait, stop)
    }
  }

  #missed(error: Failure): void {
    if (!this.#gone) this.#say(`${error.message}; trying again until it answers`)
    this.#gone = true
  }

  #met(): void {
    if (this.#gone) this.#say('the server is back')
    this.#gone = false
  }
}

/** Whether an error may be over by itself: no answer, one that comes of no door, or a server without its database. */
export function isPassing(error: unknown): boolean {
  if (error instanceof HaiError) return error.code === 'unavailable'
  return isCrash(error) || (error instanceof Failure && error.exit === EXIT.unreachable)
}

const isCrash = (error: unknown): boolean => error instanceof Failure && error.code === 'crash'

/** What a door refused is the error that core threw there. */
function asRefusal(error: Failure): Failure | HaiError {
  if (!error.code || !(error.code in STATUS)) return error
  return new HaiError(error.code as Code, error.message, { details: error.details, cause: error })
}

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

/**
 * A webhook client that is told once where its server is. A local stack is started for it, and found again when another
 * one takes its place; but whoever stopped it shall not have it started again by a worker that looks for work.
 */
export async function lastingWebhook(
  io: Io,
  profile: Profile,
  note: (line: string) => void,
): Promise<Webhook> {
  const first = await connect(io, profile, { note, progress: note })
  const { target } = first
  first.close()
  if (!profile.local) return new Webhook(target, () => {})
  const locate = async () => {
    const instance = await runningStack(io)
    return instance && localTarget(profile, instance, () => {})
  }
  return new Webhook(target, () => {}, {
    locate,
    revive: async () => {
      throw new Failure('unreachable', 'the local stack does not run', { next: 'hai up' })
    },
  })
}
