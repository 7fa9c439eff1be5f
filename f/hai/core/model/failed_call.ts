import type { CallFailure } from './refusal.ts'

/** Marks an error as the backend's: everything else is the database's or ours, and not to be explained as a call. */
export class FailedCall extends Error {
  failure: CallFailure
  /** Whether some of the answer had come. */
  begun: boolean

  constructor(failure: CallFailure, cause: unknown, begun = false) {
    super(failure.message, { cause })
    this.name = 'FailedCall'
    this.failure = failure
    this.begun = begun
  }
}
