import {
  count,
  dollars,
  endingTexts,
  listText,
  percent,
  presumedText,
  spanText,
  spentText,
  tokensText,
  trendText,
} from '../../f/hai/core/cost/amount_text.ts'
import type { Breakdown, CostReport, TaskCounts } from '../../f/hai/core/cost/report_shape.ts'
import type { Session } from '../session.ts'
import { breakdownLines } from './cost-breakdown.ts'
import { dayLines } from './cost-days.ts'
import { capLines, windowLines } from './cost-limits.ts'
import { shortId } from './ids.ts'
import { fit, oneLine, prepareWidths } from './width.ts'

/** What is shown when nothing is asked for by name. */
const USUAL: readonly Breakdown[] = ['agent', 'source', 'model', 'route']

/** What model calls came to, for people: subscriptions first where there are any, then money by day and by what spent it. */
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
  return [`${when} (${zone}): ${what}; ${count(tasks.total, 'task')} ended`, trendText(report)]
}

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
    ...(presumed ? [presumed] : []),
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

function troubles({ caps_hit, failures }: CostReport, { paint }: Session): string[] {
  const hit = caps_hit.map(({ cap, times }) => `cap ${cap} refused ${count(times, 'call')}`)
  const failed = failures
    .filter(({ failed }) => failed > 0)
    .map(({ backend, route, failed, calls, minutes, code }) => {
      return `${oneLine(`${backend} (${route})`)}: ${failed} of ${count(calls, 'call')} failed in the last ${spanText(minutes)}${code ? `, ${code}` : ''}`
    })
  return [...hit, ...failed].map((line) => paint.yellow(line))
}
