/** What is to be done, and the link from a task to the todo that it was made from. */
export const TODOS = `
create table hai.todo (
  id text collate "C" primary key check (id ~ '^[0-7][0-9A-HJKMNP-TV-Z]{25}$'),
  body text not null check (char_length(body) between 1 and 10000),
  status text not null default 'open' check (status in ('open', 'done', 'dropped')),
  tags text[] not null default '{}',
  priority text not null default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
  -- a day in the owner's zone; due_at only when a time was said
  due_on date,
  due_at timestamptz,
  depends_on text[] not null default '{}',
  metadata jsonb not null default '{}',
  created_by text not null,
  idempotency_key text,
  idempotency_until timestamptz,
  request_digest text,
  task_id text collate "C" references hai.task_queue,
  result text,
  -- milliseconds, so that a cursor made of the JSON value is exact
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz not null default now(),
  closed_at timestamptz,
  check (due_at is null or due_on is not null),
  check ((status = 'open') = (closed_at is null))
);
-- few are open among very many: the usual sample may miss them all, and the planner would think that there are none
alter table hai.todo alter column status set statistics 1000;
create index todo_open on hai.todo (coalesce(due_on, 'infinity'), created_at, id) where status = 'open';
create index todo_by_time on hai.todo (created_at desc, id desc);
create index todo_closed on hai.todo (status, created_at desc, id desc) where status <> 'open';
create index todo_tags on hai.todo using gin (tags);
create index todo_suffix on hai.todo (reverse(id));
create index todo_words on hai.todo using gin (to_tsvector('simple', body));
create unique index todo_idempotency on hai.todo (created_by, idempotency_key)
  where idempotency_key is not null;
alter table hai.task_queue add constraint task_todo foreign key (todo_id) references hai.todo;`

export const TODO_WRITERS = `
-- who wrote the body as it is, where that is not who added it
alter table hai.todo add column written_by text;`

export const TODO_CHANGERS = `
-- who closed it, and who changed it last and when; null of what nobody or the release before did
alter table hai.todo add column closed_by text, add column changed_by text, add column changed_at timestamptz;`

export const TODO_JOURNAL = `
-- what one call, or several with one batch, made of a todo: only the columns that it changed. Kept for a while
create table hai.todo_change (
  id bigint generated always as identity primary key,
  batch text not null,
  todo_id text collate "C" not null references hai.todo,
  made_by text not null,
  made_at timestamptz(3) not null default now(),
  -- null of one that was put down
  was jsonb,
  became jsonb not null,
  undone_at timestamptz,
  -- by which call, as one whose answer was lost is sent again
  undone_key text
);
create index todo_change_last on hai.todo_change (made_by, id desc) where undone_at is null;
create index todo_change_batch on hai.todo_change (made_by, batch);
create index todo_change_todo on hai.todo_change (todo_id, id desc);
create index todo_change_time on hai.todo_change (made_at);
create index todo_change_undone on hai.todo_change (made_by, undone_key) where undone_key is not null;
-- by what rule there is a next one, as it is read again and in whose zone, and which one it came after
alter table hai.todo add column recur text check (char_length(recur) between 1 and 200), add column recur_zone text,
  add column follows text collate "C" references hai.todo, add check ((recur is null) = (recur_zone is null));
create unique index todo_follows on hai.todo (follows) where follows is not null;`
