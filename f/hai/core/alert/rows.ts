import type { Sql } from '../base/db.ts'
import { SEVERITIES } from './shape.ts'
import type { Told } from './text.ts'

/** What a task's attachment with its alerts is called. */
export const FACTS = 'alerts.txt'

/** More than are ever written out. */
const READ = 100

/** Where an alert stands in a list: what fires, the worst, what began last. */
export const mostPressing = (sql: Sql) => sql`
  a.ended is null desc, array_position(${[...SEVERITIES]}::text[], a.severity), a.starts_at desc, a.fingerprint`

/** A task's alerts, the most pressing first, and how many there are in all. */
export async function toldOf(sql: Sql, id: string): Promise<{ alerts: Told[]; total: number }> {
  const alerts = await sql<(Told & { total: number })[]>`
    select labels, annotations, severity, starts_at, ends_at, url, coalesce(ended, 'firing') as state,
      (count(*) over ())::int as total
    from hai.alert a where task_id = ${id}
    order by ${mostPressing(sql)}
    limit ${READ}`
  return { alerts: [...alerts], total: alerts[0]?.total ?? 0 }
}
