import { operatorDoor } from '../core/base/door.ts'
import { raiseCap } from '../core/cost/caps.ts'
import { thenWake } from '../core/task/wake.ts'

/** Raises a cap by so many USD until the end of today or `until`; the daily one of everything when none is named. */
export async function main(usd: number, cap?: string, until?: string) {
  return operatorDoor({ usd, cap, until }, (sql, given, caller) =>
    thenWake(sql, raiseCap(sql, given, caller)),
  )
}
