/** What fires, or has fired: one row an alert, by what it is called where it comes from and when it began. */
export const ALERTS = `
create table hai.alert (
  -- who sends it: two that send the same, as a pair does, are one sender
  requester text not null,
  fingerprint text not null,
  starts_at timestamptz not null,
  task_id text collate "C" not null references hai.task_queue,
  group_key text not null,
  severity text not null check (severity in ('critical', 'error', 'warning', 'info')),
  labels jsonb not null,
  annotations jsonb not null,
  url text,
  first_at timestamptz not null default now(),
  heard_at timestamptz not null default now(),
  -- it fires as long as this is null
  ended text check (ended in ('resolved', 'silent')),
  -- when it ended where it comes from, and when that was told
  ends_at timestamptz,
  ended_at timestamptz,
  primary key (requester, fingerprint, starts_at),
  check ((ended is null) = (ended_at is null))
);
create index alert_by_task on hai.alert (task_id);
create index alert_firing on hai.alert (requester, group_key) where ended is null;
create index alert_recent on hai.alert (requester, first_at);`
