import type { Sql } from '../base/db.ts'
import { SEVERITIES, type Severity } from './shape.ts'

/** So many tasks a sender's alerts begin within so many seconds; what comes then joins one of them. */
export const MOST_TASKS = 10
export const STORM_SECONDS = 600

interface Begun {
  id: string
  rank: number
}

/**
 * The task that a new group of this severity joins, as too many have been begun: of those whose alerts still fire the one
 * with the worst. Undefined while there are few, and for what is worse than all that came before it.
 */
export async function stormTask(
  tx: Sql,
  { requester, severity }: { requester: string; severity: Severity },
): Promise<string | undefined> {
  const begun = await tx<Begun[]>`
    select t.id, min(array_position(${[...SEVERITIES]}::text[], a.severity))::int as rank
    from hai.alert a join hai.task_queue t on t.id = a.task_id
    where a.requester = ${requester} and a.first_at > now() - make_interval(secs => ${STORM_SECONDS})
      and t.created_at > now() - make_interval(secs => ${STORM_SECONDS})
    group by t.id
    order by bool_or(a.ended is null) desc, rank, t.finished_at is null desc, t.created_at, t.id`
  if (begun.length < MOST_TASKS) return undefined
  const rank = SEVERITIES.indexOf(severity) + 1
  return begun.every((one) => one.rank > rank) ? undefined : begun[0]!.id
}
