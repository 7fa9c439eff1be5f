import { json, type Sql } from '../base/db.ts'
import { count } from '../base/words.ts'

/** A notice whose last attempt failed is given up. With the pauses between them that is after about two hours. */
export const MAX_ATTEMPTS = 8
/** How long a sender has for one notice, seconds; after that another may take it. */
const LEASE_SECONDS = 120
/** What no channel took for so long (days) is news no more. */
const STALE_DAYS = 3

/** What is to be told. Given twice with the same `dedup_key` it is told once. */
export interface NewNotice {
  kind: string
  dedup_key: string
  title: string
  text: string
  priority: 'low' | 'normal' | 'high' | 'urgent'
  /** A URL. */
  link?: string
  /** For channels that take more than text. */
  data?: Record<string, unknown>
}

/** What a channel answered when it took the notice. */
export interface Receipt {
  at: string
  status: number
  /** The channel's own name for it. */
  id?: string
}

/** One that a sender holds: nobody else does, until `lease` has passed. */
export interface TakenNotice {
  id: string
  kind: string
  title: string
  text: string
  priority: NewNotice['priority']
  link: string | null
  data: Record<string, unknown>
  created_at: string
  /** With this one. */
  attempts: number
  /** By channel: it need not go there again. */
  receipts: Record<string, Receipt>
  lease: string
}

/** Puts a notice into the outbox; false when it was there. */
export async function notify(sql: Sql, notice: NewNotice): Promise<boolean> {
  const { kind, dedup_key, title, text, priority, link, data } = notice
  const added = await sql`
    insert into hai.notice (kind, dedup_key, title, text, priority, link, data)
    values (${kind}, ${dedup_key}, ${title}, ${text}, ${priority}, ${link ?? null}, ${json(sql, data ?? {})})
    on conflict (dedup_key) do nothing
    returning id`
  return added.length > 0
}

/** Takes the next notice that is due. Whoever takes it has LEASE_SECONDS, and a dead sender's is taken again. */
export async function takeNotice(sql: Sql): Promise<TakenNotice | undefined> {
  const [notice] = await sql<TakenNotice[]>`
    update hai.notice
    set attempts = attempts + 1,
        -- whole milliseconds, so that the JSON value is exact
        next_at = date_trunc('milliseconds', clock_timestamp()) + make_interval(secs => ${LEASE_SECONDS})
    where id = (
      select id from hai.notice
      where sent_at is null and failed_at is null and next_at <= clock_timestamp()
      order by next_at, id
      limit 1
      for update skip locked
    )
    returning id::text, kind, title, text, priority, link, data, created_at, attempts,
      coalesce(receipt, '{}') as receipts, next_at as lease`
  return notice
}

/** Every channel has it. */
export async function markSent(sql: Sql, { id, lease, receipts }: TakenNotice): Promise<void> {
  await sql`
    update hai.notice set sent_at = now(), receipt = ${json(sql, receipts)}, error = null
    where id = ${id} and next_at = ${lease}`
}

/** To be tried again in so many seconds, or given up when this was the last attempt; says which. */
export async function markUnsent(
  sql: Sql,
  { id, lease, receipts, attempts }: TakenNotice,
  { error, seconds }: { error: string; seconds: number },
): Promise<'later' | 'failed'> {
  const last = attempts >= MAX_ATTEMPTS
  await sql`
    update hai.notice
    set receipt = ${json(sql, receipts)}, error = ${error},
        next_at = clock_timestamp() + make_interval(secs => ${seconds}),
        failed_at = case when ${last} then now() end
    where id = ${id} and next_at = ${lease}`
  return last ? 'failed' : 'later'
}

/** Nobody tried: the attempt is given back. */
export async function putBack(
  sql: Sql,
  { id, lease, receipts }: TakenNotice,
  seconds: number,
): Promise<void> {
  await sql`
    update hai.notice
    set attempts = attempts - 1, receipt = ${json(sql, receipts)},
        next_at = clock_timestamp() + make_interval(secs => ${seconds})
    where id = ${id} and next_at = ${lease}`
}

/** Leaves alone for so many seconds whatever is due: no channel answers. */
export async function postponeDue(sql: Sql, seconds: number): Promise<void> {
  await sql`
    update hai.notice set next_at = clock_timestamp() + make_interval(secs => ${seconds})
    where sent_at is null and failed_at is null and next_at <= clock_timestamp()`
}

/** Nobody is to be told. */
export async function drop(sql: Sql, { id, lease }: TakenNotice): Promise<void> {
  await sql`
    update hai.notice set failed_at = now(), attempts = 0, error = 'no channel takes notices of this kind'
    where id = ${id} and next_at = ${lease}`
}

/** Gives up what has waited for days for a channel to be configured, so that the first one is not flooded. */
export async function dropStale(sql: Sql): Promise<number> {
  const dropped = await sql`
    update hai.notice set failed_at = now(), attempts = 0, error = 'there was no channel for it'
    where sent_at is null and failed_at is null and created_at < now() - make_interval(days => ${STALE_DAYS})
    returning id`
  return dropped.length
}

/** What health says of notices that were given up within a day, as sentences with what to do. */
export async function outboxProblems(sql: Sql): Promise<string[]> {
  const rows = await sql<{ failed: number; error: string }[]>`
    select count(*)::int as failed, (array_agg(error order by failed_at desc))[1] as error
    from hai.notice
    where failed_at > now() - interval '1 day' and attempts >= ${MAX_ATTEMPTS}
    having count(*) > 0`
  return rows.map(
    ({ failed, error }) =>
      `${count(failed, 'notice')} could not be sent (${error}); mend the channels configuration`,
  )
}
