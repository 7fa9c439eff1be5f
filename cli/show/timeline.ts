import type { TaskEvent } from '../../f/hai/core/base/contract.ts'
import { duration } from './time.ts'
import { oneLine } from './width.ts'

/** How a step's tokens are called, in the order in which they are told. */
const TOKENS = {
  input: 'in',
  output: 'out',
  cache_read: 'from cache',
  cache_write: 'to cache',
  reasoning: 'reasoning',
} as const

/**
 * What happened, a line each: the time since `start` (RFC 3339), then what it was, and of a step that is done what it
 * took. The answer's text, which is told piece by piece, is no line.
 */
export function timeline(events: TaskEvent[], start: string): string[] {
  const told = events.filter(({ type }) => type !== 'delta')
  const times = told.map(({ at }) => `+${duration(Math.max(0, Date.parse(at) - Date.parse(start)))}`)
  const columns = Math.max(0, ...times.map((time) => time.length))
  return told.map((event, i) => `${times[i]?.padStart(columns)}  ${oneLine(eventText(event))}`)
}

/** An event in one line: of a step that is done, its tokens (`940+ out` where there may have been more), time and cost. */
export function eventText({ type, text, data }: TaskEvent): string {
  if (type !== 'step_done' || typeof data.ms !== 'number') return text || type
  const facts = [tokensText(data), duration(data.ms), costText(data)].filter(Boolean)
  return `${text.replace(/ \(\d+ ms\)$/, '')}: ${facts.join(' · ')}`
}

function tokensText({ tokens, at_least }: Record<string, unknown>): string {
  if (typeof tokens !== 'object' || tokens === null) return ''
  const counts = new Map(Object.entries(tokens))
  return Object.entries(TOKENS)
    .filter(([kind]) => Number(counts.get(kind)) > 0)
    .map(([kind, name]) => `${counts.get(kind)}${at_least && kind === 'output' ? '+' : ''} ${name}`)
    .join(', ')
}

/** Unknown is said; what costs nothing by itself, one's own machine or a subscription, says nothing. */
function costText({ billing, usd, at_least }: Record<string, unknown>): string {
  if (billing === 'local' || billing === 'subscription') return ''
  if (typeof usd === 'number') return at_least && usd > 0 ? `at least ${money(usd)}` : money(usd)
  return usd === null ? 'cost unknown' : ''
}

/** An amount in USD, to a hundredth of a cent; less than that is told as less, and nothing as nothing. */
export function money(usd: number): string {
  if (usd === 0) return ''
  return usd < 0.0001 ? '< $0.0001' : `$${usd.toFixed(4)}`
}
