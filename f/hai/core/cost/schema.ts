/** Migration `money`: the ledger's holds, the caps' counters, the rollup and the outbox. */
export const CAPS = `
alter table hai.usage
  -- the journal's step that the call answers; several calls, each of its own lease, may
  add column step text,
  -- of the task, so that no report has to join
  add column requester text not null default '',
  add column source text not null default '',
  add column agent text not null default 'none',
  add column conversation_id text,
  add column route text not null default '',
  add column price_version text,
  -- the most it can cost, held from before the call until it is settled; null where there is no price
  add column bound numeric check (bound >= 0),
  add column bound_tokens bigint check (bound_tokens >= 0),
  -- by list price, of what a subscription paid
  add column list_usd numeric check (list_usd >= 0),
  -- the code with which the call failed
  add column error text,
  add column state text not null default 'settled' check (state in ('open', 'settled', 'presumed')),
  -- of the transaction that settled it: an order in which no late commit hides
  add column xid bigint,
  add column settled_at timestamptz;
update hai.usage u
set requester = t.requester, source = t.source, agent = coalesce(t.agent, 'none'), conversation_id = t.conversation_id
from hai.task_queue t where t.id = u.task_id;
update hai.usage
set route = backend || '/' || model, xid = pg_current_xact_id()::text::bigint, settled_at = at;
alter table hai.usage alter column xid set default pg_current_xact_id()::text::bigint;

create index usage_by_xid on hai.usage (xid) where state = 'settled';
create index usage_unsettled on hai.usage (at) where state <> 'settled';
create index usage_by_window on hai.usage (backend, at) where billing = 'subscription';

-- the caps in force, as the budget has them: one statement can then reserve under all of them
create table hai.cap (
  name text collate "C" primary key,
  per text not null check (per in ('all', 'task', 'agent', 'requester', 'source')),
  period text check (period in ('day', 'month')),
  usd numeric not null check (usd >= 0)
);
create table hai.cap_raise (
  id bigint generated always as identity primary key,
  cap text collate "C" not null,
  usd numeric not null check (usd > 0),
  until timestamptz not null,
  by text not null,
  at timestamptz not null default now()
);
-- what the ledger adds up to, so that a reservation need not add it up; rows are locked in the key's order
create table hai.cap_counter (
  cap text collate "C" not null,
  key text collate "C" not null,
  period text collate "C" not null,
  spent numeric not null default 0,
  held numeric not null default 0,
  presumed numeric not null default 0,
  primary key (cap, key, period)
) with (fillfactor = 50);
create table hai.cap_refusal (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  cap text not null,
  key text not null,
  period text not null,
  asked numeric not null,
  call_id text not null
);
create index cap_refusal_by_time on hai.cap_refusal (at);

-- an error ends the statement that has reserved too much, and takes back all that it wrote
create function hai.refuse(over jsonb) returns boolean language plpgsql as $$
begin
  raise exception using errcode = 'HB001', message = 'over a cap', detail = over::text;
end $$;

create table hai.usage_day (
  day date not null,
  agent text collate "C" not null,
  source text collate "C" not null,
  requester text collate "C" not null,
  route text collate "C" not null,
  backend text collate "C" not null,
  model text collate "C" not null,
  billing text collate "C" not null,
  calls bigint not null,
  unknown_calls bigint not null,
  unlisted_calls bigint not null,
  failed_calls bigint not null,
  usd numeric not null,
  list_usd numeric not null,
  input bigint not null,
  output bigint not null,
  cache_read bigint not null,
  cache_write bigint not null,
  reasoning bigint not null,
  ms bigint not null,
  primary key (day, agent, source, requester, route, backend, model, billing)
);

-- how far the ledger is folded into days, in which zone, and which budget the caps are of
create table hai.fold (
  one boolean primary key default true check (one),
  watermark bigint not null default 0,
  zone text not null default 'UTC',
  budget jsonb not null default '{}',
  budget_hash text,
  folded_at timestamptz
);
insert into hai.fold default values;

-- what somebody is to be told, once per dedup_key
create table hai.notice (
  id bigint generated always as identity primary key,
  kind text not null,
  dedup_key text unique,
  title text not null,
  text text not null,
  priority text not null default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
  link text,
  -- what a channel may take besides the text, such as a chart
  data jsonb not null default '{}',
  created_at timestamptz not null default now(),
  attempts int not null default 0,
  next_at timestamptz not null default now(),
  sent_at timestamptz,
  failed_at timestamptz,
  receipt jsonb,
  error text
);
create index notice_due on hai.notice (next_at, id) where sent_at is null and failed_at is null;`

/** Migration `endings`: how each call ended, writes to a cache by how long it keeps them, one row for one message. */
export const ENDED = String.raw`
alter table hai.usage
  add column ending text default 'answered'
    check (ending in ('answered', 'cancelled', 'stopped', 'failed', 'uncounted', 'lost')),
  -- of its tokens, and so of what it cost
  add column at_least boolean not null default false,
  -- part of cache_write
  add column cache_write_1h int check (cache_write_1h >= 0);
alter table hai.usage alter column ending drop default;
update hai.usage u
set ending = case
  when state = 'open' then null
  when error is not null then 'failed'
  when settled_at is not null then 'uncounted'
  when exists (
    select from hai.task_queue t where t.id = u.task_id and t.lease_no = u.lease_no and t.state = 'cancelled'
  ) then 'cancelled'
  else 'lost' end
where state <> 'settled' or error is not null or input is null or output is null;

alter table hai.usage_day
  add column cache_write_1h bigint not null default 0,
  add column cancelled_calls bigint not null default 0,
  add column stopped_calls bigint not null default 0,
  add column uncounted_calls bigint not null default 0,
  add column untold_calls bigint not null default 0;

-- for which prices the ledger was last gone through
alter table hai.fold add column priced text;

-- a message is one call, whether or not a copy of it names the request: the fullest stays, and days are folded anew
with copies as (
  select call_id, row_number() over (
    partition by regexp_replace(call_id, '^(claude-code:.+):req_\w+$', '\1')
    order by output desc nulls last, input desc nulls last, call_id
  ) as place
  from hai.usage where source = 'claude-code' and task_id is null and call_id like 'claude-code:%'
), gone as (
  delete from hai.usage u using copies where u.call_id = copies.call_id and place > 1 returning 1
), anew as (
  update hai.fold set watermark = 0, budget_hash = null where exists (select from gone)
)
delete from hai.usage_day where exists (select from gone);
update hai.usage set call_id = regexp_replace(call_id, '^(claude-code:.+):req_\w+$', '\1')
where source = 'claude-code' and task_id is null and call_id ~ '^claude-code:.+:req_\w+$';`

export const USAGE = `
create table hai.usage (
  call_id text primary key,
  task_id text collate "C" not null references hai.task_queue,
  lease_no int not null,
  backend text not null,
  model text not null,
  billing text not null check (billing in ('local', 'metered', 'subscription')),
  input int check (input >= 0),
  output int check (output >= 0),
  cache_read int check (cache_read >= 0),
  cache_write int check (cache_write >= 0),
  reasoning int check (reasoning >= 0),
  -- null is unknown, never nothing
  usd numeric check (usd >= 0),
  ms int not null check (ms >= 0),
  at timestamptz not null default now()
);
create index usage_by_task on hai.usage (task_id);
create index usage_by_time on hai.usage using brin (at);`

/** Part of the migration `chats`. */
export const ERRAND_CALLS = `
-- of a chat client's errand, as the task says: reports count them apart
alter table hai.usage add column errand boolean not null default false;
create index usage_of_errands on hai.usage (at) where errand;`

export const ABOVE_HOLDS = `
-- calls that came to more than was held for them: by so much a cap can be passed
create index usage_above_hold on hai.usage ((usd - bound) desc) where state = 'settled' and usd > bound;`
