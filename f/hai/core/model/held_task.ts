import type { ModelCall, Spent } from '../cost/model_call.ts'
import type { AttemptFailure, Endpoint } from '../task/backend.ts'
import type { Turn } from '../task/conversation.ts'
import type { Step } from '../task/steps.ts'
import type { Learnt, ModelAt, ModelFact } from './facts.ts'

/**
 * What the holder of a lease may do with its task, be the queue next to it or behind HTTP. Everything but the ledger
 * rejects with `conflict` once the lease is lost; what was spent was spent, whoever has the task by then.
 */
export interface HeldTask {
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
  fail(failure: AttemptFailure): Promise<unknown>
}
