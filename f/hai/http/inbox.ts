import { route } from '../core/door.ts'
import { jsonOf } from '../core/http/body.ts'
import { receiveOne } from '../core/http/inbox.ts'

/** Takes one envelope, strictly read, and answers 202 once its task is committed. `POST /inbox`. */
export async function main(raw_string: string) {
  return route((sql, caller) => receiveOne(sql, jsonOf(raw_string), caller))
}
