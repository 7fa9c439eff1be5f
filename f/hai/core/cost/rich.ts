import {
  count,
  dayText,
  dollars,
  endingTexts,
  percent,
  presumedText,
  spentCell,
  spentText,
  tokenCell,
  tokensText,
  trendText,
} from './amount_text.ts'
import type { CostReport } from './report_shape.ts'

/** The report as Windmill's own page of a result shows it: Markdown, and tables that can be sorted. */
export function richReport(report: CostReport) {
  return {
    render_all: [{ markdown: summary(report) }, { 'table-row-object': perDay(report) }, ...perKey(report)],
  }
}

function summary(report: CostReport): string {
  const { since, until, zone, total, tasks, caps, unknown } = report
  const lines = [
    `## ${since} to ${until} (${zone})`,
    `**${spentText(total)}** in ${count(total.calls, 'call')}, ${tokensText(total)}; ${trendText(report)}.`,
    `${count(tasks.total, 'task')}: ${tasks.without_model} without a model, ${tasks.local} local, ` +
      `${tasks.escalated} escalated (${percent(tasks.escalated, tasks.total)}).`,
    ...endingTexts(total).map((text) => `- ${text}`),
    ...[presumedText(total)].flatMap((text) => (text ? [`- ${text}`] : [])),
    ...unknown.map(
      ({ backend, model, calls }) => `- ${count(calls, 'call')} of ${backend}/${model} at an unknown price`,
    ),
    ...caps.map(
      ({ cap, key, limit, left }) =>
        `- cap ${cap}${key ? ` of ${key}` : ''}: ${dollars(left)} of ${dollars(limit)} left`,
    ),
  ]
  return lines.join('\n\n')
}

const perDay = ({ by_day }: CostReport) =>
  by_day.map(({ day, tasks, ...amount }) => ({
    day: dayText(day),
    usd: spentCell(amount),
    calls: amount.calls,
    tokens: tokenCell(amount),
    tasks: tasks.total,
  }))

const perKey = ({ by }: CostReport) =>
  Object.entries(by).map(([breakdown, rows]) => ({
    'table-row-object': rows.map(({ key, ...amount }) => ({
      [breakdown]: key || '-',
      usd: spentCell(amount),
      calls: amount.calls,
      failed: amount.failed_calls,
      tokens: tokenCell(amount),
    })),
  }))
