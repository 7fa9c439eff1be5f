import { bars, type Row, stat, table } from './panel.ts'

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
