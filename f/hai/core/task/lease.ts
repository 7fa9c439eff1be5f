import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Part, Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { MOST_INT } from '../base/time.ts'
import { chatOf } from './chat.ts'
import type { ClaimedTask } from './shape.ts'

/** How often a holder renews, and how long a lease outlives its last renewal; seconds, by the database's clock. */
export const HEARTBEAT_SECONDS = 3
export const LEASE_SECONDS = 15

/** Where what hai answers itself waits, so that it is looked for first and no slot that it needs asks a model. */
export const BUILT_IN = 'builtin'
/** Where what asks a model waits, a person's and a machine's. */
export const MODEL_LANES = ['interactive', 'batch'] as const
/** Those that all share, in the order in which a worker looks. */
export const LANES = [BUILT_IN, ...MODEL_LANES] as const

const Claim = z.strictObject({
  worker: z.string().min(1).max(200),
  lanes: z
    .array(z.string().min(1))
    .min(1)
    .default([...LANES]),
  job_id: z.string().min(1).optional(),
  /** For a worker of whom nothing is known but the lanes: of those that all share it gets nothing restricted. */
  elsewhere: z.boolean().default(false),
  /** For a worker that would read the conversation in place of what a chat sent: it gets no chat. */
  chatless: z.boolean().default(false),
  /** Who may end the worker's job at will, other than the operator: see `claimable`. */
  owner: z.string().optional(),
  /** No task but this one, whichever is the next. */
  only: z.string().optional(),
})

/**
 * The holder's proof: a task, the fencing token that its claim gave, and the secret beside it, since numbers can be
 * guessed. Without the secret the lease is as one that was lost.
 */
export const Held = z.strictObject({
  id: z.string().min(1),
  lease_no: z.int().positive().max(MOST_INT),
  lease_token: z.string().max(200).optional(),
})
export type Held = z.output<typeof Held>

/** What of a leased task is that proof. */
export const heldOf = ({ id, lease_no, lease_token }: Held): Held => ({ id, lease_no, lease_token })

/** What is stored of a lease's secret. Digests are compared, so that the time it takes tells nothing of the secret. */
export const tokenDigest = ({ lease_token }: Pick<Held, 'lease_token'>): Buffer | null =>
  lease_token === undefined ? null : createHash('sha256').update(lease_token).digest()

/** Whether `l`, a row of `hai.lease`, is the holder's. The release before leased without a secret. */
const isHeldBy = (sql: Sql, held: Held) => sql`
  l.task_id = ${held.id} and l.lease_no = ${held.lease_no}
  and (l.token_digest is null or l.token_digest = ${tokenDigest(held)}::bytea)`

/** Whether a row of `hai.task_queue` is in the holder's hands. */
export const inHandsOf = (sql: Sql, held: Held) => sql`
  id = ${held.id} and state = 'running' and lease_no = ${held.lease_no}
  -- of this number there is one lease and one secret for ever, so that a row locked meanwhile need not ask again
  and exists (select from hai.lease l where ${isHeldBy(sql, held)})`

/**
 * Leases the next due task of the first lane that has one and a free slot, or gives null.
 * Between two concurrent claims a task can be passed over; `hasClaimable` tells before a worker gives up.
 */
export async function claim(sql: Sql, input: z.input<typeof Claim>): Promise<ClaimedTask | null> {
  const { worker, lanes, job_id, ...scope } = parse(Claim, input)
  // made here: the database sees its digest only, and so do its logs
  const lease_token = randomBytes(24).toString('base64url')
  const holder = { worker, job_id: job_id ?? null, digest: tokenDigest({ lease_token }) }
  for (const lane of lanes) {
    const task = await claimIn(sql, lane, holder, scope).catch(passedOver)
    if (task) return { ...task, lease_token }
  }
  return null
}

/** Two claims met in one conversation, and the index let one of them through. */
function passedOver(error: { code?: string; constraint_name?: string }): null {
  if (error.code === '23505' && error.constraint_name === 'task_conversation') return null
  throw error
}

/** So often a task is given back by jobs that anybody may have rung and ended; then it is for trusted ones. */
export const MOST_GIVEN_BACK = 3

/**
 * Which rows `t` of `task_queue` may be leased now: due, in time, the next turn of their conversation, and not left by all
 * who waited for them. To the job of
 * `owner`, who may end it at will, no task that was given back too often and is another's: each time somebody
 * pays for what is thrown away.
 */
export const claimable = (sql: Sql, owner?: string) => sql`
  t.state = 'pending' and t.claim_at <= now() and (t.expires_at is null or t.expires_at > now())
  and t.left_at is null and (t.chat or (not exists (
    select from hai.task_queue busy
    where busy.conversation_id = t.conversation_id and busy.state in ('running', 'awaiting_approval')
      and not busy.chat)
  and not ${isBehind(sql)}))
  ${owner === undefined ? sql`` : sql`and (t.given_back < ${MOST_GIVEN_BACK} or t.requester = ${owner})`}`

/** Whether an earlier turn of its conversation has yet to begin, or to go on: in another lane, or put off till later. */
export const isBehind = (sql: Sql) => sql`
  exists (
    select from hai.task_queue earlier
    where earlier.conversation_id = t.conversation_id and earlier.state = 'pending' and not earlier.chat
      and (earlier.created_at, earlier.id) < (t.created_at, t.id)
      and (earlier.expires_at is null or earlier.expires_at > now()))`

/** Of those, what a worker elsewhere may see: whom it asks is known of lanes with a backend's name only. */
const shown = (sql: Sql) => sql`and (t.data_tier <> 'restricted' or t.lane <> all(${[...LANES]}))`

/** Who claims, and what, as far as it matters to which tasks are given. */
type Scope = Pick<z.input<typeof Claim>, 'elsewhere' | 'chatless' | 'owner' | 'only'>

const claimableBy = (sql: Sql, { elsewhere, chatless, owner, only }: Scope) =>
  sql`${claimable(sql, owner)} ${elsewhere ? shown(sql) : sql``} ${chatless ? sql`and not t.chat` : sql``} ${only === undefined ? sql`` : sql`and t.id = ${only}`}`

async function claimIn(
  sql: Sql,
  lane: string,
  { worker, job_id, digest }: { worker: string; job_id: string | null; digest: Buffer | null },
  scope: Scope,
): Promise<Omit<ClaimedTask, 'lease_token'> | null> {
  const [task] = await sql<Omit<ClaimedTask, 'lease_token'>[]>`
    with due as (
      select id from hai.task_queue t
      where lane = ${lane} and ${claimableBy(sql, scope)}
      order by claim_at, id
      limit 1
      for update skip locked
    ), slot as (
      -- only looked for when something is due, so that an idle worker never hides a free slot
      select lane, no from hai.lane_slot
      where lane = ${lane} and task_id is null and not closing and exists (select from due)
      order by no
      limit 1
      for update skip locked
    ), claimed as (
      update hai.task_queue t
      set state = 'running', lease_no = lease_no + 1, last_seq = last_seq + 1,
          attempt = attempt + next_attempt::int, next_attempt = false, job_id = ${job_id},
          started_at = coalesce(started_at, now()), updated_at = now()
      from due, slot
      where t.id = due.id
      returning t.*
    ), leased as (
      insert into hai.lease (task_id, lease_no, token_digest, worker, until)
      select id, lease_no, ${digest}::bytea, ${worker}, now() + make_interval(secs => ${LEASE_SECONDS}) from claimed
      returning task_id, until
    ), taken as (
      update hai.lane_slot s set task_id = claimed.id
      from claimed, slot
      where s.lane = slot.lane and s.no = slot.no
    ), told as (
      insert into hai.task_event (task_id, seq, type, text, data)
      select id, last_seq, 'claimed', 'started by ' || ${worker} || ', attempt ' || attempt || ' of ' || max_attempts,
        jsonb_build_object('lease_no', lease_no, 'attempt', attempt)
      from claimed
    )
    select
      c.id, c.lease_no, c.attempt, c.max_attempts, c.lane, c.content, c.source, c.requester, c.on_behalf_of,
      c.conversation_id, c.target_agent, c.model, c.data_tier, c.todo_id, c.metadata, c.time_zone,
      c.run_at, c.round, l.until as lease_until,
      coalesce((
        select jsonb_agg(jsonb_build_object('name', name, 'media_type', media_type, 'text', content) order by a.id)
        from hai.artifact a where a.task_id = c.id
      ), '[]') as context,
      c.errand, ${chatOf(sql, sql`c.id`)} as chat
    from claimed c join leased l on l.task_id = c.id`
  return task ?? null
}

/** Of `lanes`, or of all that are served here, those in which a due task and a free slot are there at this moment. */
export async function claimableLanes(
  sql: Sql,
  lanes?: readonly string[],
  scope: Scope = { elsewhere: false },
): Promise<string[]> {
  const rows = await sql<{ lane: string }[]>`
    select lane from (
      select distinct lane from hai.lane_slot
      where ${lanes ? sql`lane = any(${[...lanes]})` : sql`not elsewhere`} and task_id is null and not closing
    ) open
    where exists (
      select from hai.task_queue t
      where t.lane = open.lane and ${claimableBy(sql, scope)})
    order by lane`
  return rows.map(({ lane }) => lane)
}

/** Whether a due task and a free slot of its lane are there at this moment. */
export async function hasClaimable(
  sql: Sql,
  lanes: readonly string[] = LANES,
  scope?: Scope,
): Promise<boolean> {
  return (await claimableLanes(sql, lanes, scope)).length > 0
}

/**
 * Extends the lease. `conflict` when it is lost, whatever the reason (cancelled, expired, taken by another): the
 * holder must stop; its slot is free from then on.
 */
export async function heartbeat(sql: Sql, input: Held): Promise<{ until: string }> {
  const held = parse(Held, input)
  const [lease] = await sql<{ until: string }[]>`
    update hai.lease l
    set until = now() + make_interval(secs => ${LEASE_SECONDS})
    where ${isHeldBy(sql, held)}
      and exists (
        select from hai.task_queue t
        where t.id = l.task_id and t.state = 'running' and t.lease_no = l.lease_no
          and (t.expires_at is null or t.expires_at > now()))
    returning until`
  if (lease) return lease
  await expire(sql, held.id)
  throw await leaseLost(sql, held)
}

/** Whether a lease is still the holder's and its task may go on: what a heartbeat would say, looked at and not renewed. */
export async function isHeld(sql: Sql, held: Held): Promise<boolean> {
  const rows = await sql`
    select from hai.lease l join hai.task_queue t on t.id = l.task_id
    where ${isHeldBy(sql, held)} and t.state = 'running' and t.lease_no = l.lease_no
      and (t.expires_at is null or t.expires_at > now())`
  return rows.length > 0
}

/**
 * Gives a task back untouched, as when its worker is told to stop: no attempt is used, its place is kept. Where the worker
 * was a job it counts, as whoever rang it may have ended it.
 */
export async function release(sql: Sql, input: Held, reason: string): Promise<void> {
  await putBack(sql, parse(Held, input), { type: 'released', text: `given back: ${reason}`, givenBack: true })
}

interface PutBack {
  /** Where it waits from now on, if not where it was, and the seconds of its head start in the lane that it leaves. */
  into?: { lane: string; head: number }
  /** It counts as given back by a job. */
  givenBack?: boolean
  /** The event that says so. */
  type: string
  text: string
}

/** Puts a task back that is in these hands: no attempt is used and its lease ends. `conflict` when the lease is lost. */
export async function putBack(
  sql: Sql,
  held: Held,
  { into, givenBack = false, type, text }: PutBack,
): Promise<void> {
  const lane = into?.lane ?? null
  const [task] = await sql`
    with back as (
      update hai.task_queue
      set state = 'pending', next_attempt = false, lane = coalesce(${lane}, lane),
          claim_at = case when ${lane}::text is null then claim_at
            else least(run_at, claim_at + make_interval(secs => ${into?.head ?? 0})) end,
          given_back = given_back + (${givenBack} and job_id is not null)::int,
          last_seq = last_seq + 1, updated_at = now()
      where ${inHandsOf(sql, held)}
      returning id, last_seq
    ), freed as (
      delete from hai.lease where task_id = (select id from back)
    ), told as (
      insert into hai.task_event (task_id, seq, type, text)
      select id, last_seq, ${type}::text, ${text}::text from back
    )
    select id from back`
  if (!task) throw await leaseLost(sql, held)
}

/** `release` for a worker elsewhere. */
export async function giveBack(sql: Sql, held: Held, reason: string): Promise<{ state: 'pending' }> {
  await release(sql, held, parse(z.string().trim().min(1).max(300), reason))
  return { state: 'pending' }
}

/**
 * Says who has the task now, for the worker that no longer has it. As it stops by that, its slot is free: else the next
 * question to a model that answers one at a time would wait until the sweep finds the lease.
 */
export async function leaseLost(sql: Sql, held: Held): Promise<HaiError> {
  const { id, lease_no } = held
  await sql`
    delete from hai.lease l
    where ${isHeldBy(sql, held)}
      and exists (select from hai.task_queue t where t.id = l.task_id and t.state <> 'running')`
  const [task] = await sql<{ state: string; lease_no: number; over: boolean }[]>`
    select state, lease_no, state = 'running' and coalesce(expires_at <= now(), false) as over
    from hai.task_queue where id = ${id}`
  if (!task) return new HaiError('not_found', `task ${id} does not exist; check the id`)
  return new HaiError(
    'conflict',
    `task ${id} is no longer leased under number ${lease_no} (it is ${task.state}, number ${task.lease_no}${task.over ? ', and its time ran out' : ''}); nothing was written, stop working on it`,
    { details: { lease_lost: true, state: task.state, lease_no: task.lease_no } },
  )
}

/** Whether an error says that the task belongs to somebody else by now, so that its holder just lets go. */
export const isLeaseLost = (error: unknown): boolean =>
  error instanceof HaiError && error.details?.lease_lost === true

/** As what a task ends whose time is over: `cancelled` where that was the grace after all had left who waited for it. */
export const endOfTime = (sql: Sql) => sql`case when left_at is null then 'expired' else 'cancelled' end`

/** The error of a task that ends because of that. `id` is the task's, in the statement. */
export const wasLeft = (sql: Sql, id: Part, more = '') => sql`jsonb_build_object(
  'code', 'left', 'message', ${`whoever asked left before there was an answer${more}`}::text,
  'next_step', 'ask again, or hai task retry ' || right(${id}, 6))`

/** Tasks that are ended in one go; the next call takes the rest. */
const BATCH = 500

/** One task that must not outlive its time, or with no id the oldest such tasks. Gives how many ended. */
export async function expire(sql: Sql, id: string | null = null): Promise<number> {
  const rows = await sql`
    with over as (
      select id from hai.task_queue
      where state in ('pending', 'running', 'awaiting_approval') and expires_at <= now()
        and (${id}::text is null or id = ${id})
      order by expires_at
      limit ${BATCH}
      for update skip locked
    ), ended as (
      update hai.task_queue t
      set state = ${endOfTime(sql)}, last_seq = last_seq + 1, updated_at = now(), finished_at = now(),
          error = case when left_at is null
            then jsonb_build_object('code', 'expired', 'message', 'its time ran out while ' || t.state)
            else ${wasLeft(sql, sql`t.id`)} end
      from over where t.id = over.id
      returning t.id, t.state, last_seq, error
    )
    insert into hai.task_event (task_id, seq, type, text)
    select id, last_seq, state, error ->> 'message' from ended
    returning task_id`
  return rows.length
}
