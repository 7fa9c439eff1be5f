import { z } from 'zod'
import { storedConfig } from './config.ts'
import { inTransaction, type Sql } from './db.ts'
import { HaiError, parse } from './errors.ts'
import type { Step } from './handle.ts'
import { Held } from './lease.ts'
import { type ModelCall, Models } from './model/config.ts'
import { openUsage, settleUsage } from './model/usage.ts'
import { finishStep, startStep } from './steps.ts'

const count = z.int().nonnegative().max(2_147_483_647).nullish().default(null)

const Call = z.strictObject({
  call_id: z.string().min(1).max(240),
  backend: z.string().min(1).max(100),
  model: z.string().min(1).max(200),
  billing: z.enum(['local', 'metered', 'subscription']),
})

const Settled = Call.extend({
  tokens: z.strictObject({
    input: count,
    output: count,
    cache_read: count,
    cache_write: count,
    reasoning: count,
  }),
  ms: z.int().nonnegative(),
  /** What the backend itself says that it cost. */
  usd: z.number().nonnegative().nullish().default(null),
})

/** Opens the row of a call that a worker elsewhere is about to make. */
export async function reserve(sql: Sql, input: z.input<typeof Call> & Held): Promise<{ call_id: string }> {
  const { id, lease_no, ...call } = parse(Call.extend(Held.shape), input)
  await openUsage(sql, call, { id, lease_no })
  return { call_id: call.call_id }
}

/** What such a call came to, priced here: prices are this side's. `not_found` when it was never reserved. */
export async function settle(
  sql: Sql,
  input: z.input<typeof Settled>,
): Promise<{ call_id: string; usd: number | null }> {
  const { tokens, ms, usd: told, ...call } = parse(Settled, input)
  const usd = await settleUsage(sql, await priced(sql, call), { tokens, ms, usd: told })
  if (usd === undefined)
    throw new HaiError('not_found', `call ${call.call_id} was never reserved; reserve it first`)
  return { call_id: call.call_id, usd }
}

async function priced(sql: Sql, call: ModelCall): Promise<ModelCall> {
  const { backends } = await storedConfig(sql, 'models', Models)
  const price = backends[call.backend]?.models[call.model]
  return price ? { ...call, price } : call
}

const Journal = Held.extend({
  call_id: z.string().min(1).max(200),
  state: z.enum(['started', 'finished']),
  name: z.string().min(1).max(200),
  request: z.unknown().optional(),
  response: z.unknown().optional(),
  once: z.boolean().default(false),
  usage: Settled.optional(),
})

/** A step of a worker elsewhere; finished together with what its model call used. */
export async function journalStep(sql: Sql, input: z.input<typeof Journal>): Promise<Step> {
  const { state, response, usage, ...step } = parse(Journal, input)
  const { id, lease_no, call_id } = step
  if (state === 'started') return startStep(sql, step)
  return inTransaction(sql, async (tx) => {
    if (!usage) return finishStep(tx, { id, lease_no, call_id, response })
    const { usd } = await settle(tx, usage)
    const told = { tokens: usage.tokens, usd, billing: usage.billing }
    return finishStep(tx, { id, lease_no, call_id, response, told })
  })
}
