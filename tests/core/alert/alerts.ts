import { type Delivered, deliver, type Heard } from '../../../f/hai/core/alert/deliver.ts'
import type { Caller } from '../../../f/hai/core/base/caller.ts'
import type { Sql } from '../../../f/hai/core/base/db.ts'
import { aCaller } from '../../support/factories.ts'

export const robot = aCaller('robot')

/** An alert that fires, as it is told; `given` replaces fields, and its labels are added. */
export function anAlert({ labels, ...given }: Partial<Heard> = {}): Heard {
  const all = { alertname: 'DiskFull', instance: 'nas:9100', severity: 'warning', ...labels }
  return {
    fingerprint: Object.values(all)
      .join('-')
      .replace(/[^\w-]/g, '_'),
    starts_at: '2026-11-29T02:18:38.123456789Z',
    ends_at: null,
    labels: all,
    annotations: { summary: 'the disk is full' },
    url: null,
    ...given,
  }
}

/** The same, over half an hour later. */
export const over = (alert: Heard): Heard => ({ ...alert, ends_at: '2026-11-29T02:48:38Z' })

/** Tells of alerts as one group. */
export const tell = (sql: Sql, alerts: Heard[], group = 'g', caller: Caller = robot): Promise<Delivered> =>
  deliver(sql, { source: 'alertmanager', group_key: group, alerts }, caller)

export const countTasks = async (sql: Sql): Promise<number> => {
  const [row] = await sql<[{ tasks: number }]>`select count(*)::int as tasks from hai.task_queue`
  return row.tasks
}
