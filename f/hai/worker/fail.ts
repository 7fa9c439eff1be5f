import { workerDoor } from '../core/base/door.ts'
import { failAndWake, thenWake } from '../core/task/wake.ts'

/** Ends an attempt: retried after a backoff when it may be and attempts are left, dead otherwise. */
export async function main(
  id: string,
  lease_no: number,
  code: string,
  message: string,
  retryable: boolean = false,
  retry_after_seconds?: number,
  next_step?: string,
  uses_attempt: boolean = true,
  backend?: string,
  lease_token?: string,
) {
  const failure = { code, message, retryable, retry_after_seconds, next_step, uses_attempt, backend }
  return workerDoor({ id, lease_no, lease_token, ...failure }, (sql, given) =>
    thenWake(sql, failAndWake(sql, given)),
  )
}
