import { workerDoor } from '../core/door.ts'
import { claim } from '../core/lease.ts'

/** For a worker that lives elsewhere: the next due task under a lease, or null. */
export async function main(worker: string, lanes: string[] = ['interactive', 'batch']) {
  return workerDoor(async (sql) => ({ task: await claim(sql, { worker, lanes }) }))
}
