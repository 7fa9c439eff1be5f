import {
  count,
  dayText,
  dollars,
  hoursText,
  percent,
  shortNumber,
  spanText,
} from '../../f/hai/core/base/words.ts'
import {
  cachedText,
  endingTexts,
  errandsText,
  listText,
  marginText,
  periodText,
  presumedText,
  spentCell,
  spentText,
  tokenCell,
  tokensText,
  trendText,
} from '../../f/hai/core/cost/amount_text.ts'
import type { Breakdown, CapState, CostReport, KeyAmount, TaskCounts } from '../../f/hai/core/cost/shape.ts'
import type { Session } from '../session.ts'
import { type Cell, table } from './table.ts'
import { fit, oneLine, prepareWidths } from './width.ts'
import { relative, shortId } from './words.ts'

/** What is shown when nothing is asked for by name. */
const USUAL: readonly Breakdown[] = ['agent', 'source', 'model', 'route']

/** What model calls came to, for people: subscriptions first where there are any, then costs by day and by what spent it. */
export async function reportLines(
  report: CostReport,
  by: Breakdown[] | undefined,
  session: Session,
): Promise<string[]> {
  const { total, tasks } = report
  const none = total.calls + total.open_calls + total.presumed_calls === 0
  if (none) return [nothing(report), ...gap(await capLines(report, session))]
  const tables = await Promise.all(
    (by ?? USUAL).map((one) => breakdownLines(report, one, session, by !== undefined)),
  )
  const blocks = [
    await windowLines(report, session),
    [...headline(report), ...asides(report, session)],
    await dayLines(report, session),
    [...billings(report), escalation(tasks, session)],
    ...tables,
    await capLines(report, session),
    await dearest(report, session),
    troubles(report, session),
    priced(report, session),
  ]
  return blocks.filter(({ length }) => length > 0).flatMap((lines, i) => (i > 0 ? ['', ...lines] : lines))
}

function nothing({ days, since, tasks }: CostReport): string {
  const when = days === 1 ? `on ${since}` : `in ${days} days`
  const answered = tasks.total > 0 ? `; ${count(tasks.total, 'task')} ended without one` : ' and no tasks'
  return `no model calls ${when}${answered}`
}

const gap = (lines: string[]) => (lines.length > 0 ? ['', ...lines] : [])

function headline(report: CostReport): string[] {
  const { since, until, days, zone, total, tasks } = report
  const when = days === 1 ? since : `${since} to ${until}`
  const what = `${spentText(total)} for ${count(total.calls, 'call')}, ${tokensText(total)}`
  return [
    `${when} (${zone}): ${what}; ${count(tasks.total, 'task')} ended`,
    ...given(cachedText(total)).map((text) => `tokens: ${text}`),
    trendText(report),
    ...given(errandsText(report)),
  ]
}

const given = (text: string | undefined): string[] => (text ? [text] : [])

/** What no sum tells: calls under way, without a price, or that did not end with an answer and its count. */
function asides({ total, unknown }: CostReport, { paint }: Session): string[] {
  const { open_calls, open_usd } = total
  const presumed = presumedText(total)
  const names = unknown.map(({ backend, model, calls }) => `${oneLine(`${backend}/${model}`)} (${calls})`)
  return [
    ...(names.length > 0
      ? [paint.yellow(`no price is known for ${names.join(', ')}; set prices in the models configuration`)]
      : []),
    ...(open_calls > 0 ? [`${count(open_calls, 'call')} under way${holding(open_usd)}`] : []),
    ...endingTexts(total),
    ...given(presumed),
  ]
}

const holding = (usd: number) => (usd > 0 ? `, holding up to ${dollars(usd)}` : '')

/** Metered, subscription and local calls apart: their sums have nothing in common. */
function billings({ by }: CostReport): string[] {
  return (by.billing ?? []).map((row) => {
    const calls = `${row.key}: ${count(row.calls, 'call')}, ${tokensText(row)}`
    if (row.key === 'metered') return `${calls}, ${spentText(row)}`
    const listed = row.list_usd === null ? '' : `, ${dollars(row.list_usd)} by list price`
    return `${calls}${listed}`
  })
}

function escalation({ total, local, escalated, without_model }: TaskCounts, { paint }: Session): string {
  const parts = [`${local} local`, `${escalated} escalated`, `${without_model} without a model`]
  return `tasks: ${parts.join(', ')}; ${paint.bold(percent(escalated, total))} escalated`
}

async function dearest({ top_tasks }: CostReport, { columns, paint }: Session): Promise<string[]> {
  const spent = top_tasks.filter(({ usd }) => usd === null || usd > 0)
  if (spent.length === 0) return []
  await prepareWidths(spent.map(({ excerpt }) => oneLine(excerpt)))
  const lines = spent.map(({ id, usd, excerpt }) => {
    const line = `  ${shortId(id)}  ${usd === null ? 'unknown' : dollars(usd)}  ${oneLine(excerpt)}`
    return columns === undefined ? line : fit(line, columns)
  })
  return [paint.dim('dearest tasks: hai cost task ID'), ...lines]
}

/** Whose prices they are, where any of the calls had to have one. */
function priced({ by, total, list }: CostReport, { paint }: Session): string[] {
  const elsewhere = (by.billing ?? []).some(({ key }) => key !== 'local')
  if (!elsewhere && total.known_usd === 0 && total.list_usd === null) return []
  return [paint.dim(`where models.yaml sets no price: ${listText(list)}`)]
}

function troubles(report: CostReport, { paint }: Session): string[] {
  const { caps_hit, failures } = report
  const hit = caps_hit.map(
    ({ cap, times }) => `cap ${cap} refused ${count(times, 'call')} ${periodText(report)}`,
  )
  const failed = failures
    .filter(({ failed }) => failed > 0)
    .map(({ backend, route, failed, calls, minutes, code }) => {
      return `${oneLine(`${backend} (${route})`)}: ${failed} of ${count(calls, 'call')} failed in the last ${spanText(minutes)}${code ? `, ${code}` : ''}`
    })
  return [...hit, ...failed].map((line) => paint.yellow(line))
}

const BAR_MAX = 30
/** A shorter one would show nothing but that there is one. */
const BAR_MIN = 6
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A line for each day: cost, tokens, tasks, and a bar of what the days can be compared by. */
async function dayLines(report: CostReport, session: Session): Promise<string[]> {
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

/** Keys of a breakdown that nobody asked for. */
const KEYS_SHOWN = 5

/** A table of the calls by agent, model and so on; `all` of its rows, or the first few with a word on the others. */
async function breakdownLines(
  report: CostReport,
  by: Breakdown,
  session: Session,
  all: boolean,
): Promise<string[]> {
  const keys = report.by[by] ?? []
  const shown = all ? keys : keys.slice(0, KEYS_SHOWN)
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

/** Of the caps per agent, task and so on only the fullest. */
const CAPS_SHOWN = 3
const NEARLY = 0.8

/** How full a subscription's windows are, with what they would have cost by list price beside it. */
async function windowLines({ windows, as_of }: CostReport, session: Session): Promise<string[]> {
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
  const lines = await table(header, rows, { columns: session.columns, title: dim, headings: true })
  return [...lines, dim('tokens of a window: without what was read from a cache, which all other sums count')]
}

const of = (used: number, limit: number | null) =>
  limit === null ? shortNumber(used) : `${shortNumber(used)} of ${shortNumber(limit)}`

/** How much of each cap is used and left, and by how much it can be passed. */
async function capLines({ caps, margin, as_of }: CostReport, session: Session): Promise<string[]> {
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
  return names.flatMap((name) => caps.filter(({ cap }) => cap === name).slice(0, CAPS_SHOWN))
}
