import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { withStepFor } from './next_step.ts'
import type { TaskListed, TaskSummary, WaitingOn } from './shape.ts'
import { waitingOnEach } from './waiting.ts'

/** Of so many open tasks of a list it is said why they wait: a page that one looks at. */
const EXPLAINED = 50

const OPEN = ['pending', 'running', 'awaiting_approval']

interface Facts {
  id: string
  on_behalf_of: string | null
  acknowledged: boolean
  cost_usd: number | null
}

/**
 * Tasks as lists tell them, in their order: for whom, what they cost, and why they wait, of the first fifty that are open.
 */
export async function listed<Row extends TaskSummary>(
  sql: Sql,
  tasks: Row[],
  caller: Caller,
): Promise<(Row & TaskListed)[]> {
  if (tasks.length === 0) return []
  const ids = tasks.map(({ id }) => id)
  const open = tasks.filter(({ state }) => OPEN.includes(state)).slice(0, EXPLAINED)
  const [facts, waiting] = await Promise.all([
    sql<Facts[]>`
      select t.id, t.on_behalf_of, coalesce(t.acknowledged_at >= t.finished_at, false) as acknowledged,
        (select case when bool_or(u.state <> 'open' and u.billing = 'metered' and (u.usd is null or u.at_least)) then null
          else coalesce(sum(u.usd), 0)::float8 end from hai.usage u where u.task_id = t.id) as cost_usd
      from hai.task_queue t where t.id = any(${ids})`,
    open.length > 0
      ? waitingOnEach(
          sql,
          open.map(({ id }) => id),
        )
      : new Map<string, WaitingOn | null>(),
  ])
  const known = new Map(facts.map((fact) => [fact.id, fact]))
  return tasks.map((task) => {
    const { on_behalf_of = null, acknowledged = false, cost_usd = null } = known.get(task.id) ?? {}
    const waiting_on = withStepFor(caller, waiting.get(task.id) ?? null)
    return {
      ...task,
      error: withStepFor(caller, task.error),
      on_behalf_of,
      cost_usd,
      waiting_on,
      ...(acknowledged ? { acknowledged: true as const } : {}),
    }
  })
}
