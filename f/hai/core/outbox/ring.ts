import { randomUUID } from 'node:crypto'
import type { Sql } from '../base/db.ts'
import { type startScript as Start, startScript } from '../base/windmill.ts'

/** The script that sends. */
export const SEND = 'f/hai/outbox/send'

/** A ring that nobody has answered for so long (seconds) covers nothing any more. */
const RING_SECONDS = 30

/**
 * Has the outbox sent when a notice is due and there is a channel, unless somebody who was called is still coming. After
 * the commit that put it there. Of the notice nothing is said; where the call fails, the schedule sends it.
 */
export async function ringOutbox(sql: Sql, start: typeof Start = startScript): Promise<void> {
  const [due] = await sql`
    select from hai.notice
    where sent_at is null and failed_at is null and next_at <= clock_timestamp() and exists (
      select from hai.config c, jsonb_each(c.value) channel
      where c.name = 'channels' and channel.value ->> 'enabled' is distinct from 'false')
    limit 1`
  if (!due) return
  const jobId = randomUUID()
  const [ours] = await sql`
    insert into hai.outbox_ring as ring (job_id) values (${jobId})
    on conflict (one) do update set job_id = excluded.job_id, rung_at = now()
      where ring.rung_at <= now() - make_interval(secs => ${RING_SECONDS})
    returning job_id`
  if (!ours) return
  try {
    await start(SEND, {}, { jobId })
  } catch (error) {
    // the notice is committed; this line in the job's log is all that is left to do now
    console.error(`nobody could be called to send notices, the schedule will: ${error}`)
    await ringAnswered(sql, jobId)
  }
}

/** Who was called is here, and looks at what is due from now on: what comes later is rung for anew. */
export async function ringAnswered(sql: Sql, jobId: string): Promise<void> {
  await sql`delete from hai.outbox_ring where job_id = ${jobId}`
}

/** Lets `made` be committed, or refused, which may be told as well, and then rings for it. */
export async function thenRing<T>(sql: Sql, made: Promise<T>, start: typeof Start = startScript): Promise<T> {
  // its error is thrown below
  await Promise.allSettled([made])
  await ringOutbox(sql, start)
  return made
}
