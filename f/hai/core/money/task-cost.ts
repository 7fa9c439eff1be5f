import { z } from 'zod'
import type { Caller } from '../caller.ts'
import type { Sql } from '../db.ts'
import { parse } from '../errors.ts'
import { taskId } from '../ids.ts'
import type { Amount, CallRow, TaskCost, TokenSums } from './report-shape.ts'

const Input = z.strictObject({ id: z.string().min(1) })

const KINDS = ['input', 'output', 'cache_read', 'cache_write', 'reasoning'] as const

/** What the model calls of a task came to, each by itself, in their order. `not_found` for one that `caller` may not see. */
export async function taskCost(sql: Sql, input: z.input<typeof Input>, caller: Caller): Promise<TaskCost> {
  const id = await taskId(sql, parse(Input, input).id, caller)
  const calls = await sql<CallRow[]>`
    select call_id, step, lease_no, at, settled_at, state, agent, route, backend, model, billing,
      jsonb_build_object('input', input, 'output', output, 'cache_read', cache_read, 'cache_write', cache_write,
        'reasoning', reasoning) as tokens,
      usd::float8 as usd, bound::float8 as bound, list_usd::float8 as list_usd, price_version, error, ms
    from hai.usage where task_id = ${id} order by at, call_id`
  return { id, total: totalOf(calls), calls: [...calls] }
}

function totalOf(calls: CallRow[]): Amount {
  const inState = (state: CallRow['state']) => calls.filter((call) => call.state === state)
  const settled = inState('settled')
  const known_usd = sum(settled, ({ usd }) => usd)
  const unknown_calls = settled.filter(({ usd, billing }) => usd === null && billing === 'metered').length
  const listed = calls.filter(({ billing }) => billing === 'subscription')
  const unlisted = listed.some(({ list_usd, state }) => list_usd === null && state === 'settled')
  return {
    calls: calls.length,
    usd: unknown_calls > 0 ? null : known_usd,
    known_usd,
    unknown_calls,
    open_calls: inState('open').length,
    open_usd: sum(inState('open'), ({ bound }) => bound),
    presumed_calls: inState('presumed').length,
    presumed_usd: sum(inState('presumed'), ({ bound }) => bound),
    failed_calls: calls.filter(({ error }) => error !== null).length,
    list_usd: listed.length === 0 || unlisted ? null : sum(listed, ({ list_usd }) => list_usd),
    tokens: Object.fromEntries(
      KINDS.map((kind) => [kind, sum(settled, ({ tokens }) => tokens[kind])]),
    ) as unknown as TokenSums,
    ms: sum(calls, ({ ms }) => ms),
  }
}

/** Without the dust that floating point leaves, to a millionth of a millionth. */
const sum = (calls: CallRow[], of: (call: CallRow) => number | null) =>
  Number(calls.reduce((total, call) => total + (of(call) ?? 0), 0).toFixed(12))
