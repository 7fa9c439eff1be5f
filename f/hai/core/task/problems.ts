import type { Sql } from '../base/db.ts'
import type { Pulse } from './shape.ts'
import { GONE_SECONDS } from './wake.ts'

/** A call that nobody has answered for so long (seconds) means that no worker serves the tag. */
const UNANSWERED_SECONDS = 20

/** What keeps the queue from moving: schedules that don't run, calls that nobody answers, lanes without a worker. */
export async function queueProblems(sql: Sql): Promise<string[]> {
  const [pulses, [calls], unserved] = await Promise.all([
    pulsesOf(sql),
    sql<{ unanswered: number; due: boolean }[]>`
      select
        (select count(*)::int from hai.wakeup
          where called_at < now() - make_interval(secs => ${UNANSWERED_SECONDS})) as unanswered,
        exists (select from hai.task_queue where state = 'pending' and claim_at <= now()) as due`,
    unservedLanes(sql),
  ])
  const { unanswered, due } = calls!
  return [
    ...pulses
      .filter(({ late }) => late)
      .map(
        ({ name, last_at, every_seconds }) =>
          `${name} last ran ${last_at}, due every ${every_seconds} s; is its schedule enabled?`,
      ),
    // a call that got lost is no trouble while nothing waits for it
    ...(unanswered > 0 && due
      ? [`${unanswered} calls to workers unanswered; does any worker serve the tag hai-work?`]
      : []),
    ...unserved.map(
      ({ lane, waiting }) =>
        `${waiting} ${waiting === 1 ? 'task waits' : 'tasks wait'} for a worker of ${lane} and none is there; where its login is: hai worker run --backend ${lane}`,
    ),
  ]
}

/** When each schedule ran last; `late` where it should have run again since. */
export async function pulsesOf(sql: Sql): Promise<Pulse[]> {
  return sql<Pulse[]>`
    select name, last_at, every_seconds, last_at < now() - make_interval(secs => 2 * every_seconds + 30) as late
    from hai.pulse order by name`
}

/** Lanes of workers elsewhere in which tasks are due, none is held, and no worker has been heard of. */
async function unservedLanes(sql: Sql): Promise<{ lane: string; waiting: number }[]> {
  return sql<{ lane: string; waiting: number }[]>`
    select idle.lane, due.waiting from (
      select lane from hai.lane_slot where elsewhere group by lane having count(task_id) = 0
    ) idle
    cross join lateral (
      select count(*)::int as waiting from hai.task_queue t
      where t.lane = idle.lane and t.state = 'pending' and t.claim_at <= now() and not t.errand
    ) due
    where due.waiting > 0 and not exists (
      select from hai.worker w
      where idle.lane = any(w.lanes) and w.seen_at > now() - make_interval(secs => ${GONE_SECONDS}))
    order by idle.lane`
}
