import { workerDoor } from '../core/door.ts'
import { reserve } from '../core/ledger.ts'

/** For a worker that lives elsewhere: opens the ledger's row of a model call that is about to be made. */
export async function main(
  id: string,
  lease_no: number,
  call_id: string,
  backend: string,
  model: string,
  billing: 'local' | 'metered' | 'subscription',
) {
  return workerDoor((sql) => reserve(sql, { id, lease_no, call_id, backend, model, billing }))
}
