import { HaiError } from '../base/errors.ts'
import type { Failure } from '../task/handle.ts'

/** A reservation that a cap refused, as its task learns of it. */
export interface OverBudget extends HaiError {
  details: {
    on_cap?: 'wait' | 'dead' | 'local'
    /** Waiting leads nowhere: what is full never begins anew. */
    ends?: boolean
    retry_after_seconds?: number
    next_step?: string
  }
}

export const isOverBudget = (error: unknown): error is OverBudget =>
  error instanceof HaiError && error.code === 'budget' && error.details !== undefined

/** How the task goes on: it waits without using an attempt, or ends. */
export function failureOf({ message, details }: OverBudget): Failure {
  const { on_cap, ends, retry_after_seconds, next_step = 'hai cost shows the caps' } = details
  if (ends || on_cap === 'dead') return { code: 'budget', message, next_step }
  return {
    ...{ code: 'budget', message, next_step, retryable: true, uses_attempt: false },
    ...(retry_after_seconds === undefined ? {} : { retry_after_seconds }),
  }
}
