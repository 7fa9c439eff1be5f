import type { ModelCall, Spent } from '../base/backends.ts'
import type { Learnt, ModelAt, ModelFact } from '../model/facts.ts'
import type { Endpoint } from './endpoint.ts'

/** An earlier question of a conversation and what was answered. */
export interface Turn {
  content: string
  output: string
  /** Its place in the conversation, from 1: those before the first that is handed out are too many. */
  no?: number
  /** It is restricted and the task is not: both texts are left out. */
  withheld?: true
}

export interface Step {
  state: 'started' | 'finished' | 'unknown'
  response?: unknown
}

/** Why an attempt ended without an answer, in the words of `fail`. */
export interface Failure {
  code: string
  message: string
  next_step?: string
  retryable?: boolean
  /** False when waiting is all that is wrong: then attempts are neither used nor needed. */
  uses_attempt?: boolean
  retry_after_seconds?: number
  /** The backend that failed, so that others learn of it. */
  backend?: string
  /** Where that is, when it is asked from here. */
  endpoint?: Endpoint
  /** When it is over, where that is known to the moment. */
  not_before?: string
  /** Nobody was asked: others learn nothing from it. */
  put_off?: true
}

/**
 * What the holder of a lease may do with its task, be the queue next to it or behind HTTP. Everything but the ledger
 * rejects with `conflict` once the lease is lost; what was spent was spent, whoever has the task by then.
 */
export interface TaskHandle {
  heartbeat(): Promise<unknown>
  release(reason: string): Promise<unknown>
  /** The conversation so far, oldest first. */
  turns(): Promise<Turn[]>
  note(type: string, text: string, data?: Record<string, unknown>): Promise<unknown>
  startStep(step: { call_id: string; name: string; request: unknown }): Promise<Step>
  /** The ledger's row of a call that is about to be made. */
  openUsage(call: ModelCall): Promise<unknown>
  settleUsage(call: ModelCall, spent: Spent): Promise<unknown>
  /** The response and what it cost, in one transaction. */
  finishStep(
    step: { call_id: string; response: unknown; name?: string },
    call: ModelCall,
    spent: Spent,
  ): Promise<unknown>
  /** What earlier calls taught of a model. */
  modelFact(at: ModelAt): Promise<ModelFact | undefined>
  learnModel(at: ModelAt, learnt: Learnt): Promise<unknown>
  complete(done: {
    output: string
    agent: string
    route: string
    endpoint?: Endpoint | null
  }): Promise<unknown>
  fail(failure: Failure): Promise<unknown>
}
