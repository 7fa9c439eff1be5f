import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import type { Total } from '../base/contract.ts'
import type { Part, Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { cut, readCursor } from '../base/page.ts'
import { REPORT } from './envelope.ts'
import type { Conversation, ConversationList } from './shape.ts'

/** So far they are counted: each is looked up by itself. */
const COUNTED = 500

const List = z.strictObject({
  limit: z.int().min(1).max(500).default(50),
  cursor: z.string().optional(),
})

/** The caller's newest task of each conversation, where anything was said in it that can be gone on with. */
const newestOfEach = (sql: Sql, { name }: Caller) => sql`
  requester = ${name} and not errand and intent is distinct from ${REPORT}
  and not exists (
    select from hai.task_queue later
    where later.conversation_id = t.conversation_id and later.requester = ${name} and not later.errand
      and (later.created_at, later.id) > (t.created_at, t.id))
  -- what a built-in answered, once, is no talk
  and not (t.route is not distinct from 'built-in' and t.conversation_id = t.id)`

const firstLine = (sql: Sql, text: Part) => sql`left(substring(${text} from '[^\\n]*[^\\s][^\\n]*'), 200)`
const lastLine = (sql: Sql, text: Part) =>
  sql`left(substring(right(${text}, 1000) from '([^\\n]*[^\\s][^\\n]*)[\\s]*$'), 200)`

/** Lists are looked at by others: they show nothing restricted. */
const shownOf = (sql: Sql, tier: Part, text: Part) =>
  sql`case when ${tier} = 'restricted' then '(restricted)' else ${text} end`

/**
 * The caller's own conversations, the one last spoken in first, and how many there are; `next_cursor` when there are
 * more. One question by itself is one too: it can be gone on with.
 */
export async function listConversations(
  sql: Sql,
  input: z.input<typeof List>,
  caller: Caller,
): Promise<ConversationList> {
  const { limit, cursor } = parse(List, input)
  const after = cursor === undefined ? null : readCursor(cursor)
  const rows = await sql<(Conversation & { id: string; created_at: string })[]>`
    select t.id, t.created_at, t.conversation_id,
      case when t.conversation_id like '#%' then t.conversation_id end as name,
      turns.turns, turns.began_at, t.created_at as last_at, t.id as last_id, t.state as last_state,
      ${shownOf(sql, sql`began.data_tier`, firstLine(sql, sql`began.content`))} as began_with,
      ${shownOf(sql, sql`t.data_tier`, firstLine(sql, sql`t.content`))} as question,
      ${shownOf(sql, sql`t.data_tier`, lastLine(sql, sql`t.output`))} as answer
    from (
      select * from hai.task_queue t where ${newestOfEach(sql, caller)}
        ${after ? sql`and (created_at, id) < (${after.created_at}::timestamptz, ${after.id})` : sql``}
      order by created_at desc, id desc limit ${limit + 1}
    ) t
    cross join lateral (
      select count(*)::int as turns, min(created_at) as began_at from hai.task_queue q
      where q.conversation_id = t.conversation_id and q.requester = t.requester and not q.errand
    ) turns
    cross join lateral (
      select content, data_tier from hai.task_queue q
      where q.conversation_id = t.conversation_id and q.requester = t.requester and not q.errand
      order by q.created_at, q.id limit 1
    ) began
    order by t.created_at desc, t.id desc`
  const { page, next_cursor } = cut(rows, limit)
  const conversations = page.map(({ id: _, created_at: __, ...conversation }) => conversation)
  const total =
    next_cursor || cursor ? await countConversations(sql, caller) : { total: conversations.length }
  return { conversations, ...total, ...(next_cursor ? { next_cursor } : {}) }
}

async function countConversations(sql: Sql, caller: Caller): Promise<Total> {
  const [row] = await sql<[{ found: number }]>`
    select count(*)::int as found from (
      select created_at from hai.task_queue t where ${newestOfEach(sql, caller)}
      order by created_at desc, id desc limit ${COUNTED + 1}) counted`
  return row.found > COUNTED ? { total: COUNTED, total_capped: true } : { total: row.found }
}
