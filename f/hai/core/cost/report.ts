import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { settingTroubles } from '../settings.ts'
import { applyBudget, capMargin, capStates } from './caps.ts'
import { routeFailures } from './escalation.ts'
import { LIST_SOURCE } from './list_prices_data.ts'
import { before, Days, daysOf, type Range, rangeOf } from './range.ts'
import {
  BREAKDOWNS,
  type Breakdown,
  type CostReport,
  type DayAmount,
  type KeyAmount,
  type UnknownPrice,
} from './report_shape.ts'
import { amountOf, type Key, type Line, NOTHING, sumsOf } from './sums.ts'
import { NO_TASKS, taskCounts, topTasks } from './task_counts.ts'
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
 * member sees his own. `invalid` for a bad range.
 */
export async function costReport(
  sql: Sql,
  input: z.input<typeof Asked>,
  caller: Caller,
): Promise<CostReport> {
  const { by, top, ...days } = parse(Asked, input)
  const range = rangeOf(days, caller.zone)
  const earlier = before(range)
  await applyBudget(sql)
  const only = caller.role === 'member' ? caller.name : null
  const all = caller.role !== 'member'
  const sets: Key[][] = [['day'], ['backend', 'model'], ...by.map((one) => [one])]
  const [lines, previous, tasks, tasksBefore, caps, margin, windows, top_tasks, caps_hit, failures, broken] =
    await Promise.all([
      sumsOf(sql, range, sets, only),
      sumsOf(sql, earlier, [], only),
      taskCounts(sql, range, caller),
      taskCounts(sql, earlier, caller),
      capStates(sql, caller),
      all ? capMargin(sql) : null,
      all ? windowStates(sql) : [],
      top > 0 ? topTasks(sql, range, top, caller) : [],
      all ? capsHit(sql, range) : [],
      all ? routeFailures(sql) : [],
      all ? settingTroubles(sql).then((troubles) => troubles.broken) : [],
    ])
  const { since, until, zone } = range
  return {
    as_of: new Date().toISOString(),
    ...{ since, until, days: range.days, zone },
    total: totalOf(lines),
    previous: previousOf(earlier, totalOf(previous), tasksBefore.total),
    tasks: tasks.total,
    by_day: perDay(range, lines, tasks.days),
    by: Object.fromEntries(by.map((one) => [one, perKey(lines, one)])),
    ...{ caps, margin, windows, unknown: unknownOf(lines), top_tasks, caps_hit, failures },
    list: LIST_SOURCE,
    ...(broken.length > 0 ? { problems: broken } : {}),
  }
}

const at = (lines: Line[], ...keys: Key[]) => lines.filter((line) => line.keys === keys.join())

function totalOf(lines: Line[]) {
  const [line] = at(lines)
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

function perDay(range: Range, lines: Line[], tasks: Map<string, CostReport['tasks']>): DayAmount[] {
  const known = new Map(at(lines, 'day').map((line) => [line.day, amountOf(line)]))
  return daysOf(range).map((day) => ({
    day,
    ...(known.get(day) ?? NOTHING),
    tasks: tasks.get(day) ?? NO_TASKS,
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
