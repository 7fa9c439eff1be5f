import { retry } from '../core/control.ts'
import { door } from '../core/door.ts'
import { thenWake } from '../core/wakeup.ts'

/** Puts a dead, cancelled, expired or rejected task back; its history stays. */
export async function main(id: string) {
  return door({ id }, (sql, given, caller) => thenWake(sql, retry(sql, given, caller)))
}
