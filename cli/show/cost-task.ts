import { count, fineDollars, shortNumber } from '../../f/hai/core/base/words.ts'
import { spentText, tokensText } from '../../f/hai/core/cost/amount_text.ts'
import type { CallRow, Ending, TaskCost } from '../../f/hai/core/cost/shape.ts'
import type { Session } from '../session.ts'
import { type Cell, table } from './table.ts'
import { duration, shortId, timeOfDay } from './words.ts'

/** What each model call of one task came to. */
export async function taskCostLines(
  { id, errand, total, calls }: TaskCost,
  session: Session,
): Promise<string[]> {
  if (calls.length === 0) return [`${shortId(id)} made no model calls`]
  const { dim } = session.paint
  const header = [
    { title: 'AT' },
    { title: 'MODEL', min: 12 },
    { title: 'IN', right: true },
    { title: 'CACHED', right: true, spare: 3 },
    { title: 'OUT', right: true },
    { title: 'USD', right: true },
    { title: 'TOOK', right: true, spare: 2 },
    { title: 'REMARK', spare: 1 },
  ]
  const rows = calls.map((call): Cell[] => [
    timeOfDay(call.at),
    `${call.backend}/${call.model}`,
    tokens(call, 'input'),
    tokens(call, 'cache_read'),
    tokens(call, 'output'),
    cost(call),
    call.state === 'open' || call.ending === 'lost' ? '' : duration(call.ms),
    { text: remark(call), paint: dim },
  ])
  const sum = `${count(total.calls, 'call')}, ${tokensText(total)}, ${spentText(total)}${errand ? '; an errand of a chat client' : ''}`
  return [...(await table(header, rows, { columns: session.columns, title: dim, headings: true })), '', sum]
}

/** `940+` where there may have been more. */
function tokens({ tokens, at_least }: CallRow, kind: 'input' | 'output' | 'cache_read'): string {
  const value = tokens[kind]
  if (value === null) return '?'
  return at_least && kind === 'output' ? `${shortNumber(value)}+` : shortNumber(value)
}

function cost({ billing, usd, bound, state }: CallRow): string {
  if (billing !== 'metered') return billing
  if (state === 'open') return 'open'
  if (usd !== null) return state === 'presumed' ? `${fineDollars(usd)}+` : fineDollars(usd)
  return state === 'presumed' && bound ? `up to ${fineDollars(bound)}` : 'unknown'
}

/** How it ended where that is no answer with its count, and what is not in the columns. */
const ENDED: Partial<Record<Ending, string>> = {
  cancelled: 'cancelled',
  stopped: 'stopped before its end',
  uncounted: 'the backend told no count',
  lost: 'its worker went away without a count',
}

function remark(call: CallRow): string {
  const { state, ending, billing, bound, list_usd, error, price_version } = call
  const held = bound === null ? 'an unknown sum' : `up to ${fineDollars(bound)}`
  const facts = [
    state === 'open' ? (billing === 'metered' ? `under way, holds ${held}` : 'under way') : undefined,
    ending === null ? undefined : ENDED[ending],
    error ?? undefined,
    state === 'presumed' && bound ? `may have cost ${held}` : undefined,
    list_usd === null ? undefined : `${fineDollars(list_usd)} by list price`,
    price_version === null ? undefined : `price of ${price_version.replace(/:\w+$/, '')}`,
  ]
  return facts.filter((fact) => fact !== undefined).join(', ')
}
