import { workerDoor } from '../core/base/door.ts'
import { giveBack } from '../core/task/lease.ts'
import { thenWake } from '../core/task/wake.ts'

/** Gives a leased task back untouched: no attempt is used. */
export async function main(
  id: string,
  lease_no: number,
  reason: string = 'its worker was told to stop',
  lease_token?: string,
) {
  return workerDoor({ id, lease_no, lease_token, reason }, (sql, { reason, ...held }) =>
    thenWake(sql, giveBack(sql, held, reason)),
  )
}
