import { HaiError } from '../f/hai/core/base/errors.ts'
import type { ModelCall, Spent } from '../f/hai/core/cost/model_call.ts'
import { type Learnt, type ModelAt, type ModelFact, RememberedFacts } from '../f/hai/core/model/facts.ts'
import type { HeldTask } from '../f/hai/core/model/held_task.ts'
import type { AttemptFailure } from '../f/hai/core/task/backend.ts'
import type { Turn } from '../f/hai/core/task/conversation.ts'
import { type Held, heldOf, isLeaseLost } from '../f/hai/core/task/lease.ts'
import type { ClaimedTask, State } from '../f/hai/core/task/shape.ts'
import type { Step } from '../f/hai/core/task/steps.ts'
import { type Doors, isPassing } from './doors.ts'

/** What ends the patience of a task's worker. */
export interface Stopping {
  /** The worker takes no more tasks: what has to be tried again is for another one. */
  draining: AbortSignal
  /** The worker goes now: a door that does not answer is not waited for. */
  release: AbortSignal
}

/** Of the models that this process asks. */
const FACTS = new RememberedFacts()

/** A task in the hands of a worker that has the doors only. What was worked for is told until the server hears it. */
export class RemoteTask implements HeldTask {
  /** What became of it, for the worker's own log. */
  outcome = 'not ended'
  #doors: Doors
  #held: Held
  #turns: Turn[]
  #stopping: Stopping
  #lost = new AbortController()

  constructor(doors: Doors, task: ClaimedTask, turns: Turn[], stopping: Stopping) {
    this.#doors = doors
    this.#held = heldOf(task)
    this.#turns = turns
    this.#stopping = stopping
  }

  /** Aborts when any door says that the lease is lost, which is sooner than the next heartbeat. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  async heartbeat(): Promise<unknown> {
    const beat = this.#doors.call('worker/heartbeat', this.#held)
    // a missing server was told of already, and the lease may well outlive its absence
    return this.#watched(beat.catch(ignoring(isPassing)))
  }

  async release(reason: string): Promise<unknown> {
    const released = await this.#insist('worker/release', { reason })
    this.outcome = 'given back'
    return released
  }

  async turns(): Promise<Turn[]> {
    return this.#turns
  }

  async note(type: string, text: string, data: Record<string, unknown> = {}): Promise<unknown> {
    const told = { type, text, ...('at' in data ? { at: data.at } : {}) }
    if (type !== 'delta') return this.#insist('worker/event', told)
    // the answer comes whole in the end, so that a piece may be missed; of a lost lease `lost` tells
    const piece = this.#watched(this.#doors.call('worker/event', { ...this.#held, ...told }))
    return piece.catch(ignoring((error) => isPassing(error) || isLeaseLost(error)))
  }

  startStep(step: { call_id: string; name: string; request: unknown }): Promise<Step> {
    return this.#insist<Step>('worker/step', { state: 'started', ...step })
  }

  openUsage(call: ModelCall): Promise<unknown> {
    const { step, agent, most } = call
    return this.#insist('cost/reserve', { ...ledgerRow(call), step, agent, most })
  }

  settleUsage(call: ModelCall, spent: Spent): Promise<unknown> {
    // also when the lease is lost: what was spent was spent
    const settled = { ...this.#held, ...ledgerRow(call), ...spentOf(spent) }
    return this.#doors.insist('cost/settle', settled, this.#stopping.release)
  }

  finishStep(
    step: { call_id: string; response: unknown; name?: string },
    call: ModelCall,
    spent: Spent,
  ): Promise<unknown> {
    const usage = { ...ledgerRow(call), ...spentOf(spent) }
    return this.#insist('worker/step', { state: 'finished', ...step, usage })
  }

  async modelFact(at: ModelAt): Promise<ModelFact | undefined> {
    return FACTS.of(at)
  }

  async learnModel(at: ModelAt, learnt: Learnt): Promise<void> {
    FACTS.learn(at, learnt)
  }

  async complete(done: { output: string; agent: string; route: string }): Promise<unknown> {
    // a try whose answer was lost on the way may have been the one that stored it
    const storedBefore = ignoring((error) => this.#isDone(error))
    const ended = await this.#insist<{ state: State }>('worker/complete', done).catch(storedBefore)
    this.outcome = ended?.state ?? 'done'
    return ended
  }

  async fail(failure: AttemptFailure): Promise<unknown> {
    // Ctrl-C reaches the programs that this worker started, too: that is no failure of theirs
    if (failure.retryable && this.#stopping.draining.aborted)
      return this.release('its worker was told to stop')
    const { state } = await this.#insist<{ state: State }>('worker/fail', failure)
    this.outcome = `${state === 'pending' ? 'to be tried again' : state} (${failure.code})`
    return state
  }

  #insist<T>(path: string, args: object): Promise<T> {
    return this.#watched(this.#doors.insist<T>(path, { ...this.#held, ...args }, this.#stopping.release))
  }

  async #watched<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      if (isLeaseLost(error)) this.#lose(error as HaiError)
      throw error
    }
  }

  #lose(error: HaiError): void {
    this.outcome = `no longer this worker's (${error.details?.state})`
    this.#lost.abort(error)
  }

  #isDone(error: unknown): boolean {
    if (!(error instanceof HaiError) || !isLeaseLost(error)) return false
    return error.details?.state === 'done' && error.details.lease_no === this.#held.lease_no
  }
}

/** The server knows its own prices. */
const ledgerRow = ({ call_id, backend, model, billing }: ModelCall) => ({ call_id, backend, model, billing })

const spentOf = ({ tokens, ms, usd = null, error, ended, at_least, unsent }: Spent) => ({
  tokens,
  ms,
  usd,
  ...(error ? { error } : {}),
  ...(ended ? { ended } : {}),
  ...(at_least ? { at_least } : {}),
  ...(unsent ? { unsent } : {}),
})

function ignoring(harmless: (error: unknown) => boolean): (error: unknown) => undefined {
  return (error) => {
    if (!harmless(error)) throw error
    return undefined
  }
}
