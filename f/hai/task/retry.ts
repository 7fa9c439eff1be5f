import { door } from '../core/base/door.ts'
import { firstLane } from '../core/builtin/first_lane.ts'
import { retry } from '../core/task/change.ts'
import { thenWake } from '../core/task/wake.ts'

/** Puts a dead, cancelled, expired or rejected task back; its history stays. */
export async function main(id: string) {
  return door({ id }, (sql, given, caller) => thenWake(sql, retry(sql, given, caller, firstLane)))
}
