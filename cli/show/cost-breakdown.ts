import { dollars, percent, spentCell, tokenCell } from '../../f/hai/core/cost/amount_text.ts'
import type { Breakdown, CostReport, KeyAmount } from '../../f/hai/core/cost/report_shape.ts'
import type { Session } from '../session.ts'
import { type Cell, table } from './table.ts'

const SHOWN = 5

/** A table of the calls by agent, model and so on; `all` of its rows, or the first few with a word on the others. */
export async function breakdownLines(
  report: CostReport,
  by: Breakdown,
  session: Session,
  all: boolean,
): Promise<string[]> {
  const keys = report.by[by] ?? []
  const shown = all ? keys : keys.slice(0, SHOWN)
  const listed = keys.some(({ list_usd }) => list_usd !== null)
  const { dim } = session.paint
  const header = [
    { title: by.toUpperCase(), min: 8 },
    { title: 'USD', right: true },
    ...(listed ? [{ title: 'LIST PRICE', right: true, spare: 2 }] : []),
    { title: 'SHARE', right: true, spare: 3 },
    { title: 'CALLS', right: true },
    { title: 'TOKENS', right: true, spare: 1 },
  ]
  const rows = shown.map((row): Cell[] => [
    row.key,
    spentCell(row),
    ...(listed ? [{ text: row.list_usd === null ? '' : dollars(row.list_usd), paint: dim }] : []),
    { text: share(row, report), paint: dim },
    String(row.calls),
    tokenCell(row),
  ])
  const lines = await table(header, rows, { columns: session.columns, title: dim, headings: true })
  const rest = keys.length - shown.length
  return rest > 0 ? [...lines, dim(`${rest} more: hai cost --by ${by}`)] : lines
}

function share({ known_usd }: KeyAmount, { total }: CostReport): string {
  return total.known_usd > 0 ? percent(known_usd, total.known_usd) : ''
}
