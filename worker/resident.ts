import { longer } from '../cli/call/pace.ts'
import type { ClaimedElsewhere } from '../f/hai/core/work/remote.ts'
import { type Doors, isPassing, type Rest } from './doors.ts'
import type { Stopping } from './remote-task.ts'

/** Between two looks at an empty queue: doubling. */
const FIRST_MS = 250
/** Another worker was faster, or the door has more to do than one call may. */
const SOON_MS = 50
/** A server that is gone is asked no less often than this, and a remote one no more often when nothing is due. */
const MOST_MS = 15_000
const LOCAL_MOST_MS = 1_000

export interface Residence {
  doors: Doors
  worker: string
  lanes: string[]
  concurrency: number
  /** New work is announced: then there is no need to look. */
  listens: boolean
  /** Looking costs next to nothing. */
  local: boolean
  /** Rings when there may be work. */
  rest: Rest
  stopping: Stopping
  /** Sees one claimed task through to its end; never rejects. */
  answer(claimed: Claimed, stop: AbortSignal): Promise<void>
  /** The server let this worker claim. */
  onWelcome(): void
  /** No more is claimed; so many tasks are at hand. */
  onDraining(atHand: number): void
}

export type Claimed = ClaimedElsewhere & { task: NonNullable<ClaimedElsewhere['task']> }

/**
 * Claims and answers until it is told to stop, then sees the tasks at hand to their end and says goodbye. Rejects when
 * the server refuses this worker, with nothing left at hand either.
 */
export async function reside(residence: Residence): Promise<void> {
  const hands = new Set<Promise<void>>()
  try {
    await claimOn(residence, hands)
    residence.onDraining(hands.size)
  } finally {
    await Promise.all(hands)
  }
  await sayGoodbye(residence)
}

/** One look at a time, however many hands are free. */
async function claimOn(residence: Residence, hands: Set<Promise<void>>): Promise<void> {
  const { concurrency, rest, stopping, listens, local } = residence
  const longest = local && !listens ? LOCAL_MOST_MS : MOST_MS
  let wait = FIRST_MS
  let welcome = false
  while (!stopping.draining.aborted) {
    if (hands.size >= concurrency) {
      await rest.pause(undefined, stopping.draining)
      continue
    }
    const claimed = await claimNext(residence)
    if (claimed && !welcome) residence.onWelcome()
    welcome ||= claimed !== undefined
    if (claimed?.task) take(residence, hands, claimed as Claimed)
    if (claimed?.task || claimed?.more) wait = FIRST_MS
    if (claimed?.task) continue
    const ms = claimed?.more ? SOON_MS : claimed && listens ? longest : wait
    const rung = await rest.pause(ms, stopping.draining)
    wait = rung ? FIRST_MS : longer(wait, claimed ? longest : MOST_MS)
  }
}

function take(residence: Residence, hands: Set<Promise<void>>, claimed: Claimed): void {
  const { rest, stopping } = residence
  // claimed while the signal came: given back at once
  const stop = stopping.draining.aborted ? stopping.draining : stopping.release
  const hand = residence.answer(claimed, stop).finally(() => {
    hands.delete(hand)
    rest.ring()
  })
  hands.add(hand)
}

/** Undefined while the server is gone. */
async function claimNext(residence: Residence): Promise<ClaimedElsewhere | undefined> {
  const { doors, worker, lanes, listens } = residence
  try {
    // not repeated: a claim that arrived has leased a task
    return await doors.call<ClaimedElsewhere>(
      'worker/claim',
      { worker, lanes, listens, sends_token: true, reads_chat: true },
      { once: true },
    )
  } catch (error) {
    if (isPassing(error)) return undefined
    throw error
  }
}

async function sayGoodbye({ doors, worker, lanes }: Residence): Promise<void> {
  try {
    await doors.call('worker/claim', { worker, lanes, leaving: true })
  } catch (error) {
    // a server that is gone was told of, and forgets a worker that it does not hear of
    if (!isPassing(error)) throw error
  }
}

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
