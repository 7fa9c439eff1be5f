import { inTransaction, type Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { Schedule } from '../base/time.ts'
import { wasCancelled } from '../base/windmill.ts'
import { expire, HEARTBEAT_SECONDS, LEASE_SECONDS } from './lease.ts'

/** Rows a sweep moves in one go; the next one takes the rest. */
const BATCH = 500

/** A lease lost while its machine slept uses no attempt, but only this often for one task. */
const FREE_SUSPENDS = 3

export const SWEEP = 'f/hai/worker/sweep'

export interface Swept {
  expired: number
  rescued: number
}

/** Jobs that a sweep asks about; the tasks of more are rescued as those of workers that died. */
const MOST_JOBS = 50

/**
 * Ends what ran out of time and takes back what lost its worker. Safe to run at any moment, also twice at once. A worker
 * whose job somebody `cancelled` costs its tasks no attempt: who rang it may end it, whosever tasks it has in hand.
 */
export async function sweep(sql: Sql, everySeconds: number, cancelled = wasCancelled): Promise<Swept> {
  const { every_seconds } = parse(Schedule, { every_seconds: everySeconds })
  const ended = await lostJobs(sql, cancelled)
  return inTransaction(sql, async (tx) => {
    const { slept, waiting } = await noticeSleep(tx, every_seconds)
    const expired = await expire(tx)
    // after a sleep every lease looks lost: holders that still live renew first
    const rescued = waiting ? 0 : await rescue(tx, slept, ended)
    return { expired, rescued }
  })
}

interface Sleep {
  /** The end of the last sleep, when leases may have been lost through no fault of their worker. */
  slept: string | null
  waiting: boolean
}

/** This sweep's pulse; one that comes a heartbeat late means that the machine slept. */
async function noticeSleep(sql: Sql, everySeconds: number): Promise<Sleep> {
  const [pulse] = await sql<Sleep[]>`
    insert into hai.pulse as p (name, every_seconds, last_at) values (${SWEEP}, ${everySeconds}, now())
    on conflict (name) do update set
      every_seconds = excluded.every_seconds,
      last_at = now(),
      woke_at = case
        when now() - p.last_at > make_interval(secs => p.every_seconds + ${HEARTBEAT_SECONDS}) then now()
        else p.woke_at
      end
    returning woke_at as slept,
      coalesce(woke_at > now() - make_interval(secs => ${LEASE_SECONDS}), false) as waiting`
  return pulse!
}

/** Of the jobs whose leases ran out, those that were cancelled. Asked outside of any transaction: an answer may take long. */
async function lostJobs(sql: Sql, cancelled: typeof wasCancelled): Promise<string[]> {
  const jobs = await sql<{ job_id: string }[]>`
    select distinct t.job_id
    from hai.lease l join hai.task_queue t on t.id = l.task_id
    where l.until < now() and t.state = 'running' and t.job_id is not null
    limit ${MOST_JOBS}`
  const asked = await Promise.all(jobs.map(async ({ job_id }) => ((await cancelled(job_id)) ? [job_id] : [])))
  return asked.flat()
}

async function rescue(sql: Sql, slept: string | null, cancelled: string[]): Promise<number> {
  const rows = await sql`
    with lost as (
      select t.id, l.worker,
        -- the database restarted since: that was a crash, not a sleep
        coalesce(l.until <= ${slept}::timestamptz and l.until > pg_postmaster_start_time()
          and t.suspends < ${FREE_SUSPENDS}, false) as suspended,
        coalesce(t.job_id = any(${cancelled}), false) as cancelled
      from hai.lease l join hai.task_queue t on t.id = l.task_id
      where l.until < now() and t.state = 'running'
      order by l.until
      limit ${BATCH}
      -- the lease as well: a holder who renews at this moment keeps the task, or learns that it is gone
      for update of t, l skip locked
    ), moved as (
      update hai.task_queue t
      set state = case when free or attempt < max_attempts then 'pending' else 'dead' end,
          next_attempt = not free, suspends = suspends + (suspended and not cancelled)::int,
          given_back = given_back + cancelled::int,
          run_at = case when free or attempt < max_attempts then now() else run_at end,
          claim_at = case when free or attempt < max_attempts then least(claim_at, now()) else claim_at end,
          finished_at = case when free or attempt < max_attempts then null else now() end,
          error = jsonb_build_object('code', 'lease_lost', 'message',
            'its worker ' || lost.worker || case when cancelled then ' was cancelled' else ' went silent' end),
          last_seq = last_seq + 1, updated_at = now()
      from lost cross join lateral (select suspended or cancelled as free) kept where t.id = lost.id
      returning t.id, t.state, t.last_seq, t.error, t.attempt, t.max_attempts
    ), freed as (
      delete from hai.lease where task_id in (select id from moved)
    )
    insert into hai.task_event (task_id, seq, type, text)
    select id, last_seq, case state when 'dead' then 'dead' else 'rescued' end,
      (error ->> 'message') || case state when 'dead' then ', attempt ' || attempt || ' of ' || max_attempts else '; taken back' end
    from moved
    returning task_id`
  // slots of cancelled and expired tasks whose worker never came back to hear of it
  await sql`
    delete from hai.lease l
    where until < now() and not exists (
      select from hai.task_queue t where t.id = l.task_id and t.state = 'running' and t.lease_no = l.lease_no)`
  return rows.length
}
