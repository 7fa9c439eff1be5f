import type { Amount, CostReport, TokenSums } from './report-shape.ts'

type Spent = Pick<Amount, 'calls' | 'usd' | 'known_usd' | 'unknown_calls'>

/** USD to the cent; what is less than a cent says so instead of being nothing. */
export function dollars(usd: number): string {
  const shown = usd.toFixed(2)
  return usd > 0 && shown === '0.00' ? '<$0.01' : `$${shown}`
}

/** USD of a single call, which is often less than a cent. */
export function fineDollars(usd: number): string {
  if (usd >= 1 || usd === 0) return dollars(usd)
  const shown = usd.toFixed(4)
  return shown === '0.0000' ? '<$0.0001' : `$${shown}`
}

/** What calls cost, in a cell: unknown is never $0.00, and nothing but local and subscription calls is `-`. */
export function spentCell({ calls, usd, known_usd, unknown_calls }: Spent): string {
  if (usd === null || unknown_calls > 0) return known_usd > 0 ? `${dollars(known_usd)} + ?` : 'unknown'
  return calls === 0 || usd === 0 ? '-' : dollars(usd)
}

/** What calls cost, in a sentence. */
export function spentText({ usd, known_usd, unknown_calls }: Spent): string {
  if (usd !== null && unknown_calls === 0) return usd === 0 ? 'no money' : dollars(usd)
  const unknown = unknown_calls > 0 ? `${count(unknown_calls, 'call')} of unknown cost` : 'an unknown cost'
  return known_usd > 0 ? `${dollars(known_usd)} and ${unknown}` : unknown
}

/** Tokens that went in and came out, shortened: `940`, `12.3k`, `4.56M`. */
export function tokenText({ input, output }: Pick<TokenSums, 'input' | 'output'>): string {
  return shortNumber(input + output)
}

export function shortNumber(value: number): string {
  if (value < 1000) return String(Math.round(value))
  if (value < 999_500) return `${digits(value / 1000)}k`
  if (value < 999_500_000) return `${digits(value / 1_000_000)}M`
  return `${digits(value / 1_000_000_000)}G`
}

const digits = (value: number) => (value < 99.95 ? value.toFixed(1) : value.toFixed(0)).replace(/\.0$/, '')

/** `1 call`, `2 calls`. */
export function count(value: number, one: string): string {
  return `${value} ${value === 1 ? one : `${one}s`}`
}

/** A share as whole percent; what is not nothing is at least 1, and what is not all at most 99. */
export function percent(part: number, whole: number): string {
  if (whole <= 0 || part <= 0) return '0 %'
  if (part >= whole) return '100 %'
  return `${Math.min(99, Math.max(1, Math.round((part / whole) * 100)))} %`
}

/** `5 h`, `3 days`, `week`. */
export function hoursText(hours: number): string {
  if (hours === 168) return 'week'
  return hours % 24 === 0 && hours > 24 ? `${hours / 24} days` : `${hours} h`
}

/** `2026-11-27 Fri`. */
export function dayText(day: string): string {
  const weekday = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][new Date(`${day}T00:00:00Z`).getUTCDay()]
  return `${day} ${weekday}`
}

type Compared = Pick<CostReport, 'previous' | 'total' | 'days'>

/** Against the same number of days before, by money where some was spent in either and all of it is known. */
export function trendText({ previous, total, days }: Compared): string {
  if (!previous) return 'nothing older to compare with'
  const before = days === 1 ? `the day before (${previous.since})` : `the ${days} days before`
  const then = previous.total
  if (total.usd === null || then.usd === null) return `${before}: ${spentText(then)}`
  const money = total.usd > 0 || then.usd > 0
  const [now, was] = money ? [total.usd, then.usd] : [allTokens(total), allTokens(then)]
  const shown = money ? dollars(was) : `${shortNumber(was)} tokens`
  return was === 0 ? `${before}: ${shown}` : `${change(now, was)} ${before} (${shown})`
}

function change(now: number, was: number): string {
  const percents = Math.round((now / was - 1) * 100)
  if (percents === 0) return 'as much as in'
  if (percents >= 900) return `${Math.round(now / was)} times as much as in`
  return percents > 0 ? `${percents} % more than in` : `${-percents} % less than in`
}

const allTokens = ({ tokens }: Pick<Amount, 'tokens'>) => tokens.input + tokens.output
