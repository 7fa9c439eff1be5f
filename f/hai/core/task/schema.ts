export const QUEUE = `
create table hai.task_queue (
  id text collate "C" primary key check (id ~ '^[0-7][0-9A-HJKMNP-TV-Z]{25}$'),
  state text not null default 'pending' check (state in
    ('pending', 'running', 'awaiting_approval', 'done', 'dead', 'cancelled', 'expired', 'rejected')),
  source text not null check (source ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
  requester text not null,
  on_behalf_of text,
  zulip_user_id bigint,
  task_ref text,
  content text not null check (content <> '' and octet_length(content) <= 262144),
  conversation_id text not null,
  target_agent text,
  priority text not null check (priority in ('low', 'normal', 'high', 'urgent')),
  data_tier text not null check (data_tier in ('public', 'internal', 'restricted')),
  trace_id text,
  origin text,
  intent text,
  destructive boolean not null default false,
  metadata jsonb not null default '{}',
  todo_id text collate "C",

  idempotency_key text,
  idempotency_until timestamptz,
  request_digest text not null,

  lane text not null,
  run_at timestamptz not null,
  claim_at timestamptz not null check (claim_at <= run_at),
  ttl_seconds int check (ttl_seconds > 0),
  expires_at timestamptz,
  max_attempts int not null check (max_attempts between 1 and 100),
  backoff_seconds int not null check (backoff_seconds >= 0),
  attempt int not null default 0 check (attempt between 0 and max_attempts),
  -- whether the next claim starts a new attempt; resuming after a pause does not
  next_attempt boolean not null default true,
  suspends int not null default 0,
  lease_no int not null default 0,
  -- how often a person had it tried again from the start
  round int not null default 0,
  last_seq int not null default 0,
  job_id text,

  agent text,
  route text,
  output text,
  result jsonb,
  error jsonb,
  verdict text check (verdict in ('useful', 'noise', 'acted')),
  verdict_note text,
  -- milliseconds, so that a cursor made of the JSON value is exact
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,

  check ((state in ('pending', 'running', 'awaiting_approval')) = (finished_at is null)),
  check (state <> 'dead' or error is not null),
  check ((idempotency_key is null) = (idempotency_until is null))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- the claim's order; finished rows are not in it, so history costs a claim nothing
create index task_due on hai.task_queue (lane, claim_at, id) where state = 'pending';
create index task_expiring on hai.task_queue (expires_at)
  where state in ('pending', 'running', 'awaiting_approval') and expires_at is not null;
create index task_pending_source on hai.task_queue (source) where state = 'pending';
create unique index task_idempotency on hai.task_queue (requester, idempotency_key)
  where idempotency_key is not null;
create index task_suffix on hai.task_queue (reverse(id));
-- one at a time in a conversation, whoever claims: turns must be answered in their order
create unique index task_conversation on hai.task_queue (conversation_id)
  where state in ('running', 'awaiting_approval');
create index task_finished on hai.task_queue (finished_at desc, id desc) where finished_at is not null;
-- few among very many: what failed since yesterday
create index task_failed on hai.task_queue (finished_at desc, id desc) where state in ('dead', 'expired');
create index task_by_time on hai.task_queue (created_at desc, id desc);
-- in two halves: open ones stay few, and a claim can't be led astray into an index of all states
create index task_open on hai.task_queue (state, created_at desc, id desc) where finished_at is null;
create index task_ended on hai.task_queue (state, created_at desc, id desc) where finished_at is not null;
create index task_by_source on hai.task_queue (source, created_at desc, id desc);
create index task_by_requester on hai.task_queue (requester, created_at desc, id desc);
create index task_by_conversation on hai.task_queue (conversation_id, created_at desc, id desc);
create index task_by_agent on hai.task_queue (agent, created_at desc, id desc) where agent is not null;
create index task_by_todo on hai.task_queue (todo_id) where todo_id is not null;
-- every change of state writes a new entry of every index: a long text must not be read anew each time
create index task_words on hai.task_queue using gin (to_tsvector('simple', left(content, 16384)));

create view hai.task_dlq as select * from hai.task_queue where state = 'dead';

create table hai.lease (
  task_id text collate "C" primary key references hai.task_queue,
  lease_no int not null,
  worker text not null,
  until timestamptz not null
) with (fillfactor = 50);

-- a slot is free when no lease holds it: dropping the lease frees the slot, whoever drops it
create table hai.lane_slot (
  lane text not null,
  no int not null check (no > 0),
  task_id text collate "C" unique references hai.lease on delete set null,
  primary key (lane, no)
) with (fillfactor = 50);
insert into hai.lane_slot (lane, no) select 'interactive', generate_series(1, 4);
insert into hai.lane_slot (lane, no) select 'batch', generate_series(1, 2);

create table hai.task_event (
  task_id text collate "C" not null references hai.task_queue,
  seq int not null check (seq > 0),
  at timestamptz not null default now(),
  type text not null,
  text text not null,
  data jsonb not null default '{}',
  primary key (task_id, seq)
);

create table hai.task_step (
  call_id text primary key,
  task_id text collate "C" not null references hai.task_queue,
  lease_no int not null,
  name text not null,
  -- a class C or D call: started at most once, never repeated after a crash
  once boolean not null default false,
  state text not null check (state in ('started', 'finished', 'unknown')),
  request_digest text not null,
  response jsonb,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  check ((state = 'finished') = (finished_at is not null))
);
create index step_by_task on hai.task_step (task_id, started_at);

create table hai.artifact (
  id bigint generated always as identity primary key,
  task_id text collate "C" not null references hai.task_queue,
  name text not null,
  media_type text not null,
  content text not null,
  created_at timestamptz not null default now()
);
create index artifact_by_task on hai.artifact (task_id);

-- workers that were called and are not here yet, so that a burst does not call one each; numbered places, so that
-- of two who call at the same moment for the same work one finds the place taken
create table hai.wakeup (
  no int primary key check (no > 0),
  job_id text not null unique,
  called_at timestamptz not null default now()
);

-- workers that live elsewhere and come to ask; one that sleeps is told of new work
create table hai.worker (
  name text primary key,
  lanes text[] not null,
  asleep boolean not null,
  seen_at timestamptz not null default now()
);

-- when did each schedule last succeed, and how often must it
create table hai.pulse (
  name text primary key,
  every_seconds int not null,
  last_at timestamptz not null,
  woke_at timestamptz
);

create table hai.config (
  name text primary key,
  value jsonb not null,
  hash text not null,
  error text,
  updated_at timestamptz not null default now()
);`

export const BACKENDS = `
-- what calls taught of each backend that was ever asked: the last answer, or what has been wrong since
create table hai.backend (
  name text primary key,
  state text not null check (state in ('ready', 'unreachable', 'certificate', 'login_expired',
    'quota_exhausted', 'rate_limited', 'missing', 'wrong_url')),
  since timestamptz not null default now(),
  -- nobody asks before
  until timestamptz,
  message text,
  next_step text,
  updated_at timestamptz not null default now(),
  check ((state = 'ready') = (message is null))
);

-- a model that is only tried answers no task
alter table hai.usage alter column task_id drop not null, alter column lease_no drop not null;
alter table hai.usage add constraint usage_lease check ((task_id is null) = (lease_no is null));`

export const WAITING = `
alter table hai.lane_slot
  -- of a backend that only workers elsewhere can reach; the lanes of all others are served here
  add column elsewhere boolean not null default false,
  -- its backend takes fewer at a time by now: nobody takes it again, and it goes once it is free
  add column closing boolean not null default false;
update hai.lane_slot set elsewhere = true where lane not in ('interactive', 'batch');

alter table hai.task_queue
  -- seconds for which it has been put off without an attempt, by the code of the trouble; null since an attempt
  add column waited jsonb,
  -- hai.endpoint: whose trouble it was
  add column waits_for text;
create index task_put_off on hai.task_queue (waits_for) where state = 'pending' and waits_for is not null;

-- what calls taught of each server; hai.backend, which knew it by its name, is what the release before reads
create table hai.endpoint (
  -- made of its url and of the key it was asked with: whoever corrects one of them begins anew
  id text primary key,
  -- what the configuration calls it, for sentences
  name text not null,
  url text not null,
  state text not null check (state in ('ready', 'unreachable', 'unavailable', 'loading', 'certificate',
    'login_expired', 'quota_exhausted', 'rate_limited', 'missing', 'unusable', 'wrong_url')),
  since timestamptz not null default now(),
  -- nobody asks before
  until timestamptz,
  message text,
  next_step text,
  -- when a call or a look last told something of it
  heard_at timestamptz not null default now(),
  -- whether it speaks Ollama's own API too; null while nobody has looked
  ollama boolean,
  check ((state = 'ready') = (message is null))
);`

export const LOOKS = `
-- when somebody last looked whether it answers, apart from what calls told
alter table hai.endpoint add column looked_at timestamptz;`

export const LEASE_TOKENS = `
-- digest of the secret that only the holder was told; null for what the release before leased, and so in the other two
alter table hai.lease add column token_digest bytea;
-- of each lease under which the step was started: its holder may bring the answer late
alter table hai.task_step add column token_digests bytea[];
-- of the lease under which the call was reserved: who made it says what it came to
alter table hai.usage add column token_digest bytea;`

export const BUILT_IN_LANE = `
insert into hai.lane_slot (lane, no) select 'builtin', generate_series(1, 8);`

export const TURNS = `
-- which turn of a conversation is the next
create index task_turn on hai.task_queue (conversation_id, created_at, id) where state = 'pending';`

export const CHATS = `
alter table hai.task_queue
  -- what was said before came with it: its turn is now, whatever else is under way in its conversation
  add column chat boolean not null default false,
  -- a chat client's own, such as a title: nobody looks for it
  add column errand boolean not null default false,
  -- who waits for it, each by the name of one wait; null where nobody said so
  add column waiters text[],
  -- since when nobody does
  add column left_at timestamptz;

create table hai.chat (
  task_id text collate "C" primary key references hai.task_queue,
  instructions text not null,
  turns jsonb not null,
  begun text,
  answer jsonb not null,
  -- of the question and what was said before it
  message_digest text not null,
  -- of the question alone
  question_digest text not null,
  -- of a built-in that changed something: what, and how to take that back
  did jsonb,
  created_at timestamptz not null default now()
);
create index chat_by_message on hai.chat (message_digest, created_at desc);
create index chat_by_question on hai.chat (question_digest, created_at desc);

drop index hai.task_conversation;
create unique index task_conversation on hai.task_queue (conversation_id)
  where state in ('running', 'awaiting_approval') and not chat;
-- the same question while it is under way, and where nobody has seen the answer
create index task_same on hai.task_queue (requester, request_digest)
  where chat and (finished_at is null or left_at is not null);

-- lists leave errands out, and count chats apart, without a look at the rows
drop index hai.task_by_time, hai.task_ended, hai.task_by_source, hai.task_by_requester, hai.task_by_agent;
create index task_by_time on hai.task_queue (created_at desc, id desc) include (chat, errand);
create index task_ended on hai.task_queue (state, created_at desc, id desc) include (errand)
  where finished_at is not null;
create index task_by_source on hai.task_queue (source, created_at desc, id desc) include (chat, errand);
create index task_by_requester on hai.task_queue (requester, created_at desc, id desc) include (chat, errand);
create index task_by_agent on hai.task_queue (agent, created_at desc, id desc) include (chat, errand)
  where agent is not null;
create index task_errand on hai.task_queue (created_at desc, id desc) where errand;
-- a chat is one line, and its newest question stands for it
create index task_by_chat on hai.task_queue (conversation_id, created_at desc, id desc)
  include (requester, source, agent) where chat and not errand;

create or replace view hai.task_dlq as select * from hai.task_queue where state = 'dead' and not errand;
create or replace view hai.dashboard_task as
select id, source, state, lane, attempt, verdict, error ->> 'code' as error_code,
  created_at, run_at, claim_at, finished_at
from hai.task_queue where not errand;`

export const GIVEN_BACK = `
-- how often a job that worked on it was told to stop or cancelled: whoever rang it may do that
alter table hai.task_queue add column given_back int not null default 0;`

export const ACKNOWLEDGED = `
alter table hai.task_queue
  -- that it failed is known, and by whom; what it failed of before a retry says nothing of the next time
  add column acknowledged_at timestamptz,
  add column acknowledged_by text;
-- what nobody has seen to yet
create index task_unacknowledged on hai.task_queue (finished_at desc, id desc)
  where state in ('dead', 'expired') and not errand and (acknowledged_at is null or acknowledged_at < finished_at);`

export const NAMED_MODEL = `
-- who is to answer, by the name that the caller gave
alter table hai.task_queue add column model text;`

export const TIME_ZONES = `
-- IANA zone in which times in it are meant; null where its caller named none
alter table hai.task_queue add column time_zone text;`
