import type { Caller } from '../base/caller.ts'
import type { Part, Sql } from '../base/db.ts'
import { showTask } from '../task/show.ts'
import { mostPressing } from './rows.ts'
import type { AlertShown, AlertsNow, TaskShown } from './shape.ts'
import { nameOf, placeOf } from './text.ts'

const SHOWN = 5
const SHOWN_OF_TASK = 100

/** What fires, of what the caller may see. */
export async function alertsNow(sql: Sql, caller: Caller): Promise<AlertsNow> {
  const alerts = await shownOf(
    sql,
    sql`ended is null and exists (
    select from hai.task_queue where id = task_id and ${caller.sees(sql)})`,
    SHOWN,
  )
  return alerts.total > 0 ? { alerts: { firing: alerts.firing, shown: alerts.shown } } : {}
}

/** A task, with its alerts where it has any. */
export async function showWithAlerts(sql: Sql, id: string, caller: Caller): Promise<TaskShown> {
  const task = await showTask(sql, id, caller)
  const alerts = await shownOf(sql, sql`task_id = ${task.id}`, SHOWN_OF_TASK)
  return alerts.total > 0 ? { ...task, alerts } : task
}

interface Row extends Omit<AlertShown, 'name' | 'of'> {
  labels: Record<string, string>
  total: number
  firing: number
}

async function shownOf(sql: Sql, which: Part, most: number): Promise<NonNullable<TaskShown['alerts']>> {
  const rows = await sql<Row[]>`
    select labels, severity, coalesce(ended, 'firing') as state, starts_at, ends_at, task_id,
      (count(*) over ())::int as total, (count(*) filter (where ended is null) over ())::int as firing
    from hai.alert a where ${which}
    order by ${mostPressing(sql)}
    limit ${most}`
  const shown = rows.map(({ labels, total: _, firing: __, ...alert }) => ({
    name: nameOf(labels),
    of: placeOf(labels),
    ...alert,
  }))
  return { total: rows[0]?.total ?? 0, firing: rows[0]?.firing ?? 0, shown }
}
