import type { Sql } from '../base/db.ts'
import { shortId } from '../base/ids.ts'
import { span } from '../base/words.ts'
import { elsewhere } from './backend.ts'
import { atATime } from './lane.ts'
import { HEARTBEAT_SECONDS, isBehind, LANES, LEASE_SECONDS, MOST_GIVEN_BACK } from './lease.ts'
import type { TaskError, WaitingOn } from './shape.ts'
import { type Trouble, troubleOf } from './trouble.ts'
import { GONE_SECONDS } from './wake.ts'

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
  /** Of its conversation one is under way; of those before it one has yet to be. */
  conversation_busy: boolean
  is_behind: boolean
  /** That one, when it is the same person's. */
  before: string | null
  given_back: number
  uncalled_seconds: number | null
  /** Since when nobody waits for it, and the seconds until it ends for that. */
  left_at: string | null
  left_seconds: number | null
  expires_at: string | null
  /** Of workers elsewhere only, in a lane that nobody else serves. */
  elsewhere: boolean
  unseen_seconds: number | null
  loading: string | null
  loading_since: string | null
  loading_seconds: number | null
  waits_for: string | null
  /** It waits for no other turn. */
  chat: boolean
  /** What keeps the backend from answering that it waits for, as far as is known. */
  trouble: Trouble | undefined
}

/** Why a task isn't moving, from facts only; null when it has ended or its worker is alive. */
export async function waitingOn(sql: Sql, id: string): Promise<WaitingOn | null> {
  return (await waitingOnEach(sql, [id])).get(id) ?? null
}

/** The same of several tasks, by their ids. */
export async function waitingOnEach(sql: Sql, ids: string[]): Promise<Map<string, WaitingOn | null>> {
  const all = await sql<Omit<Facts, 'trouble'>[]>`
    select t.id, t.state, t.lane, t.attempt, t.error, t.given_back, t.created_at, t.updated_at, t.run_at,
      t.left_at, t.expires_at, greatest(0, ceil(extract(epoch from t.expires_at - now())))::int as left_seconds,
      t.claim_at <= now() as due,
      ceil(extract(epoch from t.run_at - now()))::int as wait_seconds,
      l.worker, l.until,
      extract(epoch from now() - l.until)::int + ${LEASE_SECONDS} as silent_seconds,
      (select count(*)::int from hai.lane_slot s where s.lane = t.lane and not s.closing) as slots,
      (select count(*)::int from hai.lane_slot s where s.lane = t.lane and not s.closing and s.task_id is null) as free,
      -- counted no further than a person cares
      (select count(*)::int from (
        select from hai.task_queue o
        where o.lane = t.lane and o.state = 'pending' and (o.claim_at, o.id) < (t.claim_at, t.id)
          -- which give way to all that somebody waits for
          and (t.errand or not o.errand)
        limit 1000
      ) ahead) + 1 as position,
      exists (
        select from hai.task_queue busy
        where busy.conversation_id = t.conversation_id and busy.id <> t.id
          and busy.state in ('running', 'awaiting_approval') and not busy.chat) as conversation_busy,
      ${isBehind(sql)} as is_behind,
      (select id from hai.task_queue before
        where before.conversation_id = t.conversation_id and before.state = 'pending' and not before.chat
          and (before.created_at, before.id) < (t.created_at, t.id) and before.requester = t.requester
        order by before.created_at, before.id limit 1) as before,
      (select extract(epoch from now() - min(called_at))::int from hai.wakeup) as uncalled_seconds,
      exists (select from hai.lane_slot s where s.lane = t.lane and s.elsewhere) as elsewhere,
      (select extract(epoch from now() - max(seen_at))::int from hai.worker w where t.lane = any(w.lanes)) as unseen_seconds,
      loading.text as loading, loading.at as loading_since,
      extract(epoch from now() - loading.at)::int as loading_seconds,
      t.waits_for, t.chat
    from hai.task_queue t
    left join hai.lease l on l.task_id = t.id and l.lease_no = t.lease_no
    left join lateral (
      select type, text, at from hai.task_event e where e.task_id = t.id order by seq desc limit 1
    ) loading on loading.type = 'loading' and t.state = 'running'
      -- the call is made once it is loaded, and may be silent for long
      and not exists (select from hai.usage u where u.task_id = t.id and u.lease_no = t.lease_no)
    where t.id = any(${ids})`
  const troubles = new Map<string, Promise<Trouble | undefined>>()
  const troubleAt = (id: string) => {
    const known = troubles.get(id) ?? troubleOf(sql, id)
    troubles.set(id, known)
    return known
  }
  const told = all.map(async (facts) => [facts.id, await reasonOf(facts, troubleAt)] as const)
  return new Map(await Promise.all(told))
}

async function reasonOf(
  facts: Omit<Facts, 'trouble'>,
  troubleAt: (id: string) => Promise<Trouble | undefined>,
): Promise<WaitingOn | null> {
  if (facts.left_at !== null && isOpen(facts)) return leftBy(facts, facts.left_at)
  if (facts.state === 'awaiting_approval') return approval(facts)
  if (facts.state === 'running') return running(facts)
  if (facts.state !== 'pending') return null
  const waitsFor = facts.waits_for ?? (facts.elsewhere ? elsewhere(facts.lane).id : null)
  return pending({ ...facts, trouble: waitsFor === null ? undefined : await troubleAt(waitsFor) })
}

const isOpen = ({ state }: Pick<Facts, 'state'>) => state === 'pending' || state === 'running'

function leftBy({ expires_at, left_seconds }: Omit<Facts, 'trouble'>, since: string): WaitingOn {
  return {
    code: 'left',
    since,
    ...(expires_at ? { until: expires_at } : {}),
    text: `whoever asked left; it ends in ${left_seconds} s unless the same is asked again`,
  }
}

function approval(facts: Pick<Facts, 'id' | 'updated_at'>): WaitingOn {
  return {
    code: 'approval',
    since: facts.updated_at,
    text: 'waits for your decision',
    // there is no way to decide it yet, only to give it up
    next_step: `to give it up: hai task cancel ${shortId(facts.id)}`,
  }
}

function running(facts: Omit<Facts, 'trouble'>): WaitingOn | null {
  const { silent_seconds, loading, loading_since, loading_seconds } = facts
  if (silent_seconds !== null && silent_seconds > 2 * HEARTBEAT_SECONDS) {
    return {
      code: 'worker_silent',
      since: facts.updated_at,
      ...(facts.until ? { until: facts.until } : {}),
      text: `its worker ${facts.worker} has been silent for ${silent_seconds} s; the task is taken back when its lease ends`,
    }
  }
  if (loading === null || loading_since === null) return null
  const text = `${loading.replace(/ into memory$/, '')} for ${span(loading_seconds ?? 0)}`
  return { code: 'loading', since: loading_since, text }
}

function pending(facts: Facts): WaitingOn {
  const { created_at: since } = facts
  if (!facts.due) return later(facts)
  if (!facts.chat && (facts.conversation_busy || facts.is_behind))
    return { code: 'conversation', since, ...turn(facts) }
  if (facts.elsewhere) {
    const trouble = pausedLane(facts) ?? workerGone(facts)
    if (trouble) return trouble
  }
  if (facts.free === 0) {
    return { code: 'lane_full', since, text: full(facts) }
  }
  if (!facts.elsewhere && facts.uncalled_seconds !== null && facts.uncalled_seconds > NO_WORKER_SECONDS) {
    return {
      code: 'no_worker',
      since,
      text: `no worker has answered for ${facts.uncalled_seconds} s; none serves the tag hai-work`,
      next_step: 'hai doctor',
    }
  }
  if (facts.given_back >= MOST_GIVEN_BACK) {
    return {
      code: 'starting',
      since,
      text: `its workers were told to stop or cancelled ${facts.given_back} times; it waits for one that its own sender, the operator or hai's schedule calls`,
    }
  }
  if (facts.position > 1)
    return { code: 'behind', since, text: `position ${facts.position} in lane ${facts.lane}` }
  const reads = facts.chat ? ' that reads chats, which none of the release before does' : ''
  const text = facts.elsewhere ? `next for a worker of ${facts.lane}${reads}` : 'a worker has been called'
  return { code: 'starting', since, text }
}

/** One at a time in a conversation, and in their order. */
function turn({ conversation_busy, before }: Facts): Pick<WaitingOn, 'text' | 'next_step'> {
  if (conversation_busy) return { text: 'another task of its conversation is not finished' }
  const text = 'the task before it in its conversation is not finished'
  if (before === null) return { text }
  const name = shortId(before)
  return {
    text,
    next_step: `why it waits: hai task show ${name}; to go on without it: hai task cancel ${name}`,
  }
}

/** It has been tried or was set for later: what the backend that failed suffers from says more than the error does. */
function later(facts: Facts): WaitingOn {
  const { created_at: since, run_at: until, wait_seconds, error } = facts
  if (!error) return { code: 'scheduled', since, until, text: `starts in ${wait_seconds} s` }
  if (error.code === 'budget') {
    const next = error.next_step ? { next_step: error.next_step } : {}
    return { code: 'budget', since, until, text: error.message, ...next }
  }
  const trouble = backendTrouble(facts)
  if (trouble) return { ...trouble, until, text: `${trouble.text}; next try in ${span(wait_seconds)}` }
  return { code: 'retry', since, until, text: `retry in ${wait_seconds} s after “${error.message}”` }
}

function full({ lane, slots, position }: Facts): string {
  if (LANES.some((common) => common === lane))
    return `lane ${lane} is full (${slots} running), position ${position}`
  return `waits for ${atATime(lane, slots)}; position ${position}`
}

function pausedLane(facts: Facts): WaitingOn | null {
  const { until, left_seconds: left } = facts.trouble ?? {}
  const trouble = backendTrouble(facts)
  if (!trouble || !until || !left) return null
  return { ...trouble, until, text: `${trouble.text}; next try in ${span(left)}` }
}

function backendTrouble({ trouble }: Facts): WaitingOn | null {
  if (!trouble) return null
  const { since, until, text, next_step } = trouble
  return { code: until ? 'paused' : 'backend', since, text, ...(next_step ? { next_step } : {}) }
}

/** One that works for the lane asks for nothing meanwhile, and is heard of by its heartbeats. */
function workerGone(facts: Facts): WaitingOn | null {
  const { lane, slots, free, unseen_seconds: unseen } = facts
  if (free < slots || (unseen !== null && unseen <= GONE_SECONDS)) return null
  const heard = unseen === null ? 'none has been heard of' : `none has been heard of for ${span(unseen)}`
  return {
    code: 'worker_absent',
    since: facts.updated_at,
    text: `waits for a worker of ${lane}; ${heard}`,
    next_step: `where its login is: hai worker run --backend ${lane}`,
  }
}
