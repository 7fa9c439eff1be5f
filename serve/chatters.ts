import { createHash } from 'node:crypto'
import type { Webhook } from '../cli/call/webhook.ts'
import { Failure } from '../cli/failure.ts'

/** No task has this id, and no wait this name. */
const NOBODYS = { id: '0'.repeat(26), waiter: 'nobody' }
/** What a token is told that may leave a task; a server of an earlier release has no such door. */
const ADMITTED = ['not_found', 'no_door']

/** Who may chat. A token that may only put questions down would have them answered, and paid for, and hear nothing. */
export class Chatters {
  /** Digests of the tokens that were found to be for this; of no others, so that they are few. */
  #known = new Set<string>()

  /** Looks once at each token. Rejects with the `Failure` of one that is not for this. */
  async admit(webhook: Webhook): Promise<void> {
    const digest = createHash('sha256').update(webhook.target.token).digest('hex')
    if (this.#known.has(digest)) return
    try {
      await webhook.call('task/leave', NOBODYS)
    } catch (error) {
      if (!(error instanceof Failure) || !ADMITTED.includes(error.code ?? '')) throw error
    }
    this.#known.add(digest)
  }
}
