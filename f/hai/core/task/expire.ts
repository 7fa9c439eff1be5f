import type { Sql } from '../base/db.ts'

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
      set state = 'expired', last_seq = last_seq + 1, updated_at = now(), finished_at = now(),
          error = jsonb_build_object('code', 'expired', 'message', 'its time ran out while ' || t.state)
      from over where t.id = over.id
      returning t.id, last_seq, error
    )
    insert into hai.task_event (task_id, seq, type, text)
    select id, last_seq, 'expired', error ->> 'message' from ended
    returning task_id`
  return rows.length
}
