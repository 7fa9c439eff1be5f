import { randomUUID } from 'node:crypto'
import type { Sql } from '../base/db.ts'
import { ringer, startScript } from '../base/windmill.ts'
import { fail } from './finish.ts'
import { giveWay, unaskedHolders } from './give_way.ts'
import { claimable } from './lease.ts'

export const WORKER = 'f/hai/worker/run'

/** No burst needs more workers on their way than this; each goes on until nothing is due. */
const MOST_CALLS = 16

/** A call that nobody has answered for so long (seconds) covers nothing any more. */
const CALL_SECONDS = 30

/** Starts a worker: Windmill's API, or anything that takes its place. */
export type Start = typeof startScript

/**
 * Calls as many workers as due tasks could use free slots, less those that `caller` called and that are not here yet:
 * what another one called may have been cancelled by that one. Who holds a slot that others want and is waited for by
 * nobody gives it up. After the commit that made work due. When a call fails the row is still there and the sweep calls
 * again. Gives the first job's id.
 */
export async function wake(
  sql: Sql,
  start: Start = startScript,
  caller: string = ringer(),
): Promise<string | undefined> {
  const first = await call(sql, start, caller)
  if (!first.unasked || (await giveWay(sql)) === 0) return first.jobId
  const then = await call(sql, start, caller)
  return first.jobId ?? then.jobId
}

/** Calls workers for what is due and free at this moment, and rings; `unasked`: somebody holds a slot for nobody, or for an errand. */
async function call(
  sql: Sql,
  start: Start,
  caller: string,
): Promise<{ jobId: string | undefined; unasked: boolean }> {
  const jobIds = Array.from({ length: MOST_CALLS }, () => randomUUID())
  // one statement, as whoever asked waits for it
  const [called] = await sql<[{ job_ids: string[]; unasked: boolean }]>`
    with lane as (
      select s.lane, count(*) filter (where s.task_id is null) as free from hai.lane_slot s
      where not s.elsewhere and not s.closing group by s.lane
    ), wanted as (
      select coalesce(sum((
        select count(*) from (
          select from hai.task_queue t
          where t.lane = lane.lane and ${claimable(sql)}
          limit lane.free
        ) due)), 0) as workers
      from lane
    ), own as (
      -- each caller has places apart, and nobody's unanswered calls stand in another's way
      select no from (
        select case ${caller}::text when '' then 0 else (hashtext(${caller}) & 67108863) * ${MOST_CALLS} end as before
      ) caller, generate_series(before + 1, before + ${MOST_CALLS}) as no
    ), coming as (
      select no from own join hai.wakeup using (no)
      where called_at > now() - make_interval(secs => ${CALL_SECONDS})
    ), place as (
      select no, row_number() over (order by no) as nth from own where no not in (select no from coming)
    ), called as (
      insert into hai.wakeup as w (no, job_id)
      select place.no, call.job_id
      from wanted, place join unnest(${jobIds}::text[]) with ordinality as call (job_id, nth) using (nth)
      where nth <= wanted.workers - (select count(*) from coming)
      order by place.no
      -- another caller took the same place at this moment: its worker will do
      on conflict (no) do update set job_id = excluded.job_id, called_at = now()
        where w.called_at <= now() - make_interval(secs => ${CALL_SECONDS})
      returning job_id
    )
    select array(select job_id from called) as job_ids, exists (${unaskedHolders(sql)}) as unasked,
      (select count(*) from (${rings(sql)}) rung)`
  const started = await Promise.all(called.job_ids.map((jobId) => startOne(sql, start, jobId)))
  return { jobId: started.find((jobId) => jobId !== undefined), unasked: called.unasked }
}

async function startOne(sql: Sql, start: Start, jobId: string): Promise<string | undefined> {
  try {
    await start(WORKER, {}, { jobId })
    return jobId
  } catch (error) {
    // what is durable is committed; this line in the job's log is all that is left to do now
    console.error(`no worker could be called, the sweep will: ${error}`)
    await arrived(sql, jobId)
    return undefined
  }
}

/** Calls one worker for work that becomes due later. */
export async function wakeAt(runAt: string, start: Start = startScript): Promise<void> {
  const delaySeconds = Math.max(0, (Date.parse(runAt) - Date.now()) / 1000)
  try {
    await start(WORKER, {}, { jobId: randomUUID(), delaySeconds })
  } catch (error) {
    console.error(`no worker could be called for ${runAt}, the sweep will: ${error}`)
  }
}

/** The called worker is here: it no longer counts as coming, nor do old calls that got lost on the way. */
export async function arrived(sql: Sql, jobId: string): Promise<void> {
  await sql`
    delete from hai.wakeup
    where job_id = ${jobId} or called_at < now() - make_interval(secs => ${CALL_SECONDS})`
}

/** Lets `made` be committed and then calls workers for it. */
export async function thenWake<T>(sql: Sql, made: Promise<T>, start: Start = startScript): Promise<T> {
  const result = await made
  await wake(sql, start)
  return result
}

/** `fail`, and a worker at the time of the next attempt when there is one. */
export async function failAndWake(
  sql: Sql,
  input: Parameters<typeof fail>[1],
  start: Start = startScript,
): ReturnType<typeof fail> {
  const failed = await fail(sql, input)
  if (failed.run_at) await wakeAt(failed.run_at, start)
  return failed
}

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
export async function seen(sql: Sql, { worker, lanes, asleep }: Presence): Promise<void> {
  await sql`
    with forgotten as (
      delete from hai.worker where seen_at < now() - interval '1 day'
    )
    insert into hai.worker as w (name, lanes, asleep) values (${worker}, ${lanes}, ${asleep})
    on conflict (name) do update set lanes = excluded.lanes, asleep = excluded.asleep, seen_at = now()`
}

/** A worker elsewhere says that it goes. */
export async function left(sql: Sql, worker: string): Promise<void> {
  await sql`delete from hai.worker where name = ${worker}`
}

/** Wakes the workers that sleep; costs next to nothing where there are none. */
export async function ring(sql: Sql): Promise<void> {
  await rings(sql)
}

const rings = (sql: Sql) => sql`
  select pg_notify(${CHANNEL}, '') from hai.worker
  where asleep and seen_at > now() - make_interval(secs => ${GONE_SECONDS}) limit 1`
