import type { Sql } from '../../../f/hai/core/base/db.ts'
import type { Call } from '../../support/models/behaviour.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'

/** The calls of the model that a server saw, refused ones too; looks around and loading left out. */
export const callsOf = (server: FakeServer): Call[] =>
  server.calls.filter(({ path }) => path === '/v1/chat/completions' || path === '/v1/messages')

export interface Usage {
  backend: string
  model: string
  billing: string
  input: number | null
  output: number | null
  cache_read: number | null
  cache_write: number | null
  /** USD. */
  usd: number | null
  ms: number
  ending: string | null
  at_least: boolean
}

/** What was written down of a task's calls, in their order. */
export async function usageOf(sql: Sql, id: string): Promise<Usage[]> {
  return sql<Usage[]>`
    select backend, model, billing, input, output, cache_read, cache_write, usd::float8 as usd, ms, ending, at_least
    from hai.usage where task_id = ${id} order by lease_no`
}

/** Lets the time come at which a backend may be asked again. */
export async function endPause(sql: Sql): Promise<void> {
  await sql`update hai.endpoint set until = now() where until is not null`
}

/** The pieces of an answer that its events tell, in their order. */
export async function deltas(sql: Sql, id: string): Promise<{ at: number; text: string }[]> {
  return sql<{ at: number; text: string }[]>`
    select (data ->> 'at')::int as at, text from hai.task_event
    where task_id = ${id} and type = 'delta' order by seq`
}
