import { door } from './core/door.ts'
import { receiveArgument } from './core/inbox.ts'

/** The one way in: an envelope, or up to 1,000 of them. Answers when they are committed, then calls a worker. */
export async function main(body: unknown) {
  return door({ body }, (sql, { body }, caller) => receiveArgument(sql, body, caller))
}
