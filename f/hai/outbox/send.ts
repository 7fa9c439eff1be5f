import { service } from '../core/base/door.ts'
import { sendOutbox } from '../core/outbox/send.ts'

/** Sends what is due in the outbox to the configured channels. A schedule says how often it comes; who only rings says nothing. */
export async function main(every_seconds?: number) {
  return service({ every_seconds }, (sql, given, { signal, trusted, jobId }) =>
    sendOutbox(sql, { ...given, trusted, signal, jobId }),
  )
}
