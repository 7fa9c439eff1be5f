import type { Sql } from './db.ts'
import type { Turn } from './handle.ts'

/** More turns than any model's window holds. */
const MOST_TURNS = 200

/** What was asked and answered before a task in its conversation, by whoever asked the task; oldest first. */
export async function earlierTurns(
  sql: Sql,
  task: { id: string; conversation_id: string; requester: string },
): Promise<Turn[]> {
  const rows = await sql<Turn[]>`
    select content, output from (
      select content, output, created_at, id from hai.task_queue
      where conversation_id = ${task.conversation_id} and id <> ${task.id} and state = 'done' and output is not null
        and requester = ${task.requester}
        and (created_at, id) < (select created_at, id from hai.task_queue where id = ${task.id})
      order by created_at desc, id desc
      limit ${MOST_TURNS}
    ) newest order by created_at, id`
  return [...rows]
}
