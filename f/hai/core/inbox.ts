import type { Caller } from './caller.ts'
import type { Accepted } from './contract.ts'
import type { Sql } from './db.ts'
import { enqueue, enqueueMany } from './enqueue.ts'
import { HaiError, shown } from './errors.ts'
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

/** The same for the webhook, whose one argument is `body`: Windmill drops what stands beside it before a script sees it. */
export async function receiveArgument(
  sql: Sql,
  body: unknown,
  caller: Caller,
): Promise<Accepted | Accepted[]> {
  if (typeof body === 'object' && body !== null) return receive(sql, body, caller)
  const what =
    body === undefined || body === null ? 'body is missing' : `body: ${shown(body)} is not accepted`
  const cure = 'wrap the envelope, or a list of them: {"body": {"source": "…", "content": "…"}}'
  throw new HaiError('invalid', `${what}; ${cure}`, { plain: cure })
}

async function troubles(sql: Sql): Promise<Pick<Accepted, 'problems' | 'guards'>> {
  const { broken, guards } = await settingTroubles(sql)
  return {
    ...(broken.length > 0 ? { problems: broken } : {}),
    ...(guards.length > 0 ? { guards } : {}),
  }
}
