import { workerDoor } from '../core/base/door.ts'
import { heartbeat } from '../core/task/lease.ts'

/** Extends a lease; a conflict means that it is lost and the work must stop. */
export async function main(id: string, lease_no: number, lease_token?: string) {
  return workerDoor({ id, lease_no, lease_token }, heartbeat)
}
