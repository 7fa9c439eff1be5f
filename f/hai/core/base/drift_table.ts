/** The table behind `drift.ts`, and the view by which a server's exporter and dashboards see it. */
export const DRIFT_TABLE = `
-- what whoever compared with Git found last, of each kind
create table hai.drift_report (
  kind text primary key check (kind in ('windmill', 'cluster')),
  target text not null,
  compared int not null check (compared > 0),
  differences int not null check (differences >= 0),
  examples text[] not null,
  reported_by text not null,
  reported_at timestamptz not null default now()
);
create view hai.dashboard_drift as select kind, compared, differences, reported_at from hai.drift_report;
-- as whom a server's exporter asks: this view is all that it may read here
grant usage on schema hai to pg_monitor;
grant select on hai.dashboard_drift to pg_monitor;`
