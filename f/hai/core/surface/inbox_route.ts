import type { Caller } from '../base/caller.ts'
import type { Accepted } from '../base/contract.ts'
import type { Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import type { Taker } from '../work/built_in.ts'
import { receive } from './inbox.ts'
import { accepted, type Shaped } from './response.ts'

/** One envelope, strictly read, as a task: 202 with its id once it is committed, also when it was there before. */
export async function receiveOne(
  sql: Sql,
  body: unknown,
  caller: Caller,
  taker: Taker,
): Promise<Shaped<Omit<Accepted, 'job_id'>>> {
  if (Array.isArray(body)) {
    throw new HaiError('invalid', `body: ${body.length} envelopes; this route takes one, f/hai/inbox a batch`)
  }
  const { job_id: _, ...told } = (await receive(sql, body, caller, taker)) as Accepted
  return accepted(told)
}
