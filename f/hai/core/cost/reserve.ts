import { storedConfig } from '../base/config.ts'
import { inTransaction, type Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import type { AttemptFailure } from '../task/backend.ts'
import { type Held, inHandsOf, leaseLost, tokenDigest } from '../task/lease.ts'
import { Budget } from './budget.ts'
import { applyBudget, budgetInForce, resetOf, stale } from './caps.ts'
import { added, counting, limitOf } from './counters.ts'
import type { ModelCall } from './model_call.ts'
import { mostOf } from './prices.ts'
import { reserveInWindows } from './windows.ts'

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
    await reserveInWindows(tx, call, held?.id)
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
      insert into hai.usage (call_id, task_id, lease_no, token_digest, step, requester, source, agent, conversation_id, errand, route,
        backend, model, billing, price_version, bound, bound_tokens, state, xid, ms, at)
      select ${call_id}, t.id, t.lease_no, ${held ? tokenDigest(held) : null}::bytea, ${step}, coalesce(t.requester, ${call.requester ?? ''}),
        coalesce(t.source, ${call.source ?? ''}), coalesce(${agent}::text, t.target_agent, 'none'), t.conversation_id,
        t.errand, ${route}, ${backend}, ${model}, ${billing}, ${price?.version ?? null}, ${bound},
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
  (select id, lease_no, requester, source, target_agent, conversation_id, errand from hai.task_queue
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
    null as conversation_id, false as errand) t`

/** A counter that a reservation took over its limit, the reservation included. */
interface Over {
  cap: string
  key: string
  period: string
  spent: number
  held: number
  presumed: number
  limit: number
}

/** How soon to ask again (seconds) when it is what others hold that leaves no room, and not what has been spent. */
const HELD_SECONDS = 15
const LONGEST_SECONDS = 7 * 86_400

/** Whether the database's refusal ended a reservation. */
const isRefusal = (error: unknown): error is { detail: string } =>
  error instanceof Error && 'code' in error && error.code === 'HB001' && 'detail' in error

/** Writes down which cap refused a call, and gives the error that says so, with when to come again. */
async function refused(sql: Sql, call: ModelCall, overs: Over[]): Promise<HaiError> {
  const { budget, zone } = await budgetInForce(sql)
  const asked = mostOf(call.price, call.most ?? { input: 0, output: 0 }) ?? 0
  // the one that keeps it waiting longest says when
  const [over] = overs
    .map((one) => ({ ...one, held: clean(one.held - asked), ...waitFor(one, asked, zone) }))
    .sort((a, b) => b.retry_after_seconds - a.retry_after_seconds)
  const { cap, key, period } = over!
  if (over!.full) {
    await sql`
      insert into hai.cap_refusal (cap, key, period, asked, call_id)
      values (${cap}, ${key}, ${period}, ${asked}, ${call.call_id})`
    await tellFull(sql, over!)
  }
  const { full, resets_at, retry_after_seconds, ...counter } = over!
  return new HaiError('budget', sentence(over!, asked), {
    details: {
      ...counter,
      asked,
      resets_at,
      retry_after_seconds,
      on_cap: full ? budget.on_cap : 'wait',
      next_step: `hai cost cap raise ${Math.ceil(asked * 100) / 100} --cap ${cap} --today makes room; hai cost shows the caps`,
      // a task's cap never begins anew
      ...(full && !resets_at ? { ends: true } : {}),
    },
  })
}

type Known = Over & { full: boolean; resets_at: string | null; retry_after_seconds: number }

function waitFor({ spent, presumed, limit, period }: Over, asked: number, zone: string) {
  const full = spent + presumed + asked > limit
  const resets_at = resetOf(period, zone)
  const seconds = resets_at ? (Date.parse(resets_at) - Date.now()) / 1000 : LONGEST_SECONDS
  const reset = Math.min(LONGEST_SECONDS, Math.max(1, Math.ceil(seconds)))
  return { full, resets_at, retry_after_seconds: full ? reset : Math.min(reset, HELD_SECONDS) }
}

function sentence({ cap, key, spent, held, presumed, limit, resets_at, full }: Known, asked: number): string {
  const whose = key ? ` of ${key}` : ''
  const parts = [
    `${usd(spent)} spent`,
    `${usd(held)} held by calls under way`,
    ...(presumed > 0 ? [`${usd(presumed)} presumed of calls that ended without a whole count`] : []),
  ]
  const reset = resets_at ? `begins anew at ${resets_at}` : 'never begins anew'
  const next = full ? `it ${reset}` : 'there is room when those end'
  return `cap ${cap}${whose} of ${usd(limit)} has no room for a call of up to ${usd(asked)}: ${parts.join(', ')}; ${next}`
}

const usd = (amount: number) => `$${amount.toFixed(amount > 0 && amount < 0.01 ? 6 : 2)}`
const clean = (amount: number) => Number(amount.toFixed(12))

async function tellFull(sql: Sql, { cap, key, period, limit, spent }: Known): Promise<void> {
  const whose = key ? ` of ${key}` : ''
  const text = `${usd(spent)} of ${usd(limit)} spent, and the next call does not fit`
  await sql`
    insert into hai.notice (kind, dedup_key, title, text, priority)
    values ('budget', ${`budget:${cap}:${key}:${period}:${limit}:100`}, ${`cap ${cap}${whose} is reached`}, ${text}, 'high')
    on conflict (dedup_key) do nothing`
}

/** The error of a metered model without a price, where the budget has such calls refused. */
function unpriced({ backend, model }: ModelCall, { on_cap }: Budget): HaiError {
  return new HaiError(
    'budget',
    `${backend}/${model} has no price of its input and output tokens, so that no cap could hold; nothing was asked`,
    { details: { on_cap, ends: true, next_step: priceLine(backend, model) } },
  )
}

/** The line that gives a model a price, by its path in the file. */
export const priceLine = (backend: string, model: string): string =>
  `write in models.yaml, in USD per million tokens: backends.${backend}.models.${JSON.stringify(model)}: {input: …, output: …}`

/** A reservation that a cap refused, as its task learns of it. */
export interface OverBudget extends HaiError {
  details: {
    on_cap?: 'wait' | 'dead' | 'local'
    /** Waiting leads nowhere: what is full never begins anew. */
    ends?: boolean
    retry_after_seconds?: number
    next_step?: string
  }
}

export const isOverBudget = (error: unknown): error is OverBudget =>
  error instanceof HaiError && error.code === 'budget' && error.details !== undefined

/** How the task goes on: it waits without using an attempt, or ends. */
export function failureOf({ message, details }: OverBudget): AttemptFailure {
  const { on_cap, ends, retry_after_seconds, next_step = 'hai cost shows the caps' } = details
  if (ends || on_cap === 'dead') return { code: 'budget', message, next_step }
  return {
    code: 'budget',
    message,
    next_step,
    retryable: true,
    uses_attempt: false,
    ...(retry_after_seconds === undefined ? {} : { retry_after_seconds }),
  }
}
