import type { Sql } from './db.ts'
import { type Held, leaseLost } from './lease.ts'
import type { Choice } from './model/config.ts'
import { ring } from './presence.ts'

const SLOTS = 2

/**
 * Gives a task to the workers of a backend that only they can reach: it waits for one in the lane of the backend's
 * name, and no attempt is used. `conflict` when the lease is lost.
 */
export async function handOver(
  sql: Sql,
  { id, lease_no }: Held,
  { name, model, backend }: Choice,
): Promise<void> {
  await sql`
    insert into hai.lane_slot (lane, no) select ${name}, generate_series(1, ${backend.slots ?? SLOTS}::int)
    on conflict do nothing`
  const [task] = await sql`
    with moved as (
      update hai.task_queue
      set state = 'pending', lane = ${name}, next_attempt = false, last_seq = last_seq + 1, updated_at = now()
      where id = ${id} and state = 'running' and lease_no = ${lease_no}
      returning id, last_seq
    ), freed as (
      delete from hai.lease where task_id = (select id from moved)
    ), told as (
      insert into hai.task_event (task_id, seq, type, text)
      select id, last_seq, 'route', ${`→ ${name}/${model}: left to a worker of ${name}`} from moved
    )
    select id from moved`
  if (!task) throw await leaseLost(sql, { id, lease_no })
  await ring(sql)
}
