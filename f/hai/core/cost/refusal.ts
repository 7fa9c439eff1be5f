import type { ModelCall } from '../base/backends.ts'
import type { Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import type { Budget } from './budget.ts'
import { budgetInForce, resetOf } from './caps.ts'
import { mostOf } from './prices.ts'

/** A counter that a reservation took over its limit, the reservation included. */
export interface Over {
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
export const isRefusal = (error: unknown): error is { detail: string } =>
  error instanceof Error && 'code' in error && error.code === 'HB001' && 'detail' in error

/** Writes down which cap refused a call, and gives the error that says so, with when to come again. */
export async function refused(sql: Sql, call: ModelCall, overs: Over[]): Promise<HaiError> {
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
      ...{ ...counter, asked, resets_at, retry_after_seconds },
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
export function unpriced({ backend, model }: ModelCall, { on_cap }: Budget): HaiError {
  return new HaiError(
    'budget',
    `${backend}/${model} has no price of its input and output tokens, so that no cap could hold; nothing was asked`,
    { details: { on_cap, ends: true, next_step: priceLine(backend, model) } },
  )
}

/** The line that gives a model a price, by its path in the file. */
export const priceLine = (backend: string, model: string): string =>
  `write in models.yaml, in USD per million tokens: backends.${backend}.models.${JSON.stringify(model)}: {input: …, output: …}`
