import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { taskId } from '../base/ids.ts'
import { conversationKey, isConversationName } from '../base/normal.ts'

/** An earlier question of a conversation and what was answered. */
export interface Turn {
  content: string
  output: string
  /** Its place in the conversation, from 1: those before the first that is handed out are too many. */
  no?: number
  /** It is restricted and the task is not: both texts are left out. */
  withheld?: true
}

/** More turns than most windows hold. */
const MOST_TURNS = 200
/** By so many at once older ones are left out: the beginning of a prompt is not to move at each turn. */
const TURNS_AT_ONCE = 100

/**
 * What was asked and answered before a task in its conversation, by whoever asked the task; oldest first. What is
 * restricted is for restricted tasks only, whomever they ask: an answer that was made of it would be asked elsewhere next.
 */
export async function earlierTurns(
  sql: Sql,
  task: { id: string; conversation_id: string; requester: string; data_tier: string },
): Promise<Turn[]> {
  const rows = await sql<(Omit<Turn, 'withheld'> & { withheld: boolean })[]>`
    with earlier as (
      select content, output, created_at, id, data_tier = 'restricted' and ${task.data_tier} <> 'restricted' as withheld
      from hai.task_queue
      where conversation_id = ${task.conversation_id} and id <> ${task.id} and state = 'done' and output is not null
        and requester = ${task.requester}
        and (created_at, id) < (select created_at, id from hai.task_queue where id = ${task.id})
    ), turn as (
      select *, (row_number() over in_order)::int as place, (count(*) over ())::int as total,
        (count(*) filter (where not withheld) over in_order)::int as no
      from earlier
      window in_order as (order by created_at, id)
    )
    select case when withheld then '' else content end as content, case when withheld then '' else output end as output,
      withheld, no
    from turn
    where place > case when total > ${MOST_TURNS} then total - total % ${TURNS_AT_ONCE} - ${TURNS_AT_ONCE} else 0 end
    order by place`
  return rows.map(({ withheld, ...turn }) => (withheld ? { ...turn, withheld } : turn))
}

/** A task on its way, with the conversation as it was named: the task's own id where none was. */
interface Placed {
  id: string
  conversation_id: string
}

/**
 * Finds each conversation that is named, before anything is stored, and writes its id into the row; gives the names that
 * are new. Only a `#name` begins one: an id that is neither a conversation's nor a task's is `not_found`.
 */
export async function findConversations(
  tx: Sql,
  rows: Placed[],
  sees: Caller['sees'],
): Promise<ReadonlySet<string>> {
  const own = new Set(rows.map(({ id }) => id))
  const named = rows.filter(({ conversation_id }) => !own.has(conversation_id))
  const texts = [...new Set(named.map(({ conversation_id }) => conversation_id))]
  if (texts.length === 0) return new Set()
  const known = await tx<{ name: string }[]>`
    select name from unnest(${texts}::text[]) as name
    where exists (select from hai.task_queue where conversation_id = name)`
  const unknown = texts.filter((text) => !known.some(({ name }) => name === text))
  const ids = unknown.filter((text) => !isConversationName(text))
  const found = new Map<string, string>()
  for (const id of ids) found.set(id, await conversationOfTask(tx, id, sees))
  for (const row of named) row.conversation_id = found.get(row.conversation_id) ?? row.conversation_id
  return new Set(unknown.filter(isConversationName))
}

/** The conversation that a filter means: a name as names are stored, an id of one, or that of the task with this id. */
export async function conversationMeant(sql: Sql, text: string, sees: Caller['sees']): Promise<string> {
  const key = conversationKey(text)
  if (isConversationName(key)) return key
  const [known] = await sql`select from hai.task_queue where conversation_id = ${key} limit 1`
  if (known) return key
  return conversationOfTask(sql, key, sees).catch((error) => {
    if (error instanceof HaiError && error.code === 'not_found') return key
    throw error
  })
}

/** The conversation of the task that an id means. */
async function conversationOfTask(tx: Sql, given: string, sees: Caller['sees']): Promise<string> {
  try {
    const id = await taskId(tx, given, { sees })
    const [task] = await tx<[{ conversation_id: string }]>`
      select conversation_id from hai.task_queue where id = ${id}`
    return task.conversation_id
  } catch (error) {
    if (!(error instanceof HaiError) || error.code === 'conflict') throw error
    throw await unknownConversation(tx, given, sees, error)
  }
}

async function unknownConversation(
  tx: Sql,
  given: string,
  sees: Caller['sees'],
  cause: HaiError,
): Promise<HaiError> {
  const name = `#${given.toLowerCase()}`
  const [meant] = await tx`select from hai.task_queue where conversation_id = ${name} and ${sees(tx)} limit 1`
  const hint = meant
    ? `there is '${name}': say it with the #`
    : `what begins with # is a name and begins one, such as '#rack-move'`
  const nothing = 'conversation_id: there is no conversation and no task'
  return new HaiError('not_found', `${nothing} ${given}, and nothing was stored; ${hint}`, {
    cause,
    plain: `${nothing} of that name, and nothing was stored; what begins with # is a name and begins one`,
  })
}
