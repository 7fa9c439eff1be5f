import { dayText, dollars, spentCell, tokenCell } from '../../f/hai/core/cost/amount_text.ts'
import type { CostReport } from '../../f/hai/core/cost/report_shape.ts'
import type { Session } from '../session.ts'
import { table } from './table.ts'

const BAR_MAX = 30
/** A shorter one would show nothing but that there is one. */
const BAR_MIN = 6
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A line for each day: money, tokens, tasks, and a bar of what the days can be compared by. */
export async function dayLines(report: CostReport, session: Session): Promise<string[]> {
  const days = report.by_day
  const listed = days.some(({ list_usd }) => list_usd !== null)
  const header = [
    { title: 'DAY' },
    { title: 'USD', right: true },
    ...(listed ? [{ title: 'LIST PRICE', right: true, spare: 2 }] : []),
    { title: 'TOKENS', right: true },
    { title: 'TASKS', right: true },
  ]
  const { dim } = session.paint
  const rows = days.map((day) => [
    dayText(day.day),
    spentCell(day),
    ...(listed ? [day.list_usd === null ? '' : dollars(day.list_usd)] : []),
    day.calls === 0 ? '-' : tokenCell(day),
    day.tasks.total === 0 ? '-' : String(day.tasks.total),
  ])
  const { columns } = session
  const lines = await table(header, rows, { columns, title: dim, headings: true })
  if (columns === undefined) return lines
  const [titles = '', ...listing] = lines
  const used = Math.max(...listing.map(({ length }) => length))
  const bars = barsOf(report, Math.min(BAR_MAX, columns - used - 2))
  return [titles, ...listing.map((line, i) => (bars[i] ? `${line}  ${session.paint.cyan(bars[i])}` : line))]
}

/** Bars of at most so many columns; the longest is the dearest day, or where no money was spent the busiest. */
function barsOf({ by_day }: CostReport, longest: number): string[] {
  if (longest < BAR_MIN) return []
  const spent = by_day.map(({ known_usd }) => known_usd)
  const values = spent.some((usd) => usd > 0)
    ? spent
    : by_day.map(({ tokens }) => tokens.input + tokens.output)
  const most = Math.max(...values, 0)
  return values.map((value) => (most > 0 ? bar((value / most) * longest) : ''))
}

function bar(length: number): string {
  const eighths = length > 0 ? Math.max(1, Math.round(length * 8)) : 0
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '')
}
