import { service } from '../core/door.ts'
import { sendOutbox } from '../core/outbox/send.ts'

/** Sends what is due in the outbox to the configured channels. */
export async function main(every_seconds: number = 60) {
  return service({ every_seconds }, (sql, given, { signal, trusted }) =>
    sendOutbox(sql, { ...given, trusted, signal }),
  )
}
