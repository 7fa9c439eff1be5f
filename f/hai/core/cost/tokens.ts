import { z } from 'zod'

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
    ...{ input: heard, output: heard, cache_read: heard, cache_write: heard, reasoning: heard },
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
