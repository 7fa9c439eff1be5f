import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { taskId } from '../base/ids.ts'
import type { Amount, CallRow, TaskCost, TokenSums } from './shape.ts'

const Input = z.strictObject({ id: z.string().min(1) })

const KINDS = ['input', 'output', 'cache_read', 'cache_write', 'cache_write_1h', 'reasoning'] as const

/** What the model calls of a task came to, each by itself, in their order. `not_found` for one that `caller` may not see. */
export async function taskCost(sql: Sql, input: z.input<typeof Input>, caller: Caller): Promise<TaskCost> {
  const id = await taskId(sql, parse(Input, input).id, caller)
  const calls = await sql<CallRow[]>`
    select call_id, step, lease_no, at, settled_at, state, ending, at_least, agent, route, backend, model, billing,
      jsonb_build_object('input', input, 'output', output, 'cache_read', cache_read, 'cache_write', cache_write,
        'cache_write_1h', cache_write_1h, 'reasoning', reasoning) as tokens,
      usd::float8 as usd, bound::float8 as bound, list_usd::float8 as list_usd, price_version, error, ms
    from hai.usage where task_id = ${id} order by at, call_id`
  const [task] = await sql<[{ errand: boolean }]>`select errand from hai.task_queue where id = ${id}`
  return { id, errand: task.errand, total: totalOf(calls), calls: [...calls] }
}

function totalOf(calls: CallRow[]): Amount {
  const inState = (state: CallRow['state']) => calls.filter((call) => call.state === state)
  const ended = (ending: CallRow['ending']) => calls.filter((call) => call.ending === ending).length
  const over = calls.filter(({ state }) => state !== 'open')
  const presumed = inState('presumed').filter(({ bound }) => bound !== null && bound > 0)
  const known_usd = sum(over, ({ usd }) => usd)
  const unknown_calls = over.filter(
    (call) => call.usd === null && call.billing === 'metered' && !presumed.includes(call),
  ).length
  const listed = over.filter(({ billing }) => billing === 'subscription')
  const unlisted = listed.some(({ list_usd }) => list_usd === null)
  return {
    calls: calls.length,
    usd: unknown_calls + presumed.length > 0 ? null : known_usd,
    known_usd,
    unknown_calls,
    open_calls: inState('open').length,
    open_usd: sum(inState('open'), ({ bound }) => bound),
    presumed_calls: presumed.length,
    presumed_usd: sum(presumed, ({ bound, usd }) => Math.max(0, bound! - (usd ?? 0))),
    failed_calls: calls.filter(({ error }) => error !== null).length,
    cancelled_calls: ended('cancelled'),
    stopped_calls: ended('stopped'),
    uncounted_calls: ended('uncounted'),
    lost_calls: ended('lost'),
    untold_calls: over.filter(
      ({ at_least, tokens }) => at_least || tokens.input === null || tokens.output === null,
    ).length,
    list_usd: listed.length === 0 || unlisted ? null : sum(listed, ({ list_usd }) => list_usd),
    tokens: Object.fromEntries(
      KINDS.map((kind) => [kind, sum(over, ({ tokens }) => tokens[kind])]),
    ) as unknown as TokenSums,
    ms: sum(calls, ({ ms }) => ms),
  }
}

/** Without the dust that floating point leaves, to a millionth of a millionth. */
const sum = (calls: CallRow[], of: (call: CallRow) => number | null) =>
  Number(calls.reduce((total, call) => total + (of(call) ?? 0), 0).toFixed(12))
