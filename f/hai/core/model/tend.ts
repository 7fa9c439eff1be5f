import { Models } from '../base/backends.ts'
import { storedConfig } from '../base/config.ts'
import type { Sql } from '../base/db.ts'
import { keepLanes } from '../task/lane.ts'
import { lookAgain } from '../task/trouble.ts'

/** What passes by itself, and so is over once the server answers again. */
const PASSING = ['unreachable', 'unavailable', 'loading']

/**
 * Keeps the lanes as the settings have them, looks whether servers that tasks wait for answer again, and lets tasks go on
 * at once whose reason to wait is over, or was another configuration's. Gives how many those were.
 */
export async function tendBackends(sql: Sql): Promise<{ recalled: number }> {
  const [read] = await sql`select from hai.config where name = 'models'`
  // nothing was read yet: what is configured can't be told from what is gone
  if (read) await keepLanes(sql, await storedConfig(sql, 'models', Models))
  await lookAgain(sql)
  const recalled = await sql`
    update hai.task_queue t set run_at = now(), claim_at = now(), updated_at = now()
    where t.state = 'pending' and t.waits_for is not null and t.waited is not null and t.claim_at > now()
      and (
        t.error ->> 'code' = any(${PASSING})
          and not exists (select from hai.endpoint e where e.id = t.waits_for and e.state <> 'ready')
        -- whom it is to ask is chosen anew; where a limit still holds it is put off again, and nobody was asked
        or exists (select from hai.config c where c.name = 'models' and c.error is null and c.updated_at > t.updated_at))
    returning t.id`
  const allowed = await sql`
    update hai.task_queue t set run_at = now(), claim_at = now(), updated_at = now()
    where t.state = 'pending' and t.finished_at is null and t.error ->> 'code' = 'budget' and t.claim_at > now()
      -- the cap may be another one now, or whom it is to ask may cost less
      and exists (
        select from hai.config c
        where c.name in ('budget', 'models') and c.error is null and c.updated_at > t.updated_at)
    returning t.id`
  return { recalled: recalled.length + allowed.length }
}
