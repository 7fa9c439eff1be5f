import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import type { Range } from './range.ts'
import type { TaskCounts, TopTask } from './report_shape.ts'

export const NO_TASKS: TaskCounts = { total: 0, without_model: 0, local: 0, escalated: 0 }

/** Tasks that ended in `range`, together and by day, by what answered them; those that `caller` may see. */
export async function taskCounts(
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
      where finished_at >= ${from} and finished_at < ${to} and ${caller.sees(sql)}
    ) ended
    group by grouping sets ((), (day))`
  const counts = ({ total, without_model, local, escalated }: TaskCounts) => ({
    ...{ total, without_model, local, escalated },
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
