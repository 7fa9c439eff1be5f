import { workerDoor } from '../core/base/door.ts'
import { record } from '../core/cost/record.ts'
import { thenRing } from '../core/outbox/ring.ts'

/** Writes down up to 1,000 model calls that were made elsewhere and are over; one that is known already stays as it is. */
export async function main(calls: object[]) {
  return workerDoor({ calls: calls as never }, (sql, given, _as, caller) =>
    thenRing(sql, record(sql, given, caller)),
  )
}
