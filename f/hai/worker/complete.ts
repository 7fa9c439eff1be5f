import { workerDoor } from '../core/base/door.ts'
import { complete } from '../core/task/finish.ts'
import { thenWake } from '../core/task/wake.ts'

/** Stores the answer of a leased task. */
export async function main(
  id: string,
  lease_no: number,
  output: string,
  result?: unknown,
  agent?: string,
  route?: string,
  lease_token?: string,
) {
  return workerDoor({ id, lease_no, lease_token, output, result, agent, route }, (sql, given) =>
    thenWake(sql, complete(sql, given)),
  )
}
