export const OUTBOX_RINGS = `
-- who was called to send the outbox and is not here yet: one at a time
create table hai.outbox_ring (
  one boolean primary key default true check (one),
  job_id text not null,
  rung_at timestamptz not null default now()
);`
