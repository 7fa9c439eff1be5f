import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import { brokenSettings } from '../base/config.ts'
import type { Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { count, dayText, dollars, percent } from '../base/words.ts'
import {
  endingTexts,
  errandsText,
  presumedText,
  spentCell,
  spentText,
  tokenCell,
  tokensText,
  trendText,
} from './amount_text.ts'
import { applyBudget, capMargin, capStates } from './caps.ts'
import { LIST_SOURCE } from './list_prices_data.ts'
import { routeFailures } from './problems.ts'
import {
  BREAKDOWNS,
  type Breakdown,
  type CostReport,
  type DayAmount,
  type KeyAmount,
  type TaskCounts,
  type TopTask,
  type UnknownPrice,
} from './shape.ts'
import {
  amountOf,
  before,
  Days,
  daysOf,
  errandsOf,
  type Key,
  type Line,
  NOTHING,
  type Range,
  rangeOf,
  sumsOf,
} from './sums.ts'
import { windowStates } from './windows.ts'

const breakdowns = z
  .array(z.enum(BREAKDOWNS))
  .min(1)
  .transform((all) => [...new Set(all)])

const Asked = Days.extend({
  /** What to break the calls down by; everything when not given. */
  by: z.union([z.enum(BREAKDOWNS).transform((one) => [one]), breakdowns]).default([...BREAKDOWNS]),
  /** How many of the dearest tasks to name. */
  top: z.int().min(0).max(50).default(0),
})

/**
 * Model calls and what they cost, of the last 7 days when no range is given, to the last cent what the ledger has. A
 * member sees no others'. `invalid` for a bad range.
 */
export async function costReport(
  sql: Sql,
  input: z.input<typeof Asked>,
  caller: Caller,
): Promise<CostReport> {
  const { by, top, ...days } = parse(Asked, input)
  const range = rangeOf(days, caller.ledgerZone)
  const earlier = before(range)
  await applyBudget(sql)
  const only = caller.role === 'member' ? caller.name : null
  const all = caller.role !== 'member'
  const sets: Key[][] = [['day'], ['backend', 'model'], ...by.map((one) => [one])]
  const [
    lines,
    errands,
    previous,
    tasks,
    tasksBefore,
    caps,
    margin,
    windows,
    top_tasks,
    caps_hit,
    failures,
    broken,
  ] = await Promise.all([
    sumsOf(sql, range, sets, only),
    errandsOf(sql, range, only),
    sumsOf(sql, earlier, [], only),
    taskCounts(sql, range, caller),
    taskCounts(sql, earlier, caller),
    capStates(sql, caller),
    all ? capMargin(sql) : null,
    all ? windowStates(sql) : [],
    top > 0 ? topTasks(sql, range, top, caller) : [],
    all ? capsHit(sql, range) : [],
    all ? routeFailures(sql) : [],
    all ? brokenSettings(sql) : [],
  ])
  const { since, until, zone } = range
  return {
    as_of: new Date().toISOString(),
    since,
    until,
    days: range.days,
    zone,
    total: totalOf(lines),
    errands: ofDay(errands, null),
    previous: previousOf(earlier, totalOf(previous), tasksBefore.total),
    tasks: tasks.total,
    by_day: perDay(range, lines, errands, tasks.days),
    by: Object.fromEntries(by.map((one) => [one, perKey(lines, one)])),
    caps,
    margin,
    windows,
    unknown: unknownOf(lines),
    top_tasks,
    caps_hit,
    failures,
    list: LIST_SOURCE,
    ...(broken.length > 0 ? { problems: broken } : {}),
  }
}

type Errands = Awaited<ReturnType<typeof errandsOf>>

const at = (lines: Line[], ...keys: Key[]) => lines.filter((line) => line.keys === keys.join())

function totalOf(lines: Line[]) {
  const [line] = at(lines)
  return line ? amountOf(line) : NOTHING
}

function ofDay(errands: Errands, day: string | null) {
  const line = errands.find((one) => one.day === day)
  return line ? amountOf(line) : NOTHING
}

function previousOf(
  range: Range,
  total: CostReport['total'],
  tasks: CostReport['tasks'],
): CostReport['previous'] {
  const { since, until } = range
  return total.calls > 0 || tasks.total > 0 ? { since, until, total, tasks } : null
}

function perDay(
  range: Range,
  lines: Line[],
  errands: Errands,
  tasks: Map<string, CostReport['tasks']>,
): DayAmount[] {
  const known = new Map(at(lines, 'day').map((line) => [line.day, amountOf(line)]))
  return daysOf(range).map((day) => ({
    day,
    ...(known.get(day) ?? NOTHING),
    tasks: tasks.get(day) ?? NO_TASKS,
    errand_calls: ofDay(errands, day).calls,
    errand_usd: ofDay(errands, day).known_usd,
  }))
}

function perKey(lines: Line[], by: Breakdown): KeyAmount[] {
  return at(lines, by)
    .map((line) => ({ key: line[by] ?? '', ...amountOf(line) }))
    .sort((a, b) => b.known_usd - a.known_usd || b.calls - a.calls || (a.key < b.key ? -1 : 1))
}

function unknownOf(lines: Line[]): UnknownPrice[] {
  return at(lines, 'backend', 'model')
    .filter(({ unknown_calls }) => unknown_calls > 0)
    .map(({ backend, model, unknown_calls }) => ({ backend: backend!, model: model!, calls: unknown_calls }))
    .sort((a, b) => b.calls - a.calls)
}

async function capsHit(sql: Sql, { from, to }: Range): Promise<CostReport['caps_hit']> {
  const rows = await sql<CostReport['caps_hit']>`
    select cap, count(*)::int as times from hai.cap_refusal where at >= ${from} and at < ${to}
    group by cap order by times desc, cap`
  return [...rows]
}

const NO_TASKS: TaskCounts = { total: 0, without_model: 0, local: 0, escalated: 0 }

/** Tasks that ended in `range`, together and by day, by what answered them; those that `caller` may see. */
async function taskCounts(
  sql: Sql,
  { from, to, zone }: Range,
  caller: Caller,
): Promise<{ total: TaskCounts; days: Map<string, TaskCounts> }> {
  const rows = await sql<({ day: string | null } & TaskCounts)[]>`
    select day, count(*)::int as total,
      (count(*) filter (where calls is null))::int as without_model,
      (count(*) filter (where not elsewhere))::int as local,
      (count(*) filter (where elsewhere))::int as escalated
    from (
      select (finished_at at time zone ${zone})::date as day, calls, elsewhere
      from hai.task_queue t left join lateral (
        select count(*) as calls, bool_or(billing <> 'local') as elsewhere
        from hai.usage u where u.task_id = t.id having count(*) > 0
      ) asked on true
      where finished_at >= ${from} and finished_at < ${to} and not errand and ${caller.sees(sql)}
    ) ended
    group by grouping sets ((), (day))`
  const counts = ({ total, without_model, local, escalated }: TaskCounts) => ({
    total,
    without_model,
    local,
    escalated,
  })
  const days = rows.flatMap((row) => (row.day === null ? [] : [[row.day, counts(row)] as const]))
  const total = rows.find(({ day }) => day === null)
  return { total: total ? counts(total) : NO_TASKS, days: new Map(days) }
}

/** The dearest tasks of `range` that `caller` may see; it reads all their calls. */
export async function topTasks(
  sql: Sql,
  { from, to }: Range,
  most: number,
  caller: Caller,
): Promise<TopTask[]> {
  const rows = await sql<TopTask[]>`
    select t.id, case t.data_tier when 'restricted' then '(restricted)' else left(split_part(t.content, e'\\n', 1), 200)
      end as excerpt, t.source, t.agent, calls, usd::float8 as usd
    from (
      select task_id, count(*)::int as calls, sum(usd) as usd
      from hai.usage where at >= ${from} and at < ${to} and usd > 0
      group by 1
    ) dear
    join hai.task_queue t on t.id = dear.task_id and ${caller.sees(sql)}
    order by dear.usd desc, t.id limit ${most}`
  return [...rows]
}

/** The report as Windmill's own page of a result shows it: Markdown, and tables that can be sorted. */
export function richReport(report: CostReport) {
  return {
    render_all: [
      { markdown: summary(report) },
      { 'table-row-object': dayTable(report) },
      ...keyTables(report),
    ],
  }
}

function summary(report: CostReport): string {
  const { since, until, zone, total, tasks, caps, unknown } = report
  const lines = [
    `## ${since} to ${until} (${zone})`,
    `**${spentText(total)}** in ${count(total.calls, 'call')}, ${tokensText(total)}; ${trendText(report)}.`,
    `${count(tasks.total, 'task')}: ${tasks.without_model} without a model, ${tasks.local} local, ` +
      `${tasks.escalated} escalated (${percent(tasks.escalated, tasks.total)}).`,
    ...[errandsText(report)].flatMap((text) => (text ? [`- ${text}`] : [])),
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

const dayTable = ({ by_day }: CostReport) =>
  by_day.map(({ day, tasks, ...amount }) => ({
    day: dayText(day),
    usd: spentCell(amount),
    calls: amount.calls,
    tokens: tokenCell(amount),
    tasks: tasks.total,
  }))

const keyTables = ({ by }: CostReport) =>
  Object.entries(by).map(([breakdown, rows]) => ({
    'table-row-object': rows.map(({ key, ...amount }) => ({
      [breakdown]: key || '-',
      usd: spentCell(amount),
      calls: amount.calls,
      failed: amount.failed_calls,
      tokens: tokenCell(amount),
    })),
  }))
