import { createHash } from 'node:crypto'
import { z } from 'zod'
import { inTransaction, json, type Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { storable, storableJson, withoutPasswords, withoutPasswordsIn } from '../base/text.ts'
import { fail } from './finish.ts'
import { Held, heldOf, inHandsOf, isLeaseLost, leaseLost, tokenDigest } from './lease.ts'

/** How a journaled call stands. */
export interface Step {
  state: 'started' | 'finished' | 'unknown'
  response?: unknown
}

const Name = z
  .string()
  .min(1)
  .max(200)
  .transform((name) => withoutPasswords(storable(name)))

const Start = Held.extend({
  call_id: z.string().min(1).max(200),
  name: Name,
  request: z.unknown().optional(),
  /** A call that may not happen twice (class C or D): a start without a finish is never repeated. */
  once: z.boolean().default(false),
})

/**
 * Journals a call before it is made. `finished` gives the response of an earlier attempt, to be used instead of calling.
 * `unknown` means that a call which may happen only once was under way when its worker died: the task has ended `dead`,
 * and only a person's retry lets the call be made again.
 * `conflict` when the lease is lost, or when the same call_id was journaled for another request.
 */
export async function startStep(sql: Sql, input: z.input<typeof Start>): Promise<Step> {
  const step = parse(Start, input)
  const digest = createHash('sha256')
    .update(JSON.stringify(step.request ?? null))
    .digest('hex')
  if (await begun(sql, step, digest)) return { state: 'started' }
  return inTransaction(sql, async (tx) => {
    await lock(tx, step)
    const known = await find(tx, step.call_id)
    if (known && (known.task_id !== step.id || known.request_digest !== digest)) {
      throw new HaiError(
        'conflict',
        `step ${step.call_id} was journaled for another request; give each call an id of its own`,
      )
    }
    if (known?.state === 'finished') return { state: 'finished', response: known.response }
    if (known?.state === 'started' && known.once && known.lease_no !== step.lease_no)
      return unknownOutcome(tx, step)
    await tx`
      insert into hai.task_step as known (call_id, task_id, lease_no, token_digests, name, once, state, request_digest)
      values (${step.call_id}, ${step.id}, ${step.lease_no}, array[${tokenDigest(step)}::bytea], ${step.name},
        ${step.once}, 'started', ${digest})
      on conflict (call_id) do update
        set state = 'started', lease_no = excluded.lease_no, name = excluded.name, once = excluded.once,
            token_digests = known.token_digests || excluded.token_digests, started_at = now()`
    await note(tx, step, 'step', step.name, { call_id: step.call_id })
    return { state: 'started' }
  })
}

/** Journals a call that nobody has begun, in one statement, as whoever asked waits for it; false where that is not so. */
async function begun(sql: Sql, step: z.output<typeof Start>, digest: string): Promise<boolean> {
  const { call_id, name } = step
  const rows = await sql`
    with held as (${lockedRow(sql, step)}), made as (
      insert into hai.task_step (call_id, task_id, lease_no, token_digests, name, once, state, request_digest)
      select ${call_id}, ${step.id}, ${step.lease_no}, array[${tokenDigest(step)}::bytea], ${name}, ${step.once},
        'started', ${digest}
      from held
      on conflict (call_id) do nothing
      returning name
    ), numbered as (
      -- only then: the same request may come twice at this moment, and no number is given for nothing
      update hai.task_queue set last_seq = last_seq + 1
      where id = ${step.id} and exists (select from made)
      returning last_seq
    )
    insert into hai.task_event (task_id, seq, type, text, data)
    select ${step.id}, last_seq, 'step', made.name, ${json(sql, { call_id })} from numbered, made
    returning seq`
  return rows.length > 0
}

const Finish = Held.extend({
  call_id: z.string().min(1).max(200),
  response: z.unknown().optional(),
  /** What was called, where only its answer tells. */
  name: Name.optional(),
  /** What the history is to say of it besides. */
  told: z.record(z.string(), z.unknown()).default({}),
})

/** Journals the response. `conflict` when the lease is lost, `not_found` when the step was never started. */
export async function finishStep(sql: Sql, input: z.input<typeof Finish>): Promise<Step> {
  const step = parse(Finish, input)
  const { id, call_id } = step
  const response = storableJson(step.response ?? null)
  const told = withoutPasswordsIn(storableJson({ call_id, ...step.told }))
  const done = await sql`
    with held as (${lockedRow(sql, step)}), finished as (
      update hai.task_step
      set state = 'finished', response = ${json(sql, response)}, name = coalesce(${step.name ?? null}, name),
        finished_at = clock_timestamp()
      where call_id = ${call_id} and task_id = (select id from held) and state = 'started'
      returning name, (extract(epoch from clock_timestamp() - started_at) * 1000)::int as ms
    ), numbered as (
      update hai.task_queue set last_seq = last_seq + 1
      where id = ${id} and exists (select from finished)
      returning last_seq
    )
    insert into hai.task_event (task_id, seq, type, text, data)
    select ${id}, last_seq, 'step_done', name || ' (' || ms || ' ms)',
      ${json(sql, told)}::jsonb || jsonb_build_object('ms', ms)
    from finished, numbered
    returning seq`
  if (done.length > 0) return { state: 'finished', response }
  return inTransaction(sql, async (tx) => {
    await lock(tx, step)
    const known = await find(tx, step.call_id)
    if (known?.task_id === step.id && known.state === 'finished')
      return { state: 'finished', response: known.response }
    throw new HaiError(
      'not_found',
      `step ${step.call_id} of task ${step.id} was not started; start it before finishing`,
    )
  })
}

/**
 * Journals the response of a call whose worker lost its lease meanwhile, when the task has not ended and nobody else has
 * answered the step: the next attempt need not make it, and pay it, again. False when there is nothing to journal.
 */
async function finishLate(sql: Sql, input: z.input<typeof Finish>): Promise<boolean> {
  const step = parse(Finish, input)
  const { id, lease_no, call_id, response, name } = step
  return inTransaction(sql, async (tx) => {
    const [task] = await tx`
      select from hai.task_queue
      where id = ${id} and state in ('pending', 'running') and lease_no >= ${lease_no} for update`
    if (!task) return false
    const [row] = await tx<{ name: string }[]>`
      update hai.task_step
      set state = 'finished', response = ${json(tx, storableJson(response ?? null))},
        name = coalesce(${name ?? null}, name), finished_at = clock_timestamp()
      where call_id = ${call_id} and task_id = ${id} and state = 'started' and lease_no >= ${lease_no}
        -- what this holder itself had begun, though another one may have begun it again; null: by the release before
        and (token_digests is null or ${tokenDigest(step)}::bytea = any(token_digests))
      returning name`
    if (!row) return false
    await tx`
      with numbered as (
        update hai.task_queue set last_seq = last_seq + 1 where id = ${id} returning last_seq
      )
      insert into hai.task_event (task_id, seq, type, text, data)
      select ${id}, last_seq, 'step_done', ${`${row.name}, after its worker had lost the task`},
        ${tx.json({ call_id, late: true })} from numbered`
    return true
  })
}

/** What `finished` resolves to; when the lease is lost the response is kept for whoever has the task next, and that is thrown. */
export async function orLate<T>(sql: Sql, finished: Promise<T>, step: z.input<typeof Finish>): Promise<T> {
  try {
    return await finished
  } catch (error) {
    if (isLeaseLost(error)) await finishLate(sql, step)
    throw error
  }
}

/**
 * The task's row, locked, which orders everything that is written about it; none where it is out of the holder's hands or
 * its time is over.
 */
const lockedRow = (sql: Sql, held: Held) => sql`
  select id from hai.task_queue
  where ${inHandsOf(sql, held)} and (expires_at is null or expires_at > now())
  for update`

async function lock(tx: Sql, held: Held): Promise<void> {
  const [row] = await lockedRow(tx, held)
  if (!row) throw await leaseLost(tx, held)
}

interface Journaled {
  task_id: string
  lease_no: number
  once: boolean
  state: Step['state']
  request_digest: string
  response: unknown
}

async function find(tx: Sql, callId: string): Promise<Journaled | undefined> {
  const [row] = await tx<Journaled[]>`
    select task_id, lease_no, once, state, request_digest, response from hai.task_step where call_id = ${callId}`
  return row
}

async function unknownOutcome(tx: Sql, step: z.output<typeof Start>): Promise<Step> {
  await tx`update hai.task_step set state = 'unknown' where call_id = ${step.call_id}`
  await fail(tx, {
    ...heldOf(step),
    code: 'unknown_outcome',
    message: `${step.name} (${step.call_id}) was under way when its worker died; whether it happened is not known`,
    next_step: `look whether it happened, then: hai task retry ${step.id.slice(-6)}`,
  })
  return { state: 'unknown' }
}

/** Adds a line to the history of a leased task. `conflict` when the lease is lost. */
export async function note(
  sql: Sql,
  held: Held,
  type: string,
  text: string,
  data: Record<string, unknown> = {},
): Promise<void> {
  const told = type === 'delta' ? storable(text) : withoutPasswords(storable(text))
  const [noted] = await sql`
    with numbered as (
      update hai.task_queue set last_seq = last_seq + 1
      where ${inHandsOf(sql, held)}
      returning last_seq
    )
    insert into hai.task_event (task_id, seq, type, text, data)
    select ${held.id}, last_seq, ${type}, ${told}, ${json(sql, withoutPasswordsIn(storableJson(data)))} from numbered
    returning seq`
  if (!noted) throw await leaseLost(sql, held)
}

const Told = Held.extend({
  type: z.enum(['route', 'loading', 'notice', 'cut', 'delta']),
  text: z.string().min(1).max(1_000_000),
  /** The place of a `delta` in its answer. */
  at: z.int().nonnegative().optional(),
})

/** `note` for a worker elsewhere, who may tell of its work only. */
export async function tellEvent(sql: Sql, input: z.input<typeof Told>): Promise<{ told: true }> {
  const { type, text, at, ...held } = parse(Told, input)
  await note(sql, held, type, text, at === undefined ? {} : { at })
  return { told: true }
}
