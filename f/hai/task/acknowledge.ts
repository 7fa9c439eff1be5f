import { door } from '../core/base/door.ts'
import { acknowledge } from '../core/task/acknowledge.ts'

/** Takes it down that failures are known, those of `ids` or all: `home` shows them no more. */
export async function main(ids?: string[], all: boolean = false) {
  return door({ ids, all }, acknowledge)
}
