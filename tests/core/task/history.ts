import type { Pool, Sql } from '../../../f/hai/core/base/db.ts'

interface Rows {
  from: number
  to: number
  /** Of number `n`: an SQL expression. */
  state: string
  /** How long before now it was made: an SQL expression. */
  age: string
}

const ENDED = `case when n % 100 < 6 then 'dead' when n % 100 < 9 then 'cancelled' when n % 100 < 10 then 'expired'
  else 'done' end`

/** A house in its first month: 300 tasks today, some of them open, 3,000 before; 60 open todos, 1,000 closed. */
export async function fillPresent(sql: Pool): Promise<void> {
  await addTasks(sql, {
    from: 1,
    to: 3000,
    state: ENDED,
    age: `interval '2 days' + (3000 - n) * interval '14 minutes'`,
  })
  await addTasks(sql, {
    from: 3001,
    to: 3300,
    state: `case when n <= 3040 then 'pending' when n <= 3044 then 'running' when n <= 3050 then 'awaiting_approval'
      when n % 20 = 0 then 'dead' else 'done' end`,
    age: `(3301 - n) * interval '3 minutes'`,
  })
  const age = `(1100 - n) * interval '40 minutes'`
  await addTodos(sql, { from: 1, to: 1060, state: `case when n <= 1000 then 'done' else 'open' end`, age })
  await settle(sql)
}

/** 250,000 tasks that ended over the two years before that, and 50,000 closed todos. */
export async function fillHistory(sql: Pool): Promise<void> {
  const age = `interval '40 days' + (500001 - n) * interval '4 minutes'`
  const parts = [
    { from: 250_001, to: 375_000 },
    { from: 375_001, to: 500_000 },
  ]
  await withoutIndexes(sql, async () => {
    const tasks = parts.map((part) => addTasks(sql, { ...part, state: ENDED, age }))
    await Promise.all([...tasks, addTodos(sql, { from: 250_001, to: 300_000, state: `'done'`, age })])
  })
  await settle(sql)
}

const idFrom = (n: number) => `01${String(n).padStart(10, '0')}`

/** Every fourth conversation is a chat, of four questions and an errand. */
async function addTasks(sql: Sql, { from, to, state, age }: Rows): Promise<void> {
  // no more than these: who adds others meanwhile would meet the same rows in another order
  const added = `id >= '${idFrom(from)}' and id < '${idFrom(to + 1)}'`
  await sql.unsafe(`
    insert into hai.task_queue (id, state, source, requester, content, conversation_id, priority, data_tier,
      request_digest, lane, run_at, claim_at, max_attempts, backoff_seconds, attempt, next_attempt, lease_no, last_seq,
      agent, output, error, idempotency_key, idempotency_until, chat, errand, created_at, started_at, finished_at, waiters, left_at)
    select '01' || lpad(n::text, 10, '0') || left(upper(md5(n::text)), 14), state,
      (array['cli', 'voice', 'zulip', 'alertmanager', 'scheduled', 'holmesgpt'])[1 + n % 6],
      (array['operator', 'operator', 'operator', 'guest', 'robot'])[1 + n % 5],
      'what about disk ' || n % 1000 || ' on node ' || n % 17 || '?', case when state in ('running', 'awaiting_approval') then 'conversation of ' || n else 'conversation ' || n / 5 end,
      'normal', 'internal', md5(n::text), case when n % 2 = 0 then 'interactive' else 'batch' end, at, at, 3, 10,
      1, true, 1, 3, case when state <> 'pending' then 'built-in' end, case state when 'done' then repeat('fine. ', 30) end,
      case state when 'done' then null when 'pending' then null else '{"code": "x", "message": "x"}'::jsonb end,
      case when at > now() - interval '1 day' then 'key ' || n end,
      case when at > now() - interval '1 day' then at + interval '1 day' end,
      n / 5 % 4 = 0, n / 5 % 4 = 0 and n % 5 = 4, at, at, case when state in ('pending', 'running', 'awaiting_approval') then null else at + interval '5 seconds' end,
      -- of those that run one was left
      case when state = 'running' and n % 5 = 1 then '{}'::text[] end, case when state = 'running' and n % 5 = 1 then at end
    from (select n, ${state} as state, now() - (${age}) as at from generate_series(${from}, ${to}) n) made
    order by n`)
  await sql.unsafe(`
    insert into hai.lease select id, 1, 'w-1', now() + interval '1 hour' from hai.task_queue
    where state = 'running' and ${added}`)
  await sql.unsafe(`
    insert into hai.chat (task_id, instructions, turns, answer, message_digest, question_digest, created_at)
    select id, '', '[]', '{}', md5(id), md5(content), created_at from hai.task_queue
    where chat and ${added}`)
}

async function addTodos(sql: Sql, { from, to, state, age }: Rows): Promise<void> {
  await sql.unsafe(`
    insert into hai.todo (id, body, status, tags, priority, due_on, created_by, created_at, closed_at)
    select '01' || lpad(n::text, 10, '0') || left(upper(md5(n::text)), 14), 'replace battery ' || n, ${state},
      array['tag-' || n % 40, 'tag-' || n % 7], 'normal', current_date + n % 30, 'operator', now() - (${age}),
      case ${state} when 'open' then null else now() - (${age}) end
    from generate_series(${from}, ${to}) n`)
}

/** Bulk loading as one does it: the same indexes are built anew over all rows afterwards. */
async function withoutIndexes(sql: Pool, load: () => Promise<void>): Promise<void> {
  const indexes = await sql<{ name: string; definition: string }[]>`
    select format('%I.%I', schemaname, indexname) as name, indexdef as definition
    from pg_indexes
    where schemaname = 'hai' and tablename in ('task_queue', 'todo')
      and not exists (select from pg_constraint c where c.conindid = format('%I.%I', schemaname, indexname)::regclass)`
  for (const { name } of indexes) await sql.unsafe(`drop index ${name}`)
  await load()
  await Promise.all(indexes.map(({ definition }) => sql.unsafe(definition)))
}

async function settle(sql: Pool): Promise<void> {
  await Promise.all(
    ['task_queue', 'todo', 'lease', 'chat'].map((table) => sql`vacuum (analyze) ${sql(`hai.${table}`)}`),
  )
}
