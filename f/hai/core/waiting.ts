import type { TaskError, WaitingOn } from './contract.ts'
import type { Sql } from './db.ts'
import { shortId } from './ids.ts'
import { HEARTBEAT_SECONDS, LEASE_SECONDS } from './lease.ts'

/** A wake-up that no worker has answered for so long (seconds) means that nobody serves the tag. */
const NO_WORKER_SECONDS = 20

interface Facts {
  id: string
  state: string
  lane: string
  attempt: number
  error: TaskError | null
  created_at: string
  updated_at: string
  run_at: string
  due: boolean
  wait_seconds: number
  worker: string | null
  until: string | null
  silent_seconds: number | null
  slots: number
  free: number
  position: number
  conversation_busy: boolean
  uncalled_seconds: number | null
}

/** Why a task isn't moving, from facts only; null when it has ended or its worker is alive. */
export async function waitingOn(sql: Sql, id: string): Promise<WaitingOn | null> {
  const [facts] = await sql<Facts[]>`
    select t.id, t.state, t.lane, t.attempt, t.error, t.created_at, t.updated_at, t.run_at,
      t.claim_at <= now() as due,
      ceil(extract(epoch from t.run_at - now()))::int as wait_seconds,
      l.worker, l.until,
      extract(epoch from now() - l.until)::int + ${LEASE_SECONDS} as silent_seconds,
      (select count(*)::int from hai.lane_slot s where s.lane = t.lane) as slots,
      (select count(*)::int from hai.lane_slot s where s.lane = t.lane and s.task_id is null) as free,
      -- counted no further than a person cares
      (select count(*)::int from (
        select from hai.task_queue o
        where o.lane = t.lane and o.state = 'pending' and (o.claim_at, o.id) < (t.claim_at, t.id) limit 1000
      ) ahead) + 1 as position,
      exists (
        select from hai.task_queue busy
        where busy.conversation_id = t.conversation_id and busy.id <> t.id
          and busy.state in ('running', 'awaiting_approval')) as conversation_busy,
      (select extract(epoch from now() - min(called_at))::int from hai.wakeup) as uncalled_seconds
    from hai.task_queue t left join hai.lease l on l.task_id = t.id and l.lease_no = t.lease_no
    where t.id = ${id}`
  if (!facts) return null
  if (facts.state === 'awaiting_approval') return approval(facts)
  if (facts.state === 'running') return running(facts)
  return facts.state === 'pending' ? pending(facts) : null
}

function approval(facts: Facts): WaitingOn {
  return {
    code: 'approval',
    since: facts.updated_at,
    text: 'waits for your decision',
    next_step: `hai approve ${shortId(facts.id)}`,
  }
}

function running(facts: Facts): WaitingOn | null {
  if (facts.silent_seconds === null || facts.silent_seconds <= 2 * HEARTBEAT_SECONDS) return null
  return {
    code: 'worker_silent',
    since: facts.updated_at,
    ...(facts.until ? { until: facts.until } : {}),
    text: `its worker ${facts.worker} has been silent for ${facts.silent_seconds} s; the task is taken back when its lease ends`,
  }
}

function pending(facts: Facts): WaitingOn {
  const { created_at: since, run_at: until } = facts
  if (!facts.due) {
    if (!facts.error) return { code: 'scheduled', since, until, text: `starts in ${facts.wait_seconds} s` }
    return {
      code: 'retry',
      since,
      until,
      text: `retry in ${facts.wait_seconds} s after “${facts.error.message}”`,
    }
  }
  if (facts.conversation_busy) {
    return { code: 'conversation', since, text: 'the task before it in its conversation is not finished' }
  }
  if (facts.free === 0) {
    return {
      code: 'lane_full',
      since,
      text: `lane ${facts.lane} is full (${facts.slots} running), position ${facts.position}`,
    }
  }
  if (facts.uncalled_seconds !== null && facts.uncalled_seconds > NO_WORKER_SECONDS) {
    return {
      code: 'no_worker',
      since,
      text: `no worker has answered for ${facts.uncalled_seconds} s; none serves the tag hai-work`,
      next_step: 'hai doctor',
    }
  }
  if (facts.position > 1)
    return { code: 'behind', since, text: `position ${facts.position} in lane ${facts.lane}` }
  return { code: 'starting', since, text: 'a worker has been called' }
}
