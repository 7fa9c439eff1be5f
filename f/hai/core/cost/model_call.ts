import { z } from 'zod'
import type { Backend, Rates } from '../base/backends.ts'

/** As many as fit the ledger's columns. */
export const MOST_TOKENS = 2_147_483_647

const most = z.int().nonnegative().max(MOST_TOKENS)
const count = most.nullish().default(null)

/** Tokens as the backend counted them; null where it didn't say. `input` is with what a cache gave or took. */
export const Tokens = z.strictObject({
  input: count,
  output: count,
  cache_read: count,
  cache_write: count,
  /** Of `cache_write`, what is kept for an hour and not for minutes: it has a price of its own. */
  cache_write_1h: most.nullish(),
  reasoning: count,
})
export type Tokens = z.output<typeof Tokens>

/** Of a call whose backend told no count. */
export const UNCOUNTED: Tokens = {
  input: null,
  output: null,
  cache_read: null,
  cache_write: null,
  reasoning: null,
}
/** Of a call that was never made, or refused unread. */
export const NO_TOKENS: Tokens = { input: 0, output: 0, cache_read: 0, cache_write: 0, reasoning: 0 }

const heard = count.catch(null)

/** The same as a worker elsewhere tells them: what is no count is unknown, and takes nothing else with it. */
export const HeardTokens = z
  .object({
    input: heard,
    output: heard,
    cache_read: heard,
    cache_write: heard,
    reasoning: heard,
    cache_write_1h: most.nullish().catch(null),
  })
  .catch(UNCOUNTED)

/** Which counts were told and are none. */
export function oddCounts(told: unknown): string[] {
  const known = HeardTokens.parse(told)
  if (typeof told !== 'object' || told === null) return told == null ? [] : ['tokens']
  return Object.entries(told).flatMap(([kind, count]) =>
    count == null || known[kind as keyof Tokens] === count ? [] : [kind],
  )
}

/** The prices that hold for one call. */
export interface Price {
  rates: Rates
  /** Instead of `rates`, by how many tokens the prompt has more than; the fewest first. */
  above?: (Rates & { tokens: number })[]
  /** The day from which they hold and a hash of them; `flat` for those without a day, `list` and its day for list prices. */
  version: string
}

/** One call of a model as the ledger knows it. Each attempt's is another, though they answer the same journaled step. */
export interface ModelCall {
  /** The step's id and the lease that made the call. */
  call_id: string
  /** The journal's step that it answers. */
  step?: string
  /** Who asks; `none` when not said. */
  agent?: string
  /** `backend/model` when not said. */
  route?: string
  backend: string
  model: string
  billing: Backend['billing']
  price?: Price
  /** Tokens that it can come to; what it may cost is held until it is over. */
  most?: { input: number; output: number }
  /** Of a call that answers no task: who made it and from where. */
  requester?: string
  source?: string
}

/** What a call came to. */
export interface Spent {
  tokens: Tokens
  ms: number
  /** In the backend's own words, USD. */
  usd?: number | null
  /** The code with which it failed. */
  error?: string
  /** It was ended from here, before its answer was whole; `stopped`, too, where that repeated itself. */
  ended?: 'cancelled' | 'stopped'
  /** The tokens are what was seen of them; there may have been more. */
  at_least?: boolean
  /** Nobody was reached, so that there was no call. */
  unsent?: boolean
}
