import { workerDoor } from '../core/base/door.ts'
import { claimElsewhere } from '../core/work/remote.ts'

/** For a worker that lives elsewhere: the next due task that needs a model, under a lease; or none. */
export async function main(
  worker: string,
  lanes: string[] = ['interactive', 'batch'],
  listens: boolean = false,
  leaving: boolean = false,
  sends_token: boolean = false,
  reads_chat: boolean = false,
) {
  return workerDoor({ worker, lanes, listens, leaving, sends_token, reads_chat }, claimElsewhere)
}
