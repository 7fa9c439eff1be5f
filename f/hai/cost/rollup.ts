import { housekeeping } from '../core/base/door.ts'
import { rollup } from '../core/cost/rollup.ts'

/** Folds settled calls into days; with `verify`, also compares the caps' counters with the ledger. */
export async function main(every_seconds: number = 60, verify: boolean = false) {
  return housekeeping({ every_seconds, verify }, rollup)
}
