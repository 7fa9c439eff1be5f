import type { Sql } from '../base/db.ts'

/** The channel that a sleeping worker listens to; it carries no payload. */
export const CHANNEL = 'task_queue_new'

/** A worker that has not been heard of for so long (seconds) is gone. */
export const GONE_SECONDS = 60

export interface Presence {
  worker: string
  lanes: string[]
  /** Waits for a notification, so that one is worth sending. */
  asleep: boolean
}

/** A worker elsewhere was heard of. */
export async function present(sql: Sql, { worker, lanes, asleep }: Presence): Promise<void> {
  await sql`
    with forgotten as (
      delete from hai.worker where seen_at < now() - interval '1 day'
    )
    insert into hai.worker as w (name, lanes, asleep) values (${worker}, ${lanes}, ${asleep})
    on conflict (name) do update set lanes = excluded.lanes, asleep = excluded.asleep, seen_at = now()`
}

/** A worker elsewhere says that it goes. */
export async function absent(sql: Sql, worker: string): Promise<void> {
  await sql`delete from hai.worker where name = ${worker}`
}

/** Wakes the workers that sleep; costs next to nothing where there are none. */
export async function ring(sql: Sql): Promise<void> {
  await sql`
    select pg_notify(${CHANNEL}, '') from hai.worker
    where asleep and seen_at > now() - make_interval(secs => ${GONE_SECONDS}) limit 1`
}
