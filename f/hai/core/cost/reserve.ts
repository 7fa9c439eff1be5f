import type { ModelCall } from '../base/backends.ts'
import { storedConfig } from '../base/config.ts'
import { inTransaction, type Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import { type Held, inHandsOf, leaseLost, tokenDigest } from '../task/lease.ts'
import { Budget } from './budget.ts'
import { applyBudget, stale } from './caps.ts'
import { added, counting, limitOf } from './counters.ts'
import { mostOf } from './prices.ts'
import { isRefusal, type Over, refused, unpriced } from './refusal.ts'
import { holdWindows } from './windows.ts'

/**
 * Writes the row of a call before it is made: the hold of the most it can cost. `budget` when that would take any cap
 * over its limit, `conflict` when the lease is lost; then nothing is written. The same call again is the same row.
 * Without a lease it answers no task. `at` is for tests of what happens at midnight.
 */
export async function reserve(sql: Sql, call: ModelCall, held?: Held, at?: Date): Promise<void> {
  const bound = boundOf(call)
  if (bound === null) await refuseUnpriced(sql, call)
  const rowOf = (tx: Sql) => insert(tx, call, bound, held, at)
  try {
    if (await opened(sql, call, held, rowOf)) return
    await applyBudget(sql)
    if (await opened(sql, call, held, rowOf)) return
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw await refused(sql, call, JSON.parse(error.detail) as Over[])
  }
  const [known] = await sql`
    select from hai.usage
    where call_id = ${call.call_id}
      ${held ? sql`and task_id = ${held.id} and (token_digest is null or token_digest = ${tokenDigest(held)}::bytea)` : sql``}`
  if (known) return
  if (held) throw (await restricted(sql, call, held)) ?? (await leaseLost(sql, held))
  throw new HaiError('unavailable', `the budget changed while ${call.call_id} was reserved; try again`)
}

/** The most that the call can cost, in USD; null when nobody knows its price. */
function boundOf({ billing, price, most }: ModelCall): number | null {
  if (billing !== 'metered') return 0
  return most ? mostOf(price, most) : null
}

/** No cap can hold for a call of which nobody knows what it can cost. */
async function refuseUnpriced(sql: Sql, call: ModelCall): Promise<void> {
  const budget = await storedConfig(sql, 'budget', Budget)
  if (budget.unknown_price === 'refuse') throw unpriced(call, budget)
}

async function opened(
  sql: Sql,
  call: ModelCall,
  held: Held | undefined,
  insertRow: (tx: Sql) => Promise<boolean>,
): Promise<boolean> {
  if (call.billing !== 'subscription') return insertRow(sql)
  return inTransaction(sql, async (tx) => {
    await holdWindows(tx, call, held?.id)
    return insertRow(tx)
  })
}

/** One statement: the row, and the counters of all caps locked in one order; an error in it takes back both. */
async function insert(
  sql: Sql,
  call: ModelCall,
  bound: number | null,
  held: Held | undefined,
  at: Date | undefined,
): Promise<boolean> {
  const { call_id, step = null, agent = null, backend, model, billing, most, price } = call
  const route = call.route ?? `${backend}/${model}`
  const [row] = await sql<{ opened: boolean }[]>`
    with call as (
      insert into hai.usage (call_id, task_id, lease_no, token_digest, step, requester, source, agent, conversation_id, route, backend,
        model, billing, price_version, bound, bound_tokens, state, xid, ms, at)
      select ${call_id}, t.id, t.lease_no, ${held ? tokenDigest(held) : null}::bytea, ${step}, coalesce(t.requester, ${call.requester ?? ''}),
        coalesce(t.source, ${call.source ?? ''}), coalesce(${agent}::text, t.target_agent, 'none'), t.conversation_id,
        ${route}, ${backend}, ${model}, ${billing}, ${price?.version ?? null}, ${bound},
        ${most ? most.input + most.output : null}, 'open', null, 0, coalesce(${at ?? null}::timestamptz, now())
      from ${held ? leased(sql, held, billing) : alone(sql)}
      where not ${stale(sql)}
      on conflict (call_id) do nothing
      returning *
    ), counted as (
      insert into hai.cap_counter as known (cap, key, period, held)
      select cap.name, counter.key, counter.period, call.bound
      from call ${counting(sql)}
      where call.bound > 0 and counter.key is not null
      order by 1, 2, 3
      ${added(sql)}
      returning *
    ), over as (
      select cap, key, period, spent, held, presumed, ${limitOf(sql, sql`counted.cap`)} as "limit" from counted
    )
    select exists (select from call) as opened, (
      select hai.refuse(jsonb_agg(to_jsonb(over))) from over where spent + held + presumed > "limit" having count(*) > 0
    ) as refused`
  return row!.opened
}

const leased = (sql: Sql, held: Held, billing: ModelCall['billing']) => sql`
  (select id, lease_no, requester, source, target_agent, conversation_id from hai.task_queue
    where ${inHandsOf(sql, held)}
      and (data_tier <> 'restricted' or ${billing} = 'local')) t`

/** A worker elsewhere that does not heed it is refused here. */
async function restricted(sql: Sql, { backend, billing }: ModelCall, held: Held) {
  const [task] = await sql`
    select from hai.task_queue
    where ${inHandsOf(sql, held)} and data_tier = 'restricted'`
  if (!task || billing === 'local') return undefined
  return new HaiError(
    'forbidden',
    `task ${shortId(held.id)} is restricted: only backends with billing: local may see it, and ${backend} is billing: ${billing}`,
  )
}

const alone = (sql: Sql) => sql`
  (select null as id, null::int as lease_no, null as requester, null as source, null as target_agent,
    null as conversation_id) t`
