import type { Caller } from './caller.ts'
import type { Accepted } from './contract.ts'
import type { Sql } from './db.ts'
import { enqueue, enqueueMany } from './enqueue.ts'
import { wake } from './wakeup.ts'

/** Commits what came in, then calls one worker round for all of it; a failed call doesn't unsay the acceptance. */
export async function receive(sql: Sql, body: unknown, caller: Caller): Promise<Accepted | Accepted[]> {
  const origin = { requester: caller.name, sees: caller.sees }
  const accepted = Array.isArray(body)
    ? await enqueueMany(sql, body, origin)
    : await enqueue(sql, body, origin)
  const job_id = await wake(sql)
  if (!job_id) return accepted
  const told = (one: Accepted): Accepted => (one.status === 'accepted' ? { ...one, job_id } : one)
  return Array.isArray(accepted) ? accepted.map(told) : told(accepted)
}
