import type { Caller } from './base/caller.ts'
import { CONTRACT, type Health } from './base/contract.ts'
import type { Sql } from './base/db.ts'
import { driftReports } from './base/drift.ts'
import { tryTransaction } from './base/pooler.ts'
import { SCHEMA_VERSION } from './base/schema_version.ts'
import { moneyProblems } from './cost/problems.ts'
import { backendTroubles } from './model/trouble.ts'
import { outboxProblems } from './outbox/notice.ts'
import { settingTroubles } from './settings.ts'
import { GONE_SECONDS } from './task/presence.ts'

/** A call that nobody has answered for so long (seconds) means that no worker serves the tag. */
const UNANSWERED_SECONDS = 20

type Queue = Health['queue'] & { unanswered: number }

/**
 * How the queue stands and what is wrong, each problem as a sentence with what to do. A member learns whether all is well,
 * and of the queue what is his. `unavailable`, with the reason, where a pooler lets no transaction through: what would follow
 * might get no answer at all.
 */
export async function health(sql: Sql, caller?: Pick<Caller, 'role' | 'sees'>): Promise<Health> {
  await tryTransaction(sql)
  const sees = caller ? caller.sees(sql) : sql`true`
  const [[queue], lanes, pulses, workers, forsaken, troubles, money, outbox, settings, [schema], drift] =
    await Promise.all([
      sql<Queue[]>`
      select
        (select count(*)::int from hai.task_queue where state = 'pending' and ${sees}) as pending,
        (select count(*)::int from hai.task_queue where state = 'pending' and claim_at <= now() and ${sees}) as due,
        (select count(*)::int from hai.task_queue where state = 'running' and finished_at is null and ${sees}) as running,
        (select count(*)::int from hai.task_queue where state = 'awaiting_approval' and finished_at is null and ${sees}) as awaiting_approval,
        (select count(*)::int from hai.task_queue where state = 'dead' and finished_at > now() - interval '1 day' and ${sees}) as dead_24h,
        (select extract(epoch from now() - min(run_at))::int from hai.task_queue
          where state = 'pending' and claim_at <= now() and ${sees}) as oldest_due_seconds,
        (select min(run_at) from hai.task_queue where state = 'pending' and claim_at > now() and ${sees}) as next_due_at,
        (select count(*)::int from hai.wakeup
          where called_at < now() - make_interval(secs => ${UNANSWERED_SECONDS})) as unanswered`,
      sql<Health['lanes']>`
      select lane, count(*)::int as slots, count(task_id)::int as busy
      from hai.lane_slot where not closing or task_id is not null group by lane order by lane`,
      sql<Health['pulses']>`
      select name, last_at, every_seconds, last_at < now() - make_interval(secs => 2 * every_seconds + 30) as late
      from hai.pulse order by name`,
      sql<Health['workers']>`
      select name, lanes, seen_at from hai.worker where seen_at > now() - interval '1 day' order by name`,
      forsakenLanes(sql),
      backendTroubles(sql),
      moneyProblems(sql),
      outboxProblems(sql),
      settingTroubles(sql),
      sql<{ version: number }[]>`select coalesce(max(version), 0) as version from hai.migration`,
      driftReports(sql),
    ])
  const { unanswered, ...rest } = queue!
  const problems = [
    ...settings.broken,
    ...pulses
      .filter((pulse) => pulse.late)
      .map(
        (pulse) =>
          `${pulse.name} last ran ${pulse.last_at}, due every ${pulse.every_seconds} s; is its schedule enabled?`,
      ),
    // a call that got lost is no trouble while nothing waits for it
    ...(unanswered > 0 && rest.due > 0
      ? [`${unanswered} calls to workers unanswered; does any worker serve the tag hai-work?`]
      : []),
    ...forsaken.map(
      ({ lane, waiting }) =>
        `${waiting} ${waiting === 1 ? 'task waits' : 'tasks wait'} for a worker of ${lane} and none is there; where its login is: hai worker run --backend ${lane}`,
    ),
    ...troubles.problems,
    ...money,
    ...outbox,
  ]
  const common = {
    ok: problems.length === 0,
    contract: CONTRACT,
    schema: { version: schema!.version, expected: SCHEMA_VERSION },
    queue: rest,
  }
  if (caller?.role === 'member') {
    const wrong = problems.length > 0 ? ['something is wrong; ask the operator, who sees what it is'] : []
    return { for: 'member', ...common, lanes: [], pulses: [], backends: [], workers: [], problems: wrong }
  }
  return {
    ...common,
    lanes: [...lanes],
    pulses: [...pulses],
    backends: troubles.backends,
    workers: [...workers],
    problems,
    drift: [...drift],
    guards: settings.guards,
  }
}

/** Lanes of workers elsewhere in which tasks are due, none is held, and no worker has been heard of. */
async function forsakenLanes(sql: Sql): Promise<{ lane: string; waiting: number }[]> {
  return sql<{ lane: string; waiting: number }[]>`
    select idle.lane, due.waiting from (
      select lane from hai.lane_slot where elsewhere group by lane having count(task_id) = 0
    ) idle
    cross join lateral (
      select count(*)::int as waiting from hai.task_queue t
      where t.lane = idle.lane and t.state = 'pending' and t.claim_at <= now()
    ) due
    where due.waiting > 0 and not exists (
      select from hai.worker w
      where idle.lane = any(w.lanes) and w.seen_at > now() - make_interval(secs => ${GONE_SECONDS}))
    order by idle.lane`
}
