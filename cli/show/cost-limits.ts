import { dollars, hoursText, marginText, percent, shortNumber } from '../../f/hai/core/cost/amount_text.ts'
import type { CapState, CostReport } from '../../f/hai/core/cost/report_shape.ts'
import type { Session } from '../session.ts'
import { type Cell, table } from './table.ts'
import { relative } from './time.ts'

/** Of the caps per agent, task and so on only the fullest. */
const SHOWN = 3
const NEARLY = 0.8

/** How full a subscription's windows are, with what they would have cost by list price beside it. */
export async function windowLines({ windows, as_of }: CostReport, session: Session): Promise<string[]> {
  if (windows.length === 0) return []
  const { dim } = session.paint
  const header = [
    { title: 'SUBSCRIPTION', min: 8 },
    { title: 'WINDOW', right: true },
    { title: 'CALLS', right: true },
    { title: 'TOKENS', right: true },
    { title: 'LEFT', right: true },
    { title: 'LIST PRICE', right: true, spare: 2 },
    { title: 'NEXT FREED', spare: 1 },
  ]
  const rows = windows.map((window): Cell[] => [
    window.backend,
    hoursText(window.hours),
    of(window.calls, window.limit_calls),
    of(window.tokens, window.limit_tokens),
    window.reported_left === null ? { text: 'not reported', paint: dim } : percent(window.reported_left, 1),
    { text: window.list_usd === null ? '' : dollars(window.list_usd), paint: dim },
    window.frees_at ? relative(window.frees_at, new Date(as_of)) : '',
  ])
  return table(header, rows, { columns: session.columns, title: dim, headings: true })
}

const of = (used: number, limit: number | null) =>
  limit === null ? shortNumber(used) : `${shortNumber(used)} of ${shortNumber(limit)}`

/** How much of each cap is used and left, and by how much it can be passed. */
export async function capLines({ caps, margin, as_of }: CostReport, session: Session): Promise<string[]> {
  if (caps.length === 0) return []
  const { dim, yellow, red } = session.paint
  const header = [
    { title: 'CAP', min: 8 },
    { title: 'USED', right: true },
    { title: 'HELD', right: true, spare: 2 },
    { title: 'LIMIT', right: true },
    { title: 'LEFT', right: true },
    { title: 'BEGINS ANEW', spare: 1 },
  ]
  const rows = fullest(caps).map((cap): Cell[] => {
    const full = (cap.spent + cap.held + cap.presumed) / cap.limit
    const paint = cap.left <= 0 ? red : full >= NEARLY ? yellow : undefined
    return [
      cap.key ? `${cap.cap} ${cap.key}` : cap.cap,
      dollars(cap.spent),
      { text: cap.held + cap.presumed > 0 ? dollars(cap.held + cap.presumed) : '', paint: dim },
      cap.raised > 0 ? `${dollars(cap.limit)} (+${dollars(cap.raised)})` : dollars(cap.limit),
      { text: dollars(Math.max(0, cap.left)), ...(paint ? { paint } : {}) },
      cap.resets_at ? relative(cap.resets_at, new Date(as_of)) : '',
    ]
  })
  const lines = await table(header, rows, { columns: session.columns, title: dim, headings: true })
  if (rows.length < caps.length)
    lines.push(
      dim(`${rows.length} of ${caps.length} caps, the fullest of each kind; all of them: hai cost --json`),
    )
  return margin ? [...lines, dim(marginText(margin))] : lines
}

function fullest(caps: CapState[]): CapState[] {
  const names = [...new Set(caps.map(({ cap }) => cap))]
  return names.flatMap((name) => caps.filter(({ cap }) => cap === name).slice(0, SHOWN))
}
