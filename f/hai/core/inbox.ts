import type { Caller } from './caller.ts'
import type { Accepted } from './contract.ts'
import type { Sql } from './db.ts'
import { enqueue, enqueueMany } from './enqueue.ts'
import { settingTroubles } from './settings.ts'
import { wake } from './wakeup.ts'

/** Commits what came in, then calls one worker round for all of it; a failed call doesn't unsay the acceptance. */
export async function receive(sql: Sql, body: unknown, caller: Caller): Promise<Accepted | Accepted[]> {
  const origin = { requester: caller.name, sees: caller.sees, zone: caller.zone }
  const accepted = Array.isArray(body)
    ? await enqueueMany(sql, body, origin)
    : await enqueue(sql, body, origin)
  const job_id = await wake(sql)
  const told = (one: Accepted): Accepted => (job_id && one.status === 'accepted' ? { ...one, job_id } : one)
  if (Array.isArray(accepted)) return accepted.map(told)
  return { ...told(accepted), ...(caller.role === 'operator' ? await troubles(sql) : {}) }
}

async function troubles(sql: Sql): Promise<Pick<Accepted, 'problems' | 'guards'>> {
  const { broken, guards } = await settingTroubles(sql)
  return {
    ...(broken.length > 0 ? { problems: broken } : {}),
    ...(guards.length > 0 ? { guards } : {}),
  }
}
