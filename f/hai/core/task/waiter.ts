import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import { lockNames, type Part, type Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { shortId, taskId } from '../base/ids.ts'
import { WAITER } from './chat.ts'
import { BUILT_IN } from './lease.ts'
import type { State } from './shape.ts'

/** For so long (seconds) a task goes on that nobody waits for any more: a client that tries again hangs up first. */
const GRACE_SECONDS = 15

/** For so long (seconds) an answer that nobody waited for any more is given to who asks the same again. */
const UNSEEN_SECONDS = 300

/** A question on its way, with the name of the wait for its answer, if it has one. */
export interface Waiting {
  id: string
  requester: string
  request_digest: string
  idempotency_key: string | null
  waiters: string[] | null
}

/** The task that somebody now waits for with others, or again. */
export interface Joined {
  id: string
  conversation_id: string
  job_id: string | null
}

const joins = ({ waiters, idempotency_key }: Waiting) => waiters !== null && idempotency_key === null

/** One question twice in a batch would have to join itself. */
export function refuseRepeats(rows: Waiting[]): void {
  const first = new Map<string, number>()
  for (const [index, row] of rows.entries()) {
    if (!joins(row)) continue
    const before = first.get(row.request_digest)
    if (before !== undefined) {
      const why = `asks what envelope ${before} asks, and each says chat.waiter; send the question once`
      throw new HaiError('invalid', `envelope ${index} ${why}`, { details: { index } })
    }
    first.set(row.request_digest, index)
  }
}

/** Until the transaction ends, nobody else decides whether these are asked for the first time. */
export async function lockQuestions(tx: Sql, rows: Waiting[]): Promise<void> {
  const names = rows.filter(joins).map((row) => `${row.requester} ${row.request_digest}`)
  await lockNames(tx, 'hai.question', names)
}

/**
 * The task of the same question that has not ended, by row: that one is waited for now. A key of the caller's own says
 * which delivery is which, and is not asked here, nor is an id that is known. An answer that all had left before it came
 * was seen by nobody: it is this one's. What hai answers itself is answered anew, as it may have changed since.
 */
export async function joinQuestions<Row extends Waiting>(tx: Sql, rows: Row[]): Promise<Map<Row, Joined>> {
  const joined = new Map<Row, Joined>()
  for (const row of rows.filter(joins)) {
    const same = tx`
      requester = ${row.requester} and request_digest = ${row.request_digest}
      and chat and (finished_at is null or left_at is not null)
      and not exists (select from hai.task_queue where id = ${row.id})
      and (finished_at is null or (state = 'done' and route is distinct from 'built-in'
        and finished_at > now() - make_interval(secs => ${UNSEEN_SECONDS})))`
    const task = await join(tx, same, row.waiters![0]!)
    if (task) joined.set(row, task)
  }
  return joined
}

/** The task that a key or an id named is waited for again, where it has not ended. */
export async function waitAgain(tx: Sql, id: string, { waiters }: Waiting): Promise<void> {
  if (waiters) await join(tx, tx`id = ${id} and chat and finished_at is null`, waiters[0]!)
}

async function join(tx: Sql, which: Part, waiter: string): Promise<Joined | undefined> {
  const [task] = await tx<Joined[]>`
    with same as (
      select id, left_at from hai.task_queue
      where ${which} and (finished_at is not null or expires_at is null or expires_at > now())
      order by finished_at is not null, created_at desc, id desc
      limit 1
      for update
    ), joined as (
      update hai.task_queue t
      set left_at = null, last_seq = last_seq + 1, updated_at = now(),
          -- of one for which somebody waits without a name nobody can say that all have left
          waiters = case when finished_at is null and waiters is not null
            then array_append(array_remove(waiters, ${waiter}), ${waiter}) else waiters end,
          expires_at = case when same.left_at is null or finished_at is not null then expires_at else ${fullTime(tx)} end
      from same where t.id = same.id
      returning t.id, t.conversation_id, t.job_id, t.last_seq, same.left_at is not null as was_left
    ), told as (
      insert into hai.task_event (task_id, seq, type, text)
      select id, last_seq, 'joined', case when was_left then 'asked again by who had left'
        else 'asked again while it is under way: one answer for all' end
      from joined
    )
    select id, conversation_id, job_id from joined`
  return task
}

/** When `t`, a row of `task_queue`, ends if nobody leaves. */
const fullTime = (tx: Sql) => tx`(
  select max(at) + make_interval(secs => t.ttl_seconds) from hai.task_event e
  where t.ttl_seconds is not null and e.task_id = t.id and e.type in ('accepted', 'retried'))`

const Leave = z.strictObject({ id: z.string(), waiter: WAITER })

/** How a task stands that somebody left; `left` when nobody waits for it any more. */
export interface Left {
  id: string
  state: State
  left?: true
}

/**
 * Takes back one wait for a task's answer. When it was the last, the task ends 15 s later, unless the same is asked again:
 * `cancelled`. Leaving twice is fine, and so is leaving what has ended, or what hai answers itself, which is done in a
 * moment. `forbidden` for whoever did not ask it.
 */
export async function leave(sql: Sql, input: z.input<typeof Leave>, caller: Caller): Promise<Left> {
  const { id: given, waiter } = parse(Leave, input)
  const id = await taskId(sql, given, caller)
  const [left] = await sql`
    with gone as (
      update hai.task_queue
      set waiters = array_remove(waiters, ${waiter}), last_seq = last_seq + 1, updated_at = now(),
          left_at = case when waiters <@ array[${waiter}]::text[] then now() end,
          expires_at = case when waiters <@ array[${waiter}]::text[]
            then least(expires_at, now() + make_interval(secs => ${GRACE_SECONDS})) else expires_at end
      where id = ${id} and requester = ${caller.name} and finished_at is null and waiters @> array[${waiter}]::text[]
        and lane <> ${BUILT_IN}
      returning id, last_seq, left_at
    )
    insert into hai.task_event (task_id, seq, type, text)
    select id, last_seq, 'left', case when left_at is null then 'one who asked left; others wait'
      else 'whoever asked left; it ends in ' || ${GRACE_SECONDS}::int || ' s unless the same is asked again' end
    from gone
    returning task_id`
  const [task] = await sql<{ state: State; requester: string; left_at: string | null }[]>`
    select state, requester, left_at from hai.task_queue where id = ${id}`
  if (!left && task!.requester !== caller.name) {
    throw new HaiError(
      'forbidden',
      `task ${shortId(id)} was asked by somebody else; only who asked it can leave it`,
      {
        plain: 'the task was asked by somebody else; only who asked it can leave it',
      },
    )
  }
  return { id, state: task!.state, ...(task!.left_at ? { left: true } : {}) }
}
