import { operatorDoor } from '../core/base/door.ts'
import { testModel } from '../core/model/test_call.ts'
import { thenRing } from '../core/outbox/ring.ts'

/** A real round trip to a model, the default one when none is named: how long loading and answering take. */
export async function main(backend?: string, model?: string) {
  return operatorDoor({ backend, model }, (sql, given, { name: requester }, _as, stopped) =>
    thenRing(sql, testModel(sql, given, { requester, signal: stopped() })),
  )
}
