import type { Spent } from '../cost/model_call.ts'
import { NO_TOKENS, UNCOUNTED } from '../cost/tokens.ts'
import { isLeaseLost } from '../task/lease.ts'
import { type Got, tokensOfFailure } from './failure.ts'
import { overflowOf } from './overflow.ts'

/** What a call used that was ended before it was whole, as far as it was seen: a piece of the answer is at least a token. */
export function atLeast({ deltas, tokens }: Got): Pick<Spent, 'tokens' | 'at_least'> {
  const known = tokens ?? UNCOUNTED
  return { tokens: { ...known, output: Math.max(known.output ?? 0, deltas) }, at_least: true }
}

/** What a failed call used: as the backend counted it, else as much as was seen of it. */
export function usedBy(error: unknown, got: Got): Pick<Spent, 'tokens' | 'at_least'> {
  // a prompt that is too long is refused unread, in whatever form that is told
  const refused = got.deltas === 0 && overflowOf(error) !== undefined
  const tokens = refused ? NO_TOKENS : tokensOfFailure(error)
  const unknown = tokens.input === null || tokens.output === null
  return unknown && (got.deltas > 0 || got.tokens) ? atLeast(got) : { tokens }
}

/** Why a call was ended from here: its task was cancelled, or its worker must stop. */
export function endedBy({ reason }: AbortSignal): NonNullable<Spent['ended']> {
  const state = isLeaseLost(reason) ? (reason as { details?: { state?: string } }).details?.state : undefined
  return state === 'cancelled' ? 'cancelled' : 'stopped'
}
