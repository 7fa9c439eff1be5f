import type { Choice, Models } from '../base/backends.ts'
import type { Sql } from '../base/db.ts'
import { own } from '../base/own.ts'
import { type Endpoint, type Known, knownOf } from './backend.ts'
import { HEAD_START_SECONDS, laneOf } from './envelope.ts'
import { giveWay } from './give_way.ts'
import { BUILT_IN, type Held, inHandsOf, isBehind, LANES, leaseLost, MODEL_LANES, putBack } from './lease.ts'
import type { ClaimedTask } from './shape.ts'
import { ring } from './wake.ts'

/** Of a lane of workers elsewhere, unless the backend says otherwise. */
const SLOTS = 2
/** A local model takes one call at a time unless its `slots` say more: else the server's queue is where tasks wait. */
const LOCAL_SLOTS = 1
/** Of the lane in which answers without a model are given: each takes a moment. */
const BUILT_IN_SLOTS = 8
const [INTERACTIVE] = MODEL_LANES

type Lane = Pick<Choice['backend'], 'billing' | 'external' | 'slots'>

/** How many tasks of a backend may be under way at once. */
export const slotsOf = ({ billing, slots }: Lane): number =>
  slots ?? (billing === 'local' ? LOCAL_SLOTS : SLOTS)

/** Gives a lane as many slots as it is to have; those too many that hold a task go when it ends. */
export async function setSlots(sql: Sql, lane: string, backend: Lane): Promise<void> {
  const slots = slotsOf(backend)
  await sql`
    with old as (
      select lane, no, task_id, row_number() over (order by task_id is null, closing, no) > ${slots} as surplus
      from hai.lane_slot where lane = ${lane}
    ), gone as (
      delete from hai.lane_slot s using old
      where s.lane = old.lane and s.no = old.no and old.surplus and s.task_id is null
    ), kept as (
      update hai.lane_slot s set closing = old.surplus, elsewhere = ${backend.external === true}
      from old
      where s.lane = old.lane and s.no = old.no and (old.task_id is not null or not old.surplus)
        and (s.closing, s.elsewhere) is distinct from (old.surplus, ${backend.external === true})
    )
    insert into hai.lane_slot (lane, no, elsewhere)
    select ${lane}, no, ${backend.external === true}
    from generate_series(1, ${slots} + (select count(*)::int from old)) as no
    where no not in (select no from old)
    order by no
    limit greatest(0, ${slots} - (select count(*) from old))
    on conflict do nothing`
}

/** Where a task is worked from now on, and what is known of whom it is to ask. */
export interface Admission {
  lane: string
  known: Known | undefined
  /** The task went back: its model is at work for others, and it waits for it in the model's own lane. */
  queued: boolean
}

/**
 * Lets a task ask the backend that was chosen for it: a local one's slot is taken where the task is, unless none is free
 * or others wait for it; then the task waits in that lane and no attempt is used. A task that no longer wants the model
 * in whose lane it waited leaves the slot. Nothing moves while the backend may not be asked. `conflict` when the lease
 * is lost.
 */
export async function admit(
  sql: Sql,
  task: Pick<ClaimedTask, 'id' | 'lease_no' | 'lease_token' | 'lane' | 'source'>,
  choice: Choice,
  endpoint: Endpoint,
): Promise<Admission> {
  const local = choice.backend.billing === 'local'
  const lane = local ? choice.name : laneOf(task.source)
  if (lane === task.lane) return { lane, known: await knownOf(sql, endpoint), queued: false }
  const move = { lane, choice, endpoint, slots: local ? slotsOf(choice.backend) : null }
  let { held, fits, moved, ...known } = await moveTo(sql, task, move)
  if (!fits) {
    await setSlots(sql, lane, choice.backend)
    ;({ held, fits, moved, ...known } = await moveTo(sql, task, move))
  }
  if (!held) throw await leaseLost(sql, task)
  if (moved === 'pending') await giveWay(sql, [lane])
  return {
    lane: moved === 'running' ? lane : task.lane,
    known: known.state === null ? undefined : known,
    queued: moved === 'pending',
  }
}

interface Move {
  lane: string
  choice: Choice
  endpoint: Endpoint
  /** As many as the lane must have; null for those that everybody shares, where a task that finds none free stays. */
  slots: number | null
}

type Moved = (Known | { [key in keyof Known]: null }) & {
  held: boolean
  fits: boolean
  /** As what the task is in its new lane; null when nothing moved. */
  moved: 'running' | 'pending' | null
}

async function moveTo(
  sql: Sql,
  held: Held & { lane: string },
  { lane, choice: { name, model }, endpoint, slots }: Move,
): Promise<Moved> {
  // its place among those who wait there; taken back when it leaves, so that moving to and fro gains nothing
  const head = INTERACTIVE === held.lane ? HEAD_START_SECONDS : INTERACTIVE === lane ? -HEAD_START_SECONDS : 0
  const [moved] = await sql<Moved[]>`
    with known as (
      select state, until, until > now() as paused, message, next_step, ollama
      from hai.endpoint where id = ${endpoint.id}
    ), lane as (
      select ${slots}::int is null or count(*) = ${slots}::int as fits
      from hai.lane_slot where lane = ${lane} and not closing
    ), held as (
      select id, conversation_id, created_at,
        -- an errand is no person's
        least(run_at, claim_at - make_interval(secs => case when errand then 0 else ${head} end)) as place
      from hai.task_queue where ${inHandsOf(sql, held)}
    ), me as (
      select held.* from held, lane where fits and not exists (select from known where paused)
    ), slot as (
      select s.lane, s.no from hai.lane_slot s
      where s.lane = ${lane} and s.task_id is null and not s.closing and exists (select from me)
        -- whoever waits there and came before goes first, also if only this task's own turn kept it from being claimed
        and not exists (
          select from me, hai.task_queue t
          where t.lane = ${lane} and t.state = 'pending' and t.claim_at <= now()
            and (t.claim_at, t.id) < (me.place, me.id)
            and (t.expires_at is null or t.expires_at > now()) and t.left_at is null
            and (t.chat or (not exists (
              select from hai.task_queue busy
              where busy.conversation_id = t.conversation_id and busy.id <> me.id
                and busy.state in ('running', 'awaiting_approval') and not busy.chat)
            and not ${isBehind(sql)}
            -- a later turn of the same conversation would have to wait for this one
            and not (t.conversation_id = me.conversation_id and (me.created_at, me.id) < (t.created_at, t.id)))))
      order by s.no
      limit 1
      for update skip locked
    ), left_slot as (
      update hai.lane_slot s set task_id = null from me, slot where s.task_id = me.id returning s.no
    ), taken as (
      update hai.lane_slot s set task_id = me.id
      from me, slot
      -- counted, so that the other one is left first: no task has two
      where s.lane = slot.lane and s.no = slot.no and (select count(*) from left_slot) >= 0
    ), moved as (
      update hai.task_queue t
      set lane = ${lane}, claim_at = me.place, updated_at = now(),
          state = case when exists (select from slot) then 'running' else 'pending' end,
          last_seq = last_seq + case when exists (select from slot) then 0 else 1 end
      from me
      where t.id = me.id and (${slots}::int is not null or exists (select from slot))
      returning t.id, t.state, t.last_seq
    ), freed as (
      delete from hai.lease where task_id = (select id from moved where state = 'pending')
    ), told as (
      insert into hai.task_event (task_id, seq, type, text)
      select id, last_seq, 'route', ${`→ ${name}/${model}: waits for ${atATime(name, slots ?? 1)}`}
      from moved where state = 'pending'
    )
    select exists (select from held) as held, (select fits from lane) as fits, (select state from moved) as moved, known.*
    from (values (1)) as once left join known on true`
  return moved!
}

/** `ollama, which answers one at a time` */
export const atATime = (name: string, slots: number): string =>
  `${name}, which answers ${slots === 1 ? 'one' : slots} at a time`

/**
 * Gives a task to the workers of a backend that only they can reach: it waits for one in the lane of the backend's
 * name, and no attempt is used. `conflict` when the lease is lost.
 */
export async function handOver(sql: Sql, held: Held, { name, model, backend }: Choice): Promise<void> {
  await setSlots(sql, name, backend)
  await putInto(sql, held, { lane: name, head: 0 }, `→ ${name}/${model}: left to a worker of ${name}`)
}

/** Gives a task that hai turned out not to answer itself to those who ask models; no attempt is used. `conflict` as above. */
export async function leaveToModels(sql: Sql, task: Held & Pick<ClaimedTask, 'source'>): Promise<void> {
  const head = headStartIn(BUILT_IN, task.source)
  await putInto(
    sql,
    task,
    { lane: laneOf(task.source), head },
    'no built-in command matches it; it waits for a model',
  )
}

/** By how many seconds a person's task stands before a machine's in the lane where both wait. */
export const headStartIn = (lane: string, source: string): number =>
  lane === BUILT_IN && laneOf(source) === 'interactive' ? HEAD_START_SECONDS : 0

async function putInto(
  sql: Sql,
  held: Held,
  into: { lane: string; head: number },
  text: string,
): Promise<void> {
  await putBack(sql, held, { into, type: 'route', text })
  await giveWay(sql, [into.lane])
  await ring(sql)
}

/**
 * Keeps the lanes as the configuration has them: their slots, and who serves them. A lane whose backend is gone, or is
 * called something else by now, is served here: what waits in it chooses anew.
 */
export async function keepLanes(sql: Sql, { backends }: Models): Promise<void> {
  // the release before takes this lane for one whose backend is gone
  await sql`
    insert into hai.lane_slot (lane, no)
    select ${BUILT_IN}, generate_series(1, ${BUILT_IN_SLOTS})
    where not exists (select from hai.lane_slot where lane = ${BUILT_IN})
    on conflict do nothing`
  const lanes = await sql<{ lane: string; slots: number; elsewhere: boolean; untidy: boolean }[]>`
    select lane, (count(*) filter (where not closing))::int as slots, bool_or(elsewhere) as elsewhere,
      bool_or(closing and task_id is null) as untidy
    from hai.lane_slot where lane <> all(${[...LANES]}) group by lane`
  for (const { lane, slots, elsewhere, untidy } of lanes) {
    // one that was found needs no setting, and is as any other local one
    const backend =
      own(backends, lane) ?? (lane === 'ollama' ? ({ billing: 'local', enabled: true } as const) : null)
    const external = backend !== null && 'external' in backend && backend.external === true
    if (backend?.enabled && (external || backend.billing === 'local')) {
      const tidy = slots === slotsOf(backend) && elsewhere === external && !untidy
      if (!tidy) await setSlots(sql, lane, backend)
    } else {
      await abandon(sql, lane)
    }
  }
}

async function abandon(sql: Sql, lane: string): Promise<void> {
  await sql`
    with served as (
      update hai.lane_slot set elsewhere = false where lane = ${lane} and elsewhere
    )
    delete from hai.lane_slot
    where lane = ${lane} and not elsewhere and not exists (
      select from hai.task_queue where lane = ${lane} and state = 'pending')
      and not exists (select from hai.lane_slot where lane = ${lane} and task_id is not null)`
}
