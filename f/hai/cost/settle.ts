import { workerDoor } from '../core/base/door.ts'
import { thenRing } from '../core/outbox/ring.ts'
import { settleElsewhere } from '../core/work/remote.ts'

/**
 * Writes down what a reserved call used; the lease under which that was done may be lost by now. `error` is the code of a failed one;
 * of one that its worker ended itself, `ended` says why, and with `at_least` there may have been more than was counted.
 * `unsent` says of a failed one that nobody was reached, so that there was no call.
 */
export async function main(
  call_id: string,
  backend: string,
  model: string,
  billing: 'local' | 'metered' | 'subscription',
  tokens: object,
  ms: number,
  usd?: number,
  error?: string,
  ended?: 'cancelled' | 'stopped',
  at_least?: boolean,
  id?: string,
  lease_no?: number,
  lease_token?: string,
  unsent?: boolean,
) {
  return workerDoor(
    {
      id,
      lease_no,
      lease_token,
      call_id,
      backend,
      model,
      billing,
      tokens,
      ms,
      usd,
      error,
      ended,
      at_least,
      unsent,
    },
    (sql, given) => thenRing(sql, settleElsewhere(sql, given)),
  )
}
