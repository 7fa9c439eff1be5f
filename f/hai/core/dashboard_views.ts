import type { Sql } from './base/db.ts'

/** The role that dashboards log in as; whoever runs the server makes it. */
export const READER = 'hai_reader'

/**
 * All that a dashboard needs and all that its role may read: no view has a text of anybody's, of a task, an answer, a todo
 * or a notice. Each view whose name begins so is granted, so that a new one needs nothing but a migration.
 */
export const DASHBOARD_VIEWS = `
create view hai.dashboard_task as
select id, source, state, lane, attempt, verdict, error ->> 'code' as error_code,
  created_at, run_at, claim_at, finished_at
from hai.task_queue;
create view hai.dashboard_usage as
select task_id, backend, model, billing, state, input, output, cache_read, usd, ms, at from hai.usage;
create view hai.dashboard_todo as select status, due_on, due_at from hai.todo;
create view hai.dashboard_notice as select created_at, next_at, sent_at, failed_at from hai.notice;
create view hai.dashboard_lane as select lane, task_id is not null as busy from hai.lane_slot;
create view hai.dashboard_pulse as select name, every_seconds, last_at from hai.pulse;
create view hai.dashboard_cap as
select counter.cap, counter.key, counter.period, counter.spent, counter.held, cap.usd as cap_usd
from hai.cap_counter counter join hai.cap on cap.name = counter.cap;
create view hai.dashboard_cap_refusal as select at, cap from hai.cap_refusal;`

/**
 * Brings the rights of the dashboards' role in schema `hai` to exactly the views; nothing where there is no such role. At each
 * migration, as the role may be made after the views, or have been given more.
 */
export async function grantDashboardViews(tx: Sql, reader: string): Promise<void> {
  const [role] = await tx`select from pg_roles where rolname = ${reader}`
  if (!role) return
  await tx`revoke all on all tables in schema hai from ${tx(reader)}`
  await tx`revoke all on schema hai from ${tx(reader)}`
  await tx`grant usage on schema hai to ${tx(reader)}`
  const views = await tx<{ name: string }[]>`
    select viewname as name from pg_views where schemaname = 'hai' and starts_with(viewname, 'dashboard_')`
  for (const { name } of views) await tx`grant select on hai.${tx(name)} to ${tx(reader)}`
}
