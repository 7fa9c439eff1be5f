import {
  type Caller,
  DEFAULT_MEMBERS,
  identify,
  type Members,
  principal,
} from '../../f/hai/core/base/caller.ts'
import type { Pool, Sql } from '../../f/hai/core/base/db.ts'
import { firstLane } from '../../f/hai/core/builtin/first_lane.ts'
import { cancel } from '../../f/hai/core/task/change.ts'
import { enqueue } from '../../f/hai/core/task/enqueue.ts'
import { complete, fail } from '../../f/hai/core/task/finish.ts'
import { claim, LANES } from '../../f/hai/core/task/lease.ts'
import type { ClaimedTask, State } from '../../f/hai/core/task/shape.ts'
import type { TodoAdded } from '../../f/hai/core/todo/shape.ts'
import { addTodo } from '../../f/hai/core/todo/todos.ts'
import type { Taker } from '../../f/hai/core/work/built_in.ts'
import type { TestDatabase } from './database.ts'

const MEMBERS: Members = {
  ...DEFAULT_MEMBERS,
  guest: { role: 'member', usernames: ['guest'] },
  robot: { role: 'machine', usernames: ['robot'] },
}

/** A member of the test household: `operator`, `guest` (sees only his own) or `robot` (a machine). */
export const aCaller = (name: 'operator' | 'guest' | 'robot' = 'operator', zone = 'UTC'): Caller =>
  identify(name, MEMBERS, zone)

/** The job of an inbox, for the test household. */
export const aTaker = (jobId?: string): Taker => ({
  jobId,
  principal: (requester) => principal(requester, MEMBERS, 'UTC'),
})

/** What a client sends; `given` replaces and adds fields, right or wrong. */
export const anEnvelope = (given: Record<string, unknown> = {}): Record<string, unknown> => ({
  source: 'cli',
  content: 'what is open?',
  ...given,
})

/** What only a model can answer. */
export const FOR_A_MODEL = { content: 'why is the rack so loud?' }

/** A pending task's id. */
export async function aTask(
  sql: Sql,
  given: Record<string, unknown> = {},
  requester = 'operator',
): Promise<string> {
  return (await enqueue(sql, anEnvelope(given), { requester, firstLane })).task_id
}

/** The next due task, claimed; the test fails when there is none. */
export async function claimed(
  sql: Sql,
  worker = 'w-1',
  lanes: readonly string[] = LANES,
): Promise<ClaimedTask> {
  const task = await claim(sql, { worker, lanes: [...lanes] })
  if (!task) throw new Error('there was nothing to claim')
  return task
}

/** A task that was put into a queue with nothing else due, and claimed. */
export async function aRunningTask(
  sql: Sql,
  given: Record<string, unknown> = {},
  worker = 'w-1',
): Promise<ClaimedTask> {
  await aTask(sql, given)
  return claimed(sql, worker)
}

/** A task that ended as `state`, through the verbs that end it so. */
export async function anEndedTask(
  sql: Sql,
  state: 'done' | 'dead' | 'cancelled' | 'expired' | 'rejected',
  given: Record<string, unknown> = {},
): Promise<string> {
  const { id, lease_no, lease_token } = await aRunningTask(sql, given)
  if (state === 'done') await complete(sql, { id, lease_no, lease_token, output: 'an answer' })
  else if (state === 'cancelled') await cancel(sql, { id }, aCaller())
  else await fail(sql, { id, lease_no, lease_token, code: 'broken', message: 'it broke' })
  if (state === 'expired' || state === 'rejected')
    await sql`update hai.task_queue set state = ${state} where id = ${id}`
  return id
}

/** A todo of the operator's. */
export const aTodo = (sql: Sql, given: Partial<Parameters<typeof addTodo>[1]> = {}): Promise<TodoAdded> =>
  addTodo(sql, { body: 'replace the UPS battery', created_by: 'operator', zone: 'UTC', ...given })

/** A row of `task_queue`, with what tests look at. */
export interface TaskRow {
  id: string
  state: State
  attempt: number
  max_attempts: number
  lease_no: number
  last_seq: number
  run_at: string
  claim_at: string
  expires_at: string | null
  finished_at: string | null
  output: string | null
  error: { code: string; message: string } | null
  idempotency_key: string | null
  conversation_id: string
  suspends: number
  job_id: string | null
}

/** The task as the table has it. */
export async function rowOf(sql: Sql, id: string): Promise<TaskRow> {
  const [row] = await sql<TaskRow[]>`select * from hai.task_queue where id = ${id}`
  if (!row) throw new Error(`task ${id} has vanished`)
  return row
}

/** The types of a task's events, in order. */
export async function eventTypes(sql: Sql, id: string): Promise<string[]> {
  const rows = await sql<
    { type: string }[]
  >`select type from hai.task_event where task_id = ${id} order by seq`
  return rows.map((row) => row.type)
}

/** Lets `seconds` pass for a task: all its times move into the past by as much, and its lease's too. */
export async function age(sql: Sql, id: string, seconds: number): Promise<void> {
  await sql`
    update hai.task_queue set
      run_at = run_at - make_interval(secs => ${seconds}), claim_at = claim_at - make_interval(secs => ${seconds}),
      expires_at = expires_at - make_interval(secs => ${seconds}),
      idempotency_until = idempotency_until - make_interval(secs => ${seconds})
    where id = ${id}`
  await sql`update hai.lease set until = until - make_interval(secs => ${seconds}) where task_id = ${id}`
}

/** How many slots of a lane hold a task. */
export async function busySlots(sql: Sql, lane?: string): Promise<number> {
  const [row] = await sql<{ busy: number }[]>`
    select count(task_id)::int as busy from hai.lane_slot where ${lane === undefined} or lane = ${lane ?? ''}`
  return row!.busy
}

/** What an empty queue and todo list have nothing in, with all that hangs on a task or a todo. */
const CLEARED = ['task_queue', 'todo', 'wakeup', 'pulse', 'config', 'worker', 'endpoint']

/** An empty queue and todo list; the lanes have their slots as after migrating. */
export async function clear(sql: Pool): Promise<void> {
  await sql.begin(async (tx) => {
    await emptied(tx, CLEARED)
    await tx`
      insert into hai.lane_slot (lane, no)
      select 'builtin', generate_series(1, 8) union all
      select 'interactive', generate_series(1, 4) union all select 'batch', generate_series(1, 2)`
  })
}

/**
 * Deletes what is in these tables and in those that refer to them, once whoever is at work in them has ended. As truncate
 * with cascade, which makes a new file for each table and index: fifty times the work where there are a few rows.
 */
export const empty = (sql: Pool, names: string[]) => sql.begin((tx) => emptied(tx, names))

async function emptied(sql: Sql, names: string[]): Promise<void> {
  const tables = await withDependents(sql, names)
  await sql.unsafe(`lock table ${tables.join(', ')} in access exclusive mode`)
  const [row] = await sql<{ size: number }[]>`
    select max(pg_relation_size(name::regclass))::int as size from unnest(${tables}::text[]) name`
  if (row!.size > LARGE_BYTES) {
    await sql.unsafe(`truncate ${tables.join(', ')}`)
    return
  }
  // in one statement, as tables refer to each other in a circle
  const deletes = tables.map((table, at) => `d${at} as (delete from ${table})`)
  await sql.unsafe(`with ${deletes.join(', ')} select`)
}

/** From here on to look up for each row who refers to it takes longer than new files. */
const LARGE_BYTES = 2 ** 19

/** All databases of a run are copies of one. */
const dependents = new Map<string, string[]>()

async function withDependents(sql: Sql, names: string[]): Promise<string[]> {
  const key = names.join()
  const known = dependents.get(key)
  if (known) return known
  const rows = await sql<{ name: string }[]>`
    with recursive cleared as (
      select unnest(${names.map((name) => `hai.${name}`)}::text[])::regclass as relid
      union select conrelid from pg_constraint join cleared on confrelid = relid and contype = 'f')
    select relid::regclass::text as name from cleared`
  const tables = rows.map(({ name }) => name)
  dependents.set(key, tables)
  return tables
}

/**
 * A pool on a server that, as far as core can tell, never restarted. A test that moves leases into the past would
 * move them before the start of its own server, and that is a crash.
 */
export async function onOldServer(db: TestDatabase): Promise<Pool> {
  await db.sql`create schema past`
  await db.sql`
    create function past.pg_postmaster_start_time() returns timestamptz language sql as
      $$ select timestamptz '-infinity' $$`
  const [database] = await db.sql<{ name: string }[]>`select current_database() as name`
  // what such tests ask of a disk is not what they are about
  await db.sql`alter database ${db.sql(database!.name)} set synchronous_commit = off`
  // pg_catalog is named because it would come first otherwise
  await db.sql`alter database ${db.sql(database!.name)} set search_path = past, pg_catalog`
  return db.open({ max: 10 })
}
