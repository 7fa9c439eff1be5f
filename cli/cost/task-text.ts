import { count, fineDollars, shortNumber, spentText, tokenText } from '../../f/hai/core/money/amount-text.ts'
import type { CallRow, TaskCost } from '../../f/hai/core/money/report-shape.ts'
import { shortId } from '../ids.ts'
import type { Session } from '../session.ts'
import { type Cell, table } from '../table.ts'
import { duration, timeOfDay } from '../time.ts'

/** What each model call of one task came to. */
export async function taskCostLines({ id, total, calls }: TaskCost, session: Session): Promise<string[]> {
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
    tokens(call.tokens.input),
    tokens(call.tokens.cache_read),
    tokens(call.tokens.output),
    cost(call),
    call.state === 'settled' ? duration(call.ms) : '',
    { text: remark(call), paint: dim },
  ])
  const sum = `${count(total.calls, 'call')}, ${tokenText(total.tokens)} tokens, ${spentText(total)}`
  return [...(await table(header, rows, { columns: session.columns, title: dim })), '', sum]
}

const tokens = (value: number | null) => (value === null ? '?' : shortNumber(value))

function cost({ billing, usd, state }: CallRow): string {
  if (billing !== 'metered') return billing
  if (state !== 'settled') return state
  return usd === null ? 'unknown' : fineDollars(usd)
}

function remark({ state, bound, list_usd, error, price_version }: CallRow): string {
  const held = bound === null ? 'an unknown sum' : `up to ${fineDollars(bound)}`
  const facts = [
    state === 'open' ? `under way, holds ${held}` : undefined,
    state === 'presumed' ? `lost with its worker, may have cost ${held}` : undefined,
    error ?? undefined,
    list_usd === null ? undefined : `${fineDollars(list_usd)} by list price`,
    price_version === null ? undefined : `price of ${price_version}`,
  ]
  return facts.filter((fact) => fact !== undefined).join(', ')
}
