import { door } from '../core/base/door.ts'
import { cancel } from '../core/task/change.ts'
import { thenWake } from '../core/task/wake.ts'

/** Ends a task that has not ended; its worker stops within seconds and what it still writes is refused. */
export async function main(id: string, reason?: string) {
  // the next turn of its conversation may be begun by it
  return door({ id, reason }, (sql, given, caller) => thenWake(sql, cancel(sql, given, caller)))
}
