import { door } from './core/base/door.ts'
import { receiveArgument } from './core/surface/inbox.ts'

/** The one way in: an envelope, or up to 1,000 of them. Answers when they are committed; one that needs no model with its answer. */
export async function main(body: unknown) {
  return door({ body }, (sql, { body }, caller, principal, _stopped, jobId) =>
    receiveArgument(sql, body, caller, { principal, jobId }),
  )
}
