import { type Row, series, shares, table } from './panel.ts'

/** Who asks, how long it takes, and whether it was worth it. People and machines are never one number. */
export function outcomesRow(machineSources: readonly string[]): Row {
  const machines = machineSources.map((source) => `'${source}'`).join(', ')
  const kind = `case when source in (${machines}) then 'machines' else 'people' end`
  return {
    title: 'Outcomes',
    panels: [
      series({
        title: 'Completions by people and machines',
        sql: `
select $__timeGroup(finished_at, $__interval) as time, ${kind} as metric, count(*) as tasks
from hai.dashboard_task where state = 'done' and $__timeFilter(finished_at)
group by 1, 2 order by 1`,
      }),
      series({
        title: 'From asked to answered, people',
        unit: 's',
        sql: `
select $__timeGroup(finished_at, $__interval) as time,
  percentile_cont(0.5) within group (order by extract(epoch from finished_at - created_at)) as p50,
  percentile_cont(0.95) within group (order by extract(epoch from finished_at - created_at)) as p95
from hai.dashboard_task
where state = 'done' and $__timeFilter(finished_at) and source not in (${machines})
group by 1 order by 1`,
      }),
      table({
        title: 'By source',
        sql: `
select source, ${kind} as kind,
  count(*) filter (where state = 'done') as done,
  count(*) filter (where state = 'dead') as dead,
  count(*) filter (where state in ('cancelled', 'expired', 'rejected')) as ended,
  count(*) filter (where verdict in ('useful', 'acted')) as useful,
  count(*) filter (where verdict = 'noise') as noise
from hai.dashboard_task where finished_at is not null and $__timeFilter(finished_at)
group by source order by done desc`,
      }),
      shares({
        title: 'Useful or noise',
        sql: `
select coalesce(verdict, 'not rated') as metric, count(*) as tasks
from hai.dashboard_task where state = 'done' and $__timeFilter(finished_at)
group by 1 order by 1`,
      }),
      shares({
        title: 'Answered by',
        description: 'Escalated: a model that is paid for, by the call or by subscription.',
        sql: `
select case
    when call.task_id is null then 'no model'
    when call.escalated then 'escalated'
    else 'local' end as metric,
  count(*) as tasks
from hai.dashboard_task task
left join (
  select task_id, bool_or(billing <> 'local') as escalated from hai.dashboard_usage group by task_id
) call on call.task_id = task.id
where task.state = 'done' and $__timeFilter(task.finished_at)
group by 1 order by 1`,
      }),
    ],
  }
}
