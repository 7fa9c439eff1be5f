import { workerDoor } from '../core/base/door.ts'
import { thenRing } from '../core/outbox/ring.ts'
import { reserveElsewhere } from '../core/work/remote.ts'

/**
 * For a worker that lives elsewhere: holds the most that a model call can cost which is about to be made, by the tokens
 * in `most` (`{input, output}`).
 */
export async function main(
  id: string,
  lease_no: number,
  call_id: string,
  backend: string,
  model: string,
  billing: 'local' | 'metered' | 'subscription',
  most?: { input: number; output: number },
  step?: string,
  agent?: string,
  route?: string,
  lease_token?: string,
) {
  const call = { call_id, backend, model, billing, most, step, agent, route }
  return workerDoor({ id, lease_no, lease_token, ...call }, (sql, given) =>
    thenRing(sql, reserveElsewhere(sql, given)),
  )
}
