import { workerDoor } from '../core/door.ts'
import { complete } from '../core/outcome.ts'
import { thenWake } from '../core/wakeup.ts'

/** Stores the answer of a leased task. */
export async function main(
  id: string,
  lease_no: number,
  output: string,
  result?: unknown,
  agent?: string,
  route?: string,
) {
  return workerDoor({ id, lease_no, output, result, agent, route }, (sql, given) =>
    thenWake(sql, complete(sql, given)),
  )
}
