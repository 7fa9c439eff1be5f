import { cancel } from '../core/control.ts'
import { door } from '../core/door.ts'
import { thenWake } from '../core/wakeup.ts'

/** Ends a task that has not ended; its worker stops within seconds and what it still writes is refused. */
export async function main(id: string, reason?: string) {
  // the next turn of its conversation may be begun by it
  return door({ id, reason }, (sql, given, caller) => thenWake(sql, cancel(sql, given, caller)))
}
