/** A size on Grafana's grid of 24 columns. */
interface Size {
  w: number
  h: number
}

export interface Panel {
  title: string
  description?: string
  type: 'stat' | 'table' | 'timeseries' | 'bargauge' | 'piechart'
  size: Size
  format: 'table' | 'time_series'
  /** Read only, and of the views `hai.dashboard_*` alone, which are all that Grafana's role may read. Grafana's `$__…` macros are written without braces, which Flux would take for its own. */
  sql: string
  unit?: string
  /** Values from which the panel turns orange and red. */
  thresholds?: { orange: number; red: number }
}

export interface Row {
  title: string
  panels: Panel[]
}

/** One number. */
const stat = (panel: Omit<Panel, 'type' | 'size' | 'format'>): Panel => ({
  ...panel,
  type: 'stat',
  size: { w: 4, h: 4 },
  format: 'table',
})

const table = (panel: Omit<Panel, 'type' | 'size' | 'format'>): Panel => ({
  ...panel,
  type: 'table',
  size: { w: 12, h: 8 },
  format: 'table',
})

/** Columns `time`, `metric` and a value. */
const series = (panel: Omit<Panel, 'type' | 'size' | 'format'>): Panel => ({
  ...panel,
  type: 'timeseries',
  size: { w: 12, h: 8 },
  format: 'time_series',
})

/** Shares of a whole: columns `metric` and a value, one row each. */
const shares = (panel: Omit<Panel, 'type' | 'size' | 'format'>): Panel => ({
  ...panel,
  type: 'piechart',
  size: { w: 6, h: 8 },
  format: 'table',
})

const bars = (panel: Omit<Panel, 'type' | 'size' | 'format'>): Panel => ({
  ...panel,
  type: 'bargauge',
  size: { w: 6, h: 8 },
  format: 'table',
})

/** What waits, what runs, and whether the machinery turns. */
export const queueRow = (): Row => ({
  title: 'Now',
  panels: [
    stat({
      title: 'Due and waiting',
      sql: `select count(*) as due from hai.dashboard_task where state = 'pending' and claim_at <= now()`,
      thresholds: { orange: 10, red: 50 },
    }),
    stat({
      title: 'Oldest due has waited',
      unit: 's',
      sql: `
select coalesce(extract(epoch from now() - min(run_at)), 0)::int as seconds
from hai.dashboard_task where state = 'pending' and claim_at <= now()`,
      thresholds: { orange: 120, red: 900 },
    }),
    stat({
      title: 'Waiting for your approval',
      sql: `select count(*) as tasks from hai.dashboard_task where state = 'awaiting_approval' and finished_at is null`,
      thresholds: { orange: 1, red: 10 },
    }),
    stat({
      title: 'Dead in 24 hours',
      sql: `select count(*) as tasks from hai.dashboard_task where state = 'dead' and finished_at > now() - interval '1 day'`,
      thresholds: { orange: 1, red: 5 },
    }),
    stat({
      title: 'Schedules that are late',
      sql: `
select count(*) as schedules from hai.dashboard_pulse
where last_at < now() - make_interval(secs => 2 * every_seconds + 30)`,
      thresholds: { orange: 1, red: 1 },
    }),
    stat({
      title: 'Notices stuck in the outbox',
      sql: `
select count(*) as notices from hai.dashboard_notice
where sent_at is null and (failed_at is not null or next_at < now() - interval '10 minutes')
  and created_at > now() - interval '7 days'`,
      thresholds: { orange: 1, red: 5 },
    }),
    stat({
      title: 'Open todos overdue',
      sql: `
select count(*) as todos from hai.dashboard_todo
where status = 'open' and coalesce(due_at, (due_on + 1)::timestamptz) < now()`,
      thresholds: { orange: 1, red: 10 },
    }),
    bars({
      title: 'Open tasks by state',
      sql: `
select state as metric, count(*) as tasks
from hai.dashboard_task where finished_at is null group by state order by state`,
    }),
    table({
      title: 'Lanes',
      description: 'A lane takes as many tasks at once as it has slots.',
      sql: `
select slot.lane, count(*) as slots, count(*) filter (where slot.busy) as busy,
  (select count(*) from hai.dashboard_task task
    where task.state = 'pending' and task.lane = slot.lane and task.claim_at <= now()) as due
from hai.dashboard_lane slot group by slot.lane order by slot.lane`,
    }),
    table({
      title: 'Pulses',
      description: 'When each schedule last succeeded.',
      sql: `
select name, last_at, every_seconds,
  last_at < now() - make_interval(secs => 2 * every_seconds + 30) as late
from hai.dashboard_pulse order by name`,
    }),
    table({
      title: 'Dead letters',
      description: 'The end of the id is enough for hai task show. What was asked is not shown here.',
      sql: `
select right(id, 6) as task, finished_at, source, lane, attempt, error_code as code
from hai.dashboard_task where state = 'dead' order by finished_at desc limit 20`,
    }),
    table({
      title: 'Drift from Git',
      description: 'As whoever compares has reported last; hai doctor names what differs.',
      sql: `
select kind, differences, compared, reported_at from hai.dashboard_drift order by kind desc`,
    }),
  ],
})

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

/** What it costs. A call whose price is not known is counted as such, never as nothing. */
export const moneyRow = (): Row => ({
  title: 'Money',
  panels: [
    stat({
      title: 'Spent in 24 hours',
      unit: 'currencyUSD',
      sql: `select coalesce(sum(usd), 0) as usd from hai.dashboard_usage where at > now() - interval '1 day'`,
    }),
    stat({
      title: 'Calls of unknown price in 24 hours',
      sql: `
select count(*) as calls from hai.dashboard_usage
where at > now() - interval '1 day' and billing = 'metered' and state = 'settled' and usd is null`,
      thresholds: { orange: 1, red: 10 },
    }),
    stat({
      title: 'Refused by a cap in 24 hours',
      sql: `select count(*) as calls from hai.dashboard_cap_refusal where at > now() - interval '1 day'`,
      thresholds: { orange: 1, red: 10 },
    }),
    table({
      title: 'Caps',
      description: 'What each cap has counted, the newest period first; held is reserved by calls that run.',
      sql: `
select cap, key, period, spent, held, cap_usd
from hai.dashboard_cap order by period desc, spent desc limit 30`,
    }),
    series({
      title: 'Spent by backend',
      unit: 'currencyUSD',
      sql: `
select $__timeGroup(at, $__interval) as time, backend as metric, sum(usd) as usd
from hai.dashboard_usage where $__timeFilter(at) and usd is not null
group by 1, 2 order by 1`,
    }),
    table({
      title: 'By model',
      sql: `
select backend, model, billing, count(*) as calls, sum(input) as input, sum(output) as output,
  sum(cache_read) as cache_read, sum(usd) as usd, percentile_cont(0.5) within group (order by ms)::int as p50_ms
from hai.dashboard_usage where $__timeFilter(at)
group by backend, model, billing order by calls desc`,
    }),
  ],
})
