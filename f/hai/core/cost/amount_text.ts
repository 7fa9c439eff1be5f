import { count, dollars, shortNumber } from '../base/words.ts'
import type { Amount, CapMargin, CostReport, ListSource, TokenSums } from './shape.ts'

type Spent = Pick<Amount, 'calls' | 'usd' | 'known_usd' | 'unknown_calls' | 'presumed_usd' | 'open_usd'>

/** `list prices of 2026-09-23, from a-package 1.2.3`. */
export const listText = ({ name, version, date }: ListSource) =>
  `list prices of ${date}, from ${name} ${version}`

/** What calls cost, in a cell: unknown is never $0.00, and nothing but local and subscription calls is `-`. */
export function spentCell({ usd, known_usd, unknown_calls, presumed_usd }: Spent): string {
  const most = dollars(known_usd + presumed_usd)
  const known = known_usd > 0 ? dollars(known_usd) : ''
  const sum = presumed_usd > 0 ? (known ? `${known} to ${most}` : `up to ${most}`) : known
  if (unknown_calls > 0 || (usd === null && presumed_usd === 0)) return sum ? `${sum} + ?` : 'unknown'
  return sum || '-'
}

/** What calls cost, in a sentence: `no money` is said only where none was spent, can have been, or is held. */
export function spentText({ usd, known_usd, unknown_calls, presumed_usd, open_usd }: Spent): string {
  const parts = [
    ...(known_usd > 0 ? [dollars(known_usd)] : []),
    ...(presumed_usd > 0 ? [`up to ${dollars(presumed_usd)}${known_usd > 0 ? ' more' : ''}`] : []),
    ...(unknown_calls > 0 ? [`${count(unknown_calls, 'call')} of unknown cost`] : []),
  ]
  if (parts.length > 0) return parts.join(' and ')
  if (usd === null) return 'an unknown cost'
  return open_usd > 0 ? 'no money yet' : 'no money'
}

/** Tokens that went in and came out, those of a cache as well, shortened: `940`, `12.3k`, `4.56M`. */
export function tokenText({ input, output }: Pick<TokenSums, 'input' | 'output'>): string {
  return shortNumber(input + output)
}

type Told = Pick<Amount, 'tokens' | 'untold_calls'>

/** Tokens of calls, in a cell: `12.3k`, `12.3k + ?`, `?`. */
export function tokenCell({ tokens, untold_calls }: Told): string {
  if (untold_calls === 0) return tokenText(tokens)
  return allTokens({ tokens }) > 0 ? `${tokenText(tokens)} + ?` : '?'
}

/** Tokens of calls, in a sentence: `12.3k tokens`, `at least 12.3k tokens`, `an unknown number of tokens`. */
export function tokensText({ tokens, untold_calls }: Told): string {
  if (untold_calls === 0) return `${tokenText(tokens)} tokens`
  return allTokens({ tokens }) > 0 ? `at least ${tokenText(tokens)} tokens` : 'an unknown number of tokens'
}

/** How many of these tokens were no new ones; nothing to say without any. */
export function cachedText({ tokens }: Pick<Amount, 'tokens'>): string | undefined {
  return tokens.cache_read === 0 ? undefined : `${shortNumber(tokens.cache_read)} of them read from a cache`
}

/** The days of a report, in a sentence: `on 2026-11-22`, `from 2026-11-16 to 2026-11-22`. */
export const periodText = ({ since, until }: Pick<CostReport, 'since' | 'until'>): string =>
  since === until ? `on ${since}` : `from ${since} to ${until}`

/** How calls ended that were not answered, a phrase each, in the words of a list: `2 calls cancelled`. */
export function endingTexts(amount: Amount): string[] {
  const { failed_calls, cancelled_calls, stopped_calls, uncounted_calls, lost_calls } = amount
  const phrases: [number, string][] = [
    [failed_calls, 'failed'],
    [cancelled_calls, 'cancelled'],
    [stopped_calls, 'stopped before the end'],
    [uncounted_calls, 'without a count from the backend'],
    [lost_calls, lost_calls === 1 ? 'lost with its worker' : 'lost with their workers'],
  ]
  return phrases.filter(([calls]) => calls > 0).map(([calls, how]) => `${count(calls, 'call')} ${how}`)
}

/** What of all that was for errands; nothing to say without one. */
export function errandsText({ errands }: Pick<CostReport, 'errands'>): string | undefined {
  if (errands.calls === 0) return undefined
  return `of that errands of chat clients: ${count(errands.calls, 'call')}, ${tokensText(errands)}, ${spentText(errands)}`
}

/** What the caps count of calls whose cost isn't all known; nothing to say without one. */
export function presumedText({ presumed_calls, presumed_usd, known_usd }: Amount): string | undefined {
  if (presumed_calls === 0) return undefined
  const more = known_usd > 0 ? ' more' : ''
  return `${count(presumed_calls, 'call')} whose cost is not all known may have cost up to ${dollars(presumed_usd)}${more}, which counts against the caps`
}

/** By how much a cap can be passed. */
export function marginText({ at_once, most_usd }: CapMargin): string {
  const can = `caps hold by hai's estimate: a call that its backend counts higher passes them by the difference, ${at_once} at once at most`
  if (most_usd === 0) return `${can}; so far none did`
  return `${can}; so far by up to ${dollars(most_usd)} each, so ${dollars(at_once * most_usd)} in all`
}

type Compared = Pick<CostReport, 'previous' | 'total' | 'days'>

/** Against the same number of days before, in USD where some was spent in either and all of it is known. */
export function trendText({ previous, total, days }: Compared): string {
  if (!previous) return 'nothing older to compare with'
  const before = days === 1 ? `the day before (${previous.since})` : `the ${days} days before`
  const then = previous.total
  if (total.usd === null || then.usd === null) return `${before}: ${spentText(then)}`
  const inUsd = total.usd > 0 || then.usd > 0
  const [now, was] = inUsd ? [total.usd, then.usd] : [allTokens(total), allTokens(then)]
  const shown = inUsd ? dollars(was) : tokensText(then)
  return was === 0 ? `${before}: ${shown}` : `${change(now, was)} ${before} (${shown})`
}

function change(now: number, was: number): string {
  const percents = Math.round((now / was - 1) * 100)
  if (percents === 0) return 'as much as in'
  if (percents >= 900) return `${Math.round(now / was)} times as much as in`
  return percents > 0 ? `${percents} % more than in` : `${-percents} % less than in`
}

const allTokens = ({ tokens }: Pick<Amount, 'tokens'>) => tokens.input + tokens.output
