import type { Sql } from '../db.ts'
import type { Choice, ModelCall, Spent, Tokens } from './config.ts'

const MILLION = 1_000_000

/** A call of `choice` as the ledger is to know it. */
export function modelCall(call_id: string, { name, model, backend }: Choice): ModelCall {
  const price = backend.models[model]
  return { call_id, backend: name, model, billing: backend.billing, ...(price ? { price } : {}) }
}

/**
 * Opens the call's row before it is made: what a call costs whose worker dies is unknown, and not nothing. Without a
 * lease it answers no task.
 */
export async function openUsage(
  sql: Sql,
  { call_id, backend, model, billing }: ModelCall,
  held?: { id: string; lease_no: number },
): Promise<void> {
  await sql`
    insert into hai.usage (call_id, task_id, lease_no, backend, model, billing, usd, ms)
    values (${call_id}, ${held?.id ?? null}, ${held?.lease_no ?? null}, ${backend}, ${model}, ${billing}, ${billing === 'local' ? 0 : null}, 0)`
}

/**
 * Writes down what the call came to, and gives it in USD: by our price, else in the backend's own words if it is
 * metered. Undefined when it was never opened. Needs no lease: what was used was used.
 */
export async function settleUsage(
  sql: Sql,
  call: ModelCall,
  { tokens, ms, usd: told }: Spent,
): Promise<number | null | undefined> {
  const cost = usd(call, tokens) ?? (call.billing === 'metered' ? (told ?? null) : null)
  const settled = await sql`
    update hai.usage
    set input = ${tokens.input}, output = ${tokens.output}, cache_read = ${tokens.cache_read},
        cache_write = ${tokens.cache_write}, reasoning = ${tokens.reasoning}, usd = ${cost}, ms = ${ms}
    where call_id = ${call.call_id}
    returning call_id`
  return settled.length > 0 ? cost : undefined
}

/** What the call cost, in USD; null when a price or a count is unknown, which is not the same as nothing. */
export function usd({ billing, price }: Pick<ModelCall, 'billing' | 'price'>, tokens: Tokens): number | null {
  if (billing === 'local') return 0
  if (billing === 'subscription') return null
  const cached = (tokens.cache_read ?? 0) + (tokens.cache_write ?? 0)
  const parts: [number | null, number | undefined][] = [
    [tokens.input === null ? null : tokens.input - cached, price?.input],
    [tokens.output, price?.output],
    [tokens.cache_read ?? 0, price?.cache_read],
    [tokens.cache_write ?? 0, price?.cache_write],
  ]
  let total = 0
  for (const [count, each] of parts) {
    if (count === 0) continue
    if (count === null || each === undefined) return null
    total += count * each
  }
  // to a millionth of a millionth: reports add these up, and floating point's dust with them
  return Number((total / MILLION).toFixed(12))
}
