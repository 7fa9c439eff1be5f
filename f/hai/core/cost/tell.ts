import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import { addDays, mondayOf, today } from '../base/dates.ts'
import type { Part, Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { count, dollars, percent } from '../base/words.ts'
import { type NewNotice, notify } from '../outbox/notice.ts'
import { errandsText, presumedText, spentText, tokensText, trendText } from './amount_text.ts'
import { chartOf } from './chart.ts'
import { costReport } from './report.ts'
import type { CostReport, KeyAmount } from './shape.ts'

const DEAREST = 5
const AGENTS = 5
const CHART = { width: 680, height: 240 }

const Asked = z.strictObject({
  period: z.enum(['week', 'month']).optional(),
})
type Period = 'week' | 'month'

/**
 * Puts what the last whole week or month cost into the outbox: once, and not at all when nothing was spent in it, or no
 * period is given. It acts for the household, so it returns no figures.
 */
export async function tellCosts(
  sql: Sql,
  input: z.input<typeof Asked>,
  zone: string,
  now = new Date(),
): Promise<{ told: boolean; since?: string; until?: string }> {
  const { period } = parse(Asked, input)
  if (!period) return { told: false }
  const { since, until } = lastWhole(period, today({ zone, now }))
  const report = await costReport(sql, { since, until, top: DEAREST }, household(zone))
  const told = wasSpent(report) && (await notify(sql, digestOf(report, period)))
  return { told, since, until }
}

/** Everybody's spending is in it, as the operator would see it. */
const household = (zone: string): Caller => ({
  name: '',
  role: 'operator',
  zone,
  ledgerZone: zone,
  sees: (sql) => sql`true` as Part,
})

/** The week or month before the one that `day` lies in. */
export function lastWhole(period: Period, day: string): { since: string; until: string } {
  const begun = period === 'week' ? mondayOf(day) : `${day.slice(0, 'YYYY-MM'.length)}-01`
  const until = addDays(begun, -1)
  return { since: period === 'week' ? mondayOf(until) : `${until.slice(0, 'YYYY-MM'.length)}-01`, until }
}

/** Whether anything was paid for, or taken from a subscription. */
function wasSpent({ total, by }: CostReport): boolean {
  const paid = (by.billing ?? []).some(({ key, calls }) => key !== 'local' && calls > 0)
  return paid || total.open_calls + total.presumed_calls > 0
}

/** The notice: what it came to, what has changed since the period before, and what was dearest. */
export function digestOf(report: CostReport, period: Period): NewNotice {
  const { since, until, total, zone } = report
  const lines = [
    `${since} to ${until} (${zone}): ${spentText(total)} for ${count(total.calls, 'call')}, ${tokensText(total)}`,
    ...[errandsText(report), presumedText(total)].flatMap((text) => (text ? [text] : [])),
    ...changes(report),
    ...(report.by.agent ?? []).slice(0, AGENTS).flatMap(agentLine),
    ...report.unknown.map(
      ({ backend, model, calls }) => `no price known: ${backend}/${model} (${count(calls, 'call')})`,
    ),
    ...report.caps_hit.map(({ cap, times }) => `cap ${cap} refused ${count(times, 'call')}`),
    // not what they are about: a channel may be anywhere
    ...report.top_tasks.map(({ id, usd, source, agent }) => {
      const who = [source, agent].filter(Boolean).join(', ')
      return `${usd === null ? 'unknown' : dollars(usd)} for one task (${who}): hai cost task ${id.slice(-6)}`
    }),
  ]
  return {
    kind: 'cost_report',
    dedup_key: `cost_report ${period} ${since}`,
    title: `last ${period}: ${spentText(total)}`,
    text: lines.join('\n'),
    priority: 'low',
    data: { since, until, zone, total, tasks: report.tasks, chart_svg: chartOf(report, CHART) },
  }
}

/** Figures that are no longer what they were, with what they were. */
function changes(report: CostReport): string[] {
  const { previous, total, tasks } = report
  const share = ({ escalated, total }: CostReport['tasks']) => percent(escalated, total)
  if (!previous) {
    return [
      `${count(tasks.total, 'task')}, ${share(tasks)} escalated, ${count(total.failed_calls, 'call')} failed`,
    ]
  }
  const figures: [string, string | number, string | number][] = [
    ['tasks', tasks.total, previous.tasks.total],
    ['escalated', share(tasks), share(previous.tasks)],
    ['calls', total.calls, previous.total.calls],
    ['failed calls', total.failed_calls, previous.total.failed_calls],
  ]
  const changed = figures
    .filter(([, now, was]) => now !== was)
    .map(([name, now, was]) => `${name}: ${now} (${was} before)`)
  return [trendText(report), ...changed]
}

function agentLine({ key, known_usd, list_usd }: KeyAmount): string[] {
  if (known_usd > 0) return [`${key}: ${dollars(known_usd)}`]
  return list_usd === null ? [] : [`${key}: by subscription, ${dollars(list_usd)} by list price`]
}
