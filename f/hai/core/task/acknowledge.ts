import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import { inTransaction, type Part, type Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { shortId, taskId } from '../base/ids.ts'
import { summaryColumns } from './list.ts'
import type { Acknowledged, TaskSummary } from './shape.ts'

/** What has failed and was not seen to, as the index of these has it. */
export const unacknowledged = (sql: Sql) => sql`
  state in ('dead', 'expired') and not errand and (acknowledged_at is null or acknowledged_at < finished_at)`

/** So many at once; whoever has more says it again. */
const AT_ONCE = 500

const Acknowledge = z
  .strictObject({
    ids: z.array(z.string()).min(1).max(AT_ONCE).optional(),
    /** All that failed and the caller may see. */
    all: z.boolean().default(false),
  })
  .refine(({ ids, all }) => (ids === undefined) === all, {
    message: 'expected ids, or all: true for whatever has failed',
    path: ['ids'],
  })

/**
 * Takes it down that failures are known: `home` shows them no more, lists and the tasks themselves do. All of these or
 * none; of one that is known already nothing changes. `conflict` for a task that has not failed. With `all` the newest 500.
 */
export async function acknowledge(
  sql: Sql,
  input: z.input<typeof Acknowledge>,
  caller: Caller,
): Promise<Acknowledged> {
  const { ids: given } = parse(Acknowledge, input)
  return inTransaction(sql, async (tx) => {
    if (!given) return noted(tx, newest(tx, caller), caller)
    const ids: string[] = []
    for (const id of given) ids.push(await taskId(tx, id, caller))
    const others = await tx<{ id: string; state: string }[]>`
      select id, state from hai.task_queue where id = any(${ids}) and state not in ('dead', 'expired')
      order by id`
    if (others[0]) {
      const { id, state } = others[0]
      throw new HaiError(
        'conflict',
        `task ${shortId(id)} is ${state}; only what has failed, dead or expired, is acknowledged, and nothing was`,
        { details: { id, state } },
      )
    }
    return noted(tx, tx`select unnest(${ids}::text[])`, caller)
  })
}

const newest = (tx: Sql, caller: Caller): Part => tx`
  select id from hai.task_queue where ${unacknowledged(tx)} and ${caller.sees(tx)}
  order by finished_at desc, id desc limit ${AT_ONCE}`

async function noted(tx: Sql, which: Part, caller: Caller): Promise<Acknowledged> {
  const acknowledged = await tx<TaskSummary[]>`
    with known as (
      update hai.task_queue
      set acknowledged_at = now(), acknowledged_by = ${caller.name}, last_seq = last_seq + 1, updated_at = now()
      where id in (${which}) and state in ('dead', 'expired')
        and (acknowledged_at is null or acknowledged_at < finished_at)
      returning *
    ), told as (
      insert into hai.task_event (task_id, seq, type, text)
      select id, last_seq, 'acknowledged', 'acknowledged by ' || ${caller.name}::text from known
    )
    select ${summaryColumns(tx)} from known order by finished_at desc, id desc`
  const [left] = await tx<[{ left: number }]>`
    select count(*)::int as left from (
      select from hai.task_queue where ${unacknowledged(tx)} and ${caller.sees(tx)}
      limit 1000) others`
  return { acknowledged: [...acknowledged], left: left.left }
}
