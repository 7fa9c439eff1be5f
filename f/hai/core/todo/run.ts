import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import { inTransaction, type Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { shortId, todoId } from '../base/ids.ts'
import { enqueue } from '../task/enqueue.ts'
import type { FirstLane } from '../task/envelope.ts'
import type { Accepted } from '../task/shape.ts'

const Run = z.strictObject({ id: z.string(), idempotency_key: z.string().min(1).max(200).optional() })

/** Makes a task of an open todo, linked both ways. While that task has not ended, running it again is `duplicate`. */
export async function runTodo(
  sql: Sql,
  input: z.input<typeof Run>,
  caller: Caller,
  firstLane?: FirstLane,
): Promise<Accepted> {
  const { id: given, idempotency_key } = parse(Run, input)
  return inTransaction(sql, async (tx) => {
    const id = await todoId(tx, given)
    // locked in a statement of its own: whoever waited here must see what the other one made of it
    await tx`select from hai.todo where id = ${id} for update`
    const [todo] = await tx<
      { body: string; status: string; author: string; running: string | null; conversation_id: string }[]
    >`
      select body, status, coalesce(written_by, created_by) as author, q.id as running, q.conversation_id
      from hai.todo t left join hai.task_queue q
        on q.id = t.task_id and q.state in ('pending', 'running', 'awaiting_approval')
      where t.id = ${id}`
    // whose words go out in this one's name
    const author = todo!.author === caller.name ? {} : { written_by: todo!.author }
    if (todo!.running)
      return {
        task_id: todo!.running,
        status: 'duplicate',
        conversation_id: todo!.conversation_id,
        ...author,
      }
    if (todo!.status !== 'open') {
      throw new HaiError(
        'conflict',
        `todo ${shortId(id)} is ${todo!.status}; hai todo reopen ${shortId(id)} first`,
      )
    }
    const envelope = {
      source: 'todo',
      content: todo!.body,
      ...(caller.zoneNamed ? { time_zone: caller.zone } : {}),
      ...(idempotency_key ? { idempotency_key } : {}),
    }
    const accepted = await enqueue(tx, envelope, {
      requester: caller.name,
      todoId: id,
      zone: caller.zone,
      dayFirst: caller.dayFirst,
      ...(firstLane ? { firstLane } : {}),
    })
    await tx`update hai.todo set task_id = ${accepted.task_id}, result = null, updated_at = now() where id = ${id}`
    return { ...accepted, ...author }
  })
}
