import { route } from '../core/door.ts'
import { receiveOne } from '../core/http/inbox.ts'

/** Takes one envelope, strictly read, and answers 202 once its task is committed. `POST /inbox`. */
export async function main(body: unknown) {
  return route((sql, caller) => receiveOne(sql, body, caller))
}
