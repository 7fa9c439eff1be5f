import { workerDoor } from '../core/base/door.ts'
import { thenRing } from '../core/outbox/ring.ts'
import { journalStep } from '../core/work/remote.ts'

/** Journals a call: `started` before it is made; `finished` with its response and, for a model's call, what it used. */
export async function main(
  id: string,
  lease_no: number,
  call_id: string,
  state: 'started' | 'finished',
  name?: string,
  request?: unknown,
  response?: unknown,
  once: boolean = false,
  usage?: {
    call_id: string
    backend: string
    model: string
    billing: 'local' | 'metered' | 'subscription'
    tokens: object
    ms: number
  },
  lease_token?: string,
) {
  return workerDoor(
    { id, lease_no, lease_token, call_id, state, name, request, response, once, usage },
    (sql, given) => thenRing(sql, journalStep(sql, given)),
  )
}
