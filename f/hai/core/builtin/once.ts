import { json, type Sql } from '../base/db.ts'
import { span } from '../base/words.ts'
import type { Reply } from './grammar.ts'

/** For so long (seconds) what a chat's message had done is not done again for the very same message. */
const AGAIN_SECONDS = 300

/** What a message had done. */
type Did = Pick<Reply, 'todo' | 'task'> & { text: string; undo: string }

/**
 * Does what a chat's message asks for, unless the same caller's very same message, with the same said before it, had it
 * done a moment ago and it is still so: a client that heard no answer sends it again, and a new answer to it is asked for
 * with a click. In the transaction that stores the answer, so that of two at once one does it.
 */
export async function onceInChat(
  tx: Sql,
  task: { id: string; requester: string },
  act: () => Promise<Reply | undefined>,
): Promise<Reply | undefined> {
  const [message] = await tx<{ digest: string }[]>`
    select message_digest as digest, pg_advisory_xact_lock(hashtext('hai.done'), hashtext(${task.requester} || message_digest))
    from hai.chat where task_id = ${task.id}`
  const before = message && (await doneBefore(tx, task, message.digest))
  if (before) return toldAgain(before)
  const reply = await act()
  const { text, undo, todo, task: changed } = reply ?? {}
  if (text !== undefined && undo && (todo || changed)) {
    const did: Did = { text, undo, ...(todo && { todo }), ...(changed && { task: changed }) }
    await tx`update hai.chat set did = ${json(tx, did)} where task_id = ${task.id}`
  }
  return reply
}

interface Before extends Did {
  seconds: number
}

async function doneBefore(
  tx: Sql,
  { id, requester }: { id: string; requester: string },
  digest: string,
): Promise<Before | undefined> {
  const [row] = await tx<{ did: Did; seconds: number }[]>`
    select c.did, greatest(0, extract(epoch from clock_timestamp() - t.finished_at))::int as seconds
    from hai.chat c join hai.task_queue t on t.id = c.task_id
    -- whoever took it back, or went on with it, means it anew
    left join hai.todo on todo.id = c.did -> 'todo' ->> 'id' and todo.status = c.did -> 'todo' ->> 'status'
    left join hai.task_queue changed on changed.id = c.did -> 'task' ->> 'id' and case c.did -> 'task' ->> 'state'
      when 'cancelled' then changed.state = 'cancelled'
      -- what was tried again may have come to its end
      else changed.state in ('pending', 'running', 'awaiting_approval', 'done') end
    where coalesce(todo.id, changed.id) is not null and c.message_digest = ${digest} and c.task_id <> ${id} and t.requester = ${requester} and t.state = 'done'
      and t.finished_at > now() - make_interval(secs => ${AGAIN_SECONDS})
    order by t.finished_at desc limit 1`
  return row && { ...row.did, seconds: row.seconds }
}

function toldAgain({ text, undo, todo, task, seconds }: Before): Reply {
  const when = seconds < 2 ? 'a moment ago' : `${span(seconds)} ago`
  const again = 'to have it done once more, say it again below this answer, or in other words'
  return {
    text: `${text}\nthat was done ${when} for this same message, and is not done again; ${again}`,
    undo,
    ...(todo && { todo }),
    ...(task && { task }),
    data: todo ?? task,
  }
}
