import type { Sql } from '../base/db.ts'
import { PRIORITY_SHIFT } from './envelope.ts'
import { PRIORITIES, type Priority } from './shape.ts'

// What hai does to a task without being asked, as what the task is about has changed.

/** Ends those of these tasks that nobody has begun, with what there is to say, and who says it. Gives their ids. */
export async function answerPending(
  sql: Sql,
  ids: string[],
  { output, agent = 'built-in' }: { output: string; agent?: string },
): Promise<string[]> {
  const ended = await sql<{ id: string }[]>`
    with ended as (
      update hai.task_queue
      set state = 'done', output = ${output}, error = null, agent = ${agent}, route = ${agent},
          last_seq = last_seq + 1, updated_at = now(), finished_at = now()
      where id = any(${ids}) and state = 'pending'
      returning id, last_seq
    ), told as (
      insert into hai.task_event (task_id, seq, type, text)
      select id, last_seq, 'done', 'done' from ended
    )
    select id from ended`
  return ended.map(({ id }) => id)
}

/** Writes a line into a task's history, in whatever state it is. */
export async function tellTask(sql: Sql, id: string, type: string, text: string): Promise<void> {
  await sql`
    with told as (
      update hai.task_queue set last_seq = last_seq + 1, updated_at = now() where id = ${id} returning id, last_seq
    )
    insert into hai.task_event (task_id, seq, type, text) select id, last_seq, ${type}, ${text} from told`
}

/** Puts another text in the place of the attachment of that name, for whoever begins the task from now on. */
export async function replaceAttached(
  sql: Sql,
  id: string,
  { name, content }: { name: string; content: string },
): Promise<void> {
  await sql`
    update hai.artifact set content = ${content}
    where task_id = ${id} and name = ${name} and content <> ${content}
      and exists (select from hai.task_queue where id = ${id} and state = 'pending')`
}

/** Gives a task that waits this priority, where it has a lower one. */
export async function hasten(sql: Sql, id: string, priority: Priority): Promise<void> {
  const lower = PRIORITIES.slice(0, PRIORITIES.indexOf(priority))
  await sql`
    update hai.task_queue
    set priority = ${priority}, updated_at = now(),
        claim_at = least(claim_at, run_at - make_interval(secs => ${PRIORITY_SHIFT[priority]}))
    -- what was put off is due when that was said
    where id = ${id} and state = 'pending' and priority = any(${lower}) and run_at <= now()`
}
