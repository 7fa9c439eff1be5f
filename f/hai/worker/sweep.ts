import { service } from '../core/door.ts'
import { sweep } from '../core/sweep.ts'
import { thenWake } from '../core/wakeup.ts'

/** Ends what ran out of time, takes back what lost its worker, calls workers for what is due. */
export async function main(every_seconds: number = 60) {
  return service((sql) => thenWake(sql, sweep(sql, every_seconds)))
}
