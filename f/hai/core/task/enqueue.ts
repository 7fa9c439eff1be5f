import type { Caller } from '../base/caller.ts'
import { inTransaction, json, type Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { newId } from '../base/ids.ts'
import { lockConversations, makeWay, refuseStrangers } from './busy_conversation.ts'
import { storeChats } from './chat.ts'
import { placeChats } from './chat_conversation.ts'
import { findConversations } from './conversation.ts'
import { digestOf, Envelope, type FirstLane, keyOf, laneOf, PRIORITY_SHIFT } from './envelope.ts'
import { endLeft } from './give_way.ts'
import { headStartIn } from './lane.ts'
import type { Accepted } from './shape.ts'
import { type Joined, joinQuestions, lockQuestions, refuseRepeats, waitAgain } from './waiter.ts'

const BATCH = 1000
const PENDING_PER_SOURCE = 5000
const IDEMPOTENCY_SECONDS = 24 * 3600

type Row = ReturnType<typeof toRow>

export interface Origin {
  requester: string
  todoId?: string
  /** What the requester may see beside the requester's own tasks; nothing when not given. */
  sees?: Caller['sees']
  /** IANA zone in which the words are understood; UTC when not given. */
  zone?: string
  /** Whether 3/4 is 3 April in them; undefined where nobody has said. */
  dayFirst?: boolean | undefined
  /** Where a task waits at first; in the lane of its source when not given. */
  firstLane?: FirstLane
}

/**
 * Puts one envelope into the queue; when this resolves inside no transaction of the caller's, the row is committed.
 * The same key or id with the same content is `duplicate` with the first id; with other content `conflict`.
 * `not_found` when its conversation is neither a `#name` nor the id of one; `forbidden` in one that somebody else began;
 * `conflict` in a busy one when the envelope says `reject`.
 */
export async function enqueue(sql: Sql, input: unknown, origin: Origin): Promise<Accepted> {
  const { told } = await enqueueOne(sql, input, origin)
  return told
}

/** For so long (seconds) a chat's errand waits for the question that it comes with, which may come after it. */
const ERRAND_SECONDS = 1

/** What is told of an envelope, and the lane in which its task waits now, if it is a new one. */
export interface Enqueued {
  told: Accepted
  lane?: string
  /** So many seconds from now it is due. */
  dueIn?: number
}

/** `enqueue`, with the lane. */
export async function enqueueOne(sql: Sql, input: unknown, origin: Origin): Promise<Enqueued> {
  const [enqueued] = await put(sql, [input], origin)
  return enqueued!
}

/** All or none, up to 1,000 envelopes, one transaction, a result each in their order. */
export async function enqueueMany(sql: Sql, inputs: unknown[], origin: Origin): Promise<Accepted[]> {
  const enqueued = await put(sql, inputs, origin)
  return enqueued.map(({ told }) => told)
}

async function put(sql: Sql, inputs: unknown[], origin: Origin): Promise<Enqueued[]> {
  if (inputs.length === 0 || inputs.length > BATCH) {
    throw new HaiError('invalid', `body: ${inputs.length} envelopes; send 1 to ${BATCH}`)
  }
  const rows = inputs.map((input, index) => toRow(parseAt(input, index, inputs.length), origin))
  refuseRepeats(rows)
  const sees: Caller['sees'] = origin.sees ?? ((tx) => tx`requester = ${origin.requester}`)
  return inTransaction(sql, async (tx) => {
    await refuseFlood(tx, rows)
    await placeChats(tx, rows)
    const names = await findConversations(tx, rows, sees)
    await lockConversations(tx, rows)
    await lockQuestions(tx, rows)
    await forgetOldKeys(tx, rows)
    const joined = await joinQuestions(tx, rows)
    // the first of a batch that bears an id; one that repeats it is compared with it, as in a later batch
    const firsts = new Map(rows.toReversed().flatMap((row) => (joined.has(row) ? [] : [[row.id, row]])))
    const inserted = await insert(tx, [...firsts.values()])
    const isNew = (row: Row) => inserted.has(row.id) && firsts.get(row.id) === row
    const fresh = rows.filter(isNew)
    await refuseStrangers(tx, fresh, sees)
    await makeWay(tx, fresh, sees)
    await endLeft(tx, fresh)
    await attach(tx, fresh)
    await storeChats(tx, fresh)
    const known = await findKnown(
      tx,
      rows.filter((row) => !isNew(row) && !joined.has(row)),
    )
    const begins = new Map(
      [...names].map((name) => [name, fresh.find((row) => row.conversation_id === name)]),
    )
    const begun = (row: Row) => begins.get(row.conversation_id) === row
    const tell = async (row: Row): Promise<Enqueued> => {
      if (isNew(row)) return { told: accepted(row, begun(row)), lane: row.lane, dueIn: row.delay_seconds }
      const first = joined.get(row) ?? knownAs(row, known)
      if (!joined.has(row)) await waitAgain(tx, first.id, row)
      return { told: duplicate(first) }
    }
    const told: Enqueued[] = []
    for (const row of rows) told.push(await tell(row))
    return told
  })
}

function parseAt(input: unknown, index: number, count: number): Envelope {
  try {
    return parse(Envelope, input)
  } catch (error) {
    if (count === 1 || !(error instanceof HaiError)) throw error
    throw new HaiError(error.code, `envelope ${index}: ${error.message}`, {
      details: { index },
      plain: `envelope ${index}: ${error.plain}`,
      cause: error,
    })
  }
}

function toRow(envelope: Envelope, origin: Origin) {
  const id = envelope.id ?? newId()
  const idempotency_key = keyOf(envelope)
  const { zone = 'UTC', dayFirst } = origin
  const clock = { zone: envelope.time_zone ?? zone, dayFirst, now: new Date() }
  const lane = origin.firstLane?.(envelope, clock) ?? laneOf(envelope.source)
  const errand = envelope.chat?.errand ?? false
  const priority = errand ? 'low' : envelope.priority
  return {
    id,
    source: envelope.source,
    requester: origin.requester,
    on_behalf_of: envelope.user ?? null,
    zulip_user_id: envelope.zulip_user_id ?? null,
    task_ref: envelope.task_id ?? null,
    content: envelope.content,
    conversation_id: envelope.conversation_id ?? id,
    target_agent: envelope.target_agent ?? null,
    model: envelope.model ?? null,
    priority,
    data_tier: envelope.data_tier,
    if_busy: envelope.if_busy,
    time_zone: envelope.time_zone ?? null,
    trace_id: envelope.trace_id ?? null,
    origin: envelope.origin ?? null,
    intent: envelope.intent ?? null,
    destructive: envelope.destructive,
    metadata: envelope.metadata,
    todo_id: origin.todoId ?? null,
    idempotency_key,
    request_digest: digestOf(envelope),
    lane,
    head_start: headStartIn(lane, envelope.source),
    shift_seconds: PRIORITY_SHIFT[priority],
    delay_seconds: errand ? ERRAND_SECONDS : 0,
    ttl_seconds: envelope.ttl_seconds ?? null,
    max_attempts: envelope.retry_policy.max_attempts,
    backoff_seconds: envelope.retry_policy.backoff_seconds,
    context: envelope.context,
    chat: envelope.chat !== undefined,
    errand,
    waiters: envelope.chat?.waiter ? [envelope.chat.waiter] : null,
    chat_sent: envelope.chat ?? null,
  }
}

/** One runaway source must not fill the queue for everybody else. */
async function refuseFlood(sql: Sql, rows: Row[]): Promise<void> {
  for (const source of new Set(rows.map((row) => row.source))) {
    const [full] = await sql`
      select 1 from hai.task_queue
      where state = 'pending' and source = ${source}
      offset ${PENDING_PER_SOURCE - 1} limit 1`
    if (full) {
      const has = `has ${PENDING_PER_SOURCE} tasks pending; nothing was taken, send it again later`
      throw new HaiError('unavailable', `source ${source} ${has}`, {
        details: { retry_after_seconds: 60 },
        plain: `the source ${has}`,
      })
    }
  }
}

/** Also that of a task which ended, or is about to, as whoever asked had left: the same asked again is to be answered. */
async function forgetOldKeys(sql: Sql, rows: Row[]): Promise<void> {
  const keys = rows.flatMap((row) => row.idempotency_key ?? [])
  if (keys.length === 0) return
  await sql`
    update hai.task_queue
    set idempotency_key = null, idempotency_until = null
    where requester = ${rows[0]!.requester} and idempotency_key = any(${keys})
      and (idempotency_until < now() or left_at is not null and (state = 'cancelled'
        or finished_at is null and expires_at <= now()))`
}

/** Columns of the queue that come of an envelope as they are; any other follows from them, or is not set yet. */
const COLUMNS = [
  'id',
  'source',
  'requester',
  'on_behalf_of',
  'zulip_user_id',
  'task_ref',
  'content',
  'conversation_id',
  'target_agent',
  'model',
  'priority',
  'data_tier',
  'time_zone',
  'trace_id',
  'origin',
  'intent',
  'destructive',
  'metadata',
  'todo_id',
  'idempotency_key',
  'request_digest',
  'lane',
  'ttl_seconds',
  'max_attempts',
  'backoff_seconds',
  'chat',
  'errand',
  'waiters',
] satisfies (keyof Row)[]

async function insert(sql: Sql, rows: Row[]): Promise<Set<string>> {
  const inserted = await sql<{ id: string }[]>`
    with given as (
      select task.*, (row ->> 'shift_seconds')::int + (row ->> 'head_start')::int as earlier,
        now() + make_interval(secs => (row ->> 'delay_seconds')::int) as due
      from jsonb_array_elements(${json(
        sql,
        rows.map(({ context: _, chat_sent: __, ...row }) => row),
      )}) as row, jsonb_populate_record(null::hai.task_queue, row) as task
    ), accepted as (
      insert into hai.task_queue (
        ${sql(COLUMNS)}, idempotency_until, run_at, claim_at, expires_at, last_seq)
      select ${sql(COLUMNS)},
        case when idempotency_key is not null then now() + make_interval(secs => ${IDEMPOTENCY_SECONDS}) end,
        due, due - make_interval(secs => earlier), now() + make_interval(secs => ttl_seconds), 1
      from given
      -- in key order, so that two batches with the same keys never wait for each other in a circle
      order by idempotency_key, id
      on conflict do nothing
      returning id, source, requester
    ), told as (
      insert into hai.task_event (task_id, seq, type, text)
      select id, 1, 'accepted', 'accepted from ' || source from accepted
    )
    select id from accepted`
  return new Set(inserted.map((row) => row.id))
}

async function attach(sql: Sql, rows: Row[]): Promise<void> {
  const parts = rows.flatMap((row) => row.context.map((part) => ({ task_id: row.id, ...part })))
  if (parts.length === 0) return
  await sql`
    insert into hai.artifact (task_id, name, media_type, content)
    select task_id, name, media_type, content
    from jsonb_to_recordset(${json(sql, parts)}) as p(task_id text, name text, media_type text, content text)`
}

interface Known {
  id: string
  requester: string
  idempotency_key: string | null
  conversation_id: string
  request_digest: string
  job_id: string | null
}

/** A statement of its own: the one that lost the race could not yet see the winner's row. */
async function findKnown(sql: Sql, rows: Row[]): Promise<Known[]> {
  if (rows.length === 0) return []
  const keys = rows.flatMap((row) => row.idempotency_key ?? [])
  return sql<Known[]>`
    select id, requester, idempotency_key, conversation_id, request_digest, job_id
    from hai.task_queue
    where id = any(${rows.map((row) => row.id)})
       or (requester = ${rows[0]!.requester} and idempotency_key = any(${keys}))`
}

function accepted({ id, conversation_id }: Row, begins: boolean): Accepted {
  const told = begins ? { begins_conversation: true as const } : {}
  return { task_id: id, status: 'accepted', conversation_id, ...told }
}

function knownAs(row: Row, known: Known[]): Known {
  const first =
    known.find((task) => task.id === row.id) ??
    known.find((task) => task.idempotency_key !== null && task.idempotency_key === row.idempotency_key)
  if (first?.requester !== row.requester || first.request_digest !== row.request_digest) {
    const name = first?.id === row.id ? `id ${row.id}` : `idempotency key ${row.idempotency_key}`
    const cure = 'already belongs to another task; send this one with a new key'
    throw new HaiError('conflict', `${name} ${cure}`, {
      details: first?.requester === row.requester ? { task_id: first.id } : {},
      plain: `the ${first?.id === row.id ? 'id' : 'idempotency key'} ${cure}`,
    })
  }
  return first
}

function duplicate({ id: task_id, conversation_id, job_id }: Joined): Accepted {
  return { task_id, status: 'duplicate', conversation_id, ...(job_id ? { job_id } : {}) }
}
