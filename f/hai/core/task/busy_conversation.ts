import type { Caller } from '../base/caller.ts'
import { lockNames, type Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import { cancelOpen } from './change.ts'
import type { IfBusy } from './envelope.ts'
import type { State } from './shape.ts'

/** A task on its way into a conversation. */
export interface Newcomer {
  id: string
  conversation_id: string
  if_busy: IfBusy
}

type Sees = Caller['sees']

/**
 * Until the transaction ends, nobody else decides what to do about tasks under way in these conversations. Before the
 * newcomers are inserted: whoever waited here must see what the other one made of it.
 */
export async function lockConversations(tx: Sql, newcomers: Newcomer[]): Promise<void> {
  const names = newcomers.filter(isCareful).map((task) => task.conversation_id)
  await lockNames(tx, 'hai.conversation', names)
}

/** A conversation belongs to whoever began it; one who may not see that task is `forbidden` to go on with it. */
export async function refuseStrangers(tx: Sql, newcomers: Newcomer[], sees: Sees): Promise<void> {
  const names = newcomers
    .filter((task) => task.conversation_id !== task.id)
    .map((task) => task.conversation_id)
  if (names.length === 0) return
  const [strange] = await tx<{ name: string }[]>`
    select name from unnest(${names}::text[]) as name
    cross join lateral (
      select requester from hai.task_queue where conversation_id = name order by created_at, id limit 1
    ) as first
    where not (${sees(tx)})
    limit 1`
  if (strange) {
    throw new HaiError(
      'forbidden',
      `conversation ${strange.name} is somebody else's and nothing was stored; choose another name`,
      { plain: "the conversation is somebody else's and nothing was stored; choose another name" },
    )
  }
}

/**
 * Does as each newcomer, already inserted, says about the tasks before it in its conversation that have not ended, of
 * those that its sender may see: refuses with `conflict`, naming one, or cancels them.
 */
export async function makeWay(tx: Sql, newcomers: Newcomer[], sees: Sees): Promise<void> {
  for (const [index, task] of newcomers.entries()) {
    if (!isCareful(task)) continue
    const later = newcomers.slice(index).map(({ id }) => id)
    const open = await openTasks(tx, task.conversation_id, later, sees)
    if (open.length === 0) continue
    if (task.if_busy === 'reject') throw busy(task.conversation_id, open.at(-1)!)
    const ids = open.map(({ id }) => id)
    await cancelOpen(tx, ids, 'interrupted by a newer message')
  }
}

const isCareful = ({ if_busy }: Newcomer) => if_busy !== 'queue'

interface Open {
  id: string
  state: State
}

/** Newest first, and what is under way last. */
async function openTasks(tx: Sql, conversation: string, except: string[], sees: Sees): Promise<Open[]> {
  return tx<Open[]>`
    select id, state from hai.task_queue
    where conversation_id = ${conversation} and finished_at is null and id <> all(${except}) and ${sees(tx)}
    -- a claim may hold a pending row while it looks whether one is under way: its row first, or both wait in a circle
    order by state <> 'pending', created_at desc, id desc
    for update`
}

function busy(conversation: string, { id, state }: Open): HaiError {
  const name = shortId(id)
  const is = state === 'awaiting_approval' ? 'waits for approval' : `is ${state}`
  const why = `is busy: task ${name} ${is}, and nothing was stored; send this again when that is done, or with if_busy queue or interrupt`
  return new HaiError('conflict', `conversation ${conversation} ${why}`, {
    details: { task_id: id, state, next_step: `hai task tail ${name}` },
    plain: `the conversation ${why}`,
  })
}
