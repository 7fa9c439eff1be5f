import type { Caller } from './base/caller.ts'
import { brokenSettings } from './base/config.ts'
import { CONTRACT, SCHEMA_VERSION } from './base/contract.ts'
import type { Sql } from './base/db.ts'
import { driftReports } from './base/drift.ts'
import { tryTransaction } from './base/pooler.ts'
import { guardsThatAreOff } from './cost/budget.ts'
import { PROBLEMS } from './house.ts'
import type { Health } from './shape.ts'
import { pulsesOf } from './task/problems.ts'
import { backendTroubles } from './task/trouble.ts'

/**
 * How the queue stands and what is wrong, each problem as a sentence with what to do. A member learns whether all is well,
 * and of the queue what is the member's own. Errands take a worker's time as any task does, and are of no account once they are dead. `unavailable`, with the reason, where a pooler lets no transaction through:
 * what would follow might get no answer at all.
 */
export async function health(sql: Sql, caller?: Pick<Caller, 'role' | 'sees'>): Promise<Health> {
  await tryTransaction(sql)
  const sees = caller ? caller.sees(sql) : sql`true`
  // looked at first, so that what is told of a backend is one and the same
  const { backends } = await backendTroubles(sql)
  const [[queue], [schema], broken, ...found] = await Promise.all([
    sql<Health['queue'][]>`
      select
        (select count(*)::int from hai.task_queue where state = 'pending' and ${sees}) as pending,
        (select count(*)::int from hai.task_queue where state = 'pending' and claim_at <= now() and ${sees}) as due,
        (select count(*)::int from hai.task_queue where state = 'running' and finished_at is null and ${sees}) as running,
        (select count(*)::int from hai.task_queue where state = 'awaiting_approval' and finished_at is null and ${sees}) as awaiting_approval,
        (select count(*)::int from hai.task_queue where state = 'dead' and not errand and finished_at > now() - interval '1 day' and ${sees}) as dead_24h,
        (select extract(epoch from now() - min(run_at))::int from hai.task_queue
          where state = 'pending' and claim_at <= now() and ${sees}) as oldest_due_seconds,
        (select min(run_at) from hai.task_queue where state = 'pending' and claim_at > now() and ${sees}) as next_due_at`,
    sql<{ version: number }[]>`select coalesce(max(version), 0) as version from hai.migration`,
    brokenSettings(sql),
    ...PROBLEMS.map((of) => of(sql)),
  ])
  const problems = [...broken, ...found.flat()]
  const common = {
    ok: problems.length === 0,
    contract: CONTRACT,
    schema: { version: schema!.version, expected: SCHEMA_VERSION },
    queue: queue!,
  }
  if (caller?.role === 'member') {
    const wrong = problems.length > 0 ? ['something is wrong; ask the operator, who sees what it is'] : []
    return { for: 'member', ...common, lanes: [], pulses: [], backends: [], workers: [], problems: wrong }
  }
  const [lanes, pulses, workers, drift, guards] = await Promise.all([
    sql<Health['lanes']>`
      select lane, count(*)::int as slots, count(task_id)::int as busy
      from hai.lane_slot where not closing or task_id is not null group by lane order by lane`,
    pulsesOf(sql),
    sql<Health['workers']>`
      select name, lanes, seen_at from hai.worker where seen_at > now() - interval '1 day' order by name`,
    driftReports(sql),
    guardsThatAreOff(sql),
  ])
  return {
    ...common,
    lanes: [...lanes],
    pulses: [...pulses],
    backends,
    workers: [...workers],
    problems,
    drift: [...drift],
    guards,
  }
}
