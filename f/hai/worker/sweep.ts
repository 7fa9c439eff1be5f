import { housekeeping } from '../core/base/door.ts'
import { upkeep } from '../core/upkeep.ts'

/** Ends what ran out of time, takes back what lost its worker, calls workers for what is due, reads the settings, tends every room. */
export async function main(every_seconds: number = 60) {
  return housekeeping({ every_seconds }, (sql, given) => upkeep(sql, given.every_seconds))
}
