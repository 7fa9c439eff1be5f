import { door } from '../core/base/door.ts'
import { listTasks } from '../core/task/list.ts'

/**
 * Tasks, newest first. `state` is one, several with commas, or `open`; `next_cursor` asks for the next page. Without
 * `state`, `text` and `conversation_id` a chat is one line, with so many `questions`. `errands`: those of chat clients.
 */
export async function main(
  state?: string,
  source?: string,
  agent?: string,
  requester?: string,
  conversation_id?: string,
  since?: string,
  until?: string,
  text?: string,
  limit: number = 50,
  cursor?: string,
  errands?: boolean,
) {
  const filter = {
    state,
    source,
    agent,
    requester,
    conversation_id,
    since,
    until,
    text,
    limit,
    cursor,
    errands,
  }
  return door(filter, listTasks)
}
