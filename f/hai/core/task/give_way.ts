import type { Sql } from '../base/db.ts'
import { BUILT_IN, claimable, wasLeft } from './lease.ts'

/** So often an errand is put back for a question; then it goes on to its end. */
const MOST_GIVEN_WAY = 3

/** No more places are asked for at once than a lane has. */
const MOST_WANTED = 64

/** Slots of tasks that may be asked to give them up. */
export const unaskedHolders = (sql: Sql) => sql`
  select s.lane, t.id, t.left_at, t.started_at
  from hai.lane_slot s join hai.task_queue t on t.id = s.task_id
  where t.state = 'running' and s.lane <> ${BUILT_IN} and not s.closing
    and (t.left_at is not null or (t.errand and ${MOST_GIVEN_WAY} > (
      select count(*) from hai.task_event e where e.task_id = t.id and e.type = 'gave_way')))`

/**
 * Has tasks that nobody waits for give up their places, at once and as many as others want that are due: in these lanes,
 * or in all. One that all have left ends; an errand goes back for a question, and no attempt is used. Their workers learn it
 * as of any lost lease. Gives how many places are free by it.
 */
export async function giveWay(sql: Sql, lanes: readonly string[] | null = null): Promise<number> {
  const due = sql`
    select from hai.task_queue t where t.lane = place.lane and ${claimable(sql)}`
  const moved = await sql`
    with holder as (
      select lane, id, left_at is not null as left,
        row_number() over (partition by lane order by left_at is null, started_at desc) as nth
      from (${unaskedHolders(sql)}) unasked
      where ${lanes as string[] | null}::text[] is null or lane = any(${lanes as string[] | null}::text[])
    ), place as (
      select lane, (
        select count(*) from hai.lane_slot s where s.lane = held.lane and s.task_id is null and not s.closing) as free
      from (select distinct lane from holder) held
    ), wanted as (
      select lane, (select count(*) from (${due} limit ${MOST_WANTED}) any_due) - free as by_any,
        (select count(*) from (${due} and not t.errand limit ${MOST_WANTED}) asked) - free as by_questions
      from place
    ), chosen as (
      select t.id from hai.task_queue t join holder on holder.id = t.id join wanted on wanted.lane = holder.lane
      where holder.nth <= case when holder.left then by_any else by_questions end
      -- one that is written at this moment has its own end
      for update of t skip locked
    ), moved as (
      update hai.task_queue t
      set state = case when left_at is null then 'pending' else 'cancelled' end,
          error = case when left_at is null then error else ${wasLeft(sql, sql`t.id`, '; another task needed its place')} end,
          finished_at = case when left_at is not null then now() end, next_attempt = next_attempt and left_at is not null,
          -- behind all who are due now
          run_at = case when left_at is null then now() else run_at end,
          claim_at = case when left_at is null then now() else claim_at end,
          last_seq = last_seq + 1, updated_at = now()
      from chosen where t.id = chosen.id and t.state = 'running'
      returning t.id, t.state, t.last_seq, t.error
    ), freed as (
      delete from hai.lease where task_id in (select id from moved)
    )
    insert into hai.task_event (task_id, seq, type, text)
    select id, last_seq, case state when 'pending' then 'gave_way' else state end,
      case state when 'pending' then 'put back: a question needed its place' else error ->> 'message' end
    from moved
    returning task_id`
  return moved.length
}

/** A chat's question on its way. */
interface Question {
  id: string
  requester: string
  conversation_id: string
  chat: boolean
  errand: boolean
}

/** Ends what these callers have left in the chats in which they ask on: it was stopped, and this is asked in its place. */
export async function endLeft(tx: Sql, questions: Question[]): Promise<void> {
  for (const { id, requester, conversation_id, chat, errand } of questions) {
    if (!chat || errand || conversation_id === id) continue
    await tx`
      with left_there as (
        select id from hai.task_queue
        where conversation_id = ${conversation_id} and requester = ${requester} and id <> ${id}
          and finished_at is null and left_at is not null
        for update skip locked
      ), ended as (
        update hai.task_queue t
        set state = 'cancelled', error = ${wasLeft(tx, tx`t.id`, ', and then asked anew in this chat')},
            last_seq = last_seq + 1, updated_at = now(), finished_at = now()
        from left_there where t.id = left_there.id
        returning t.id, t.last_seq, t.error
      ), freed as (
        delete from hai.lease where task_id in (select id from ended)
      )
      insert into hai.task_event (task_id, seq, type, text)
      select id, last_seq, 'cancelled', error ->> 'message' from ended`
  }
}
