import type { Sql } from '../base/db.ts'
import { type Chat, questionDigest } from './chat.ts'
import type { Said } from './shape.ts'

/** So many exchanges are looked for, the last first: what came before may be known where the last is not, as after a file. */
const EXCHANGES = 3

/** For so long (seconds) the same first message begins no new chat: its client sent it again. */
const FIRST_SECONDS = 3600

/** As many of the caller's newest tasks are looked at for an answer whose question the client tells in other words. */
const NEWEST = 100
/** Characters; what is shorter, such as "yes", is many an answer. */
const TELLING = 40

const BLANKS = ' \t\n\r\f\v\u00a0'

/** A task on its way. */
interface Row {
  id: string
  source: string
  requester: string
  on_behalf_of: string | null
  content: string
  conversation_id: string
  chat_sent: Chat | null
}

/**
 * Writes into the rows of chats that name no conversation the one that they go on with, for lists and search. Chat clients
 * send what was said and not where: it is the one in which the last exchange that is sent was had, whatever became
 * of its question; of a first message the one that the same message began within the hour, as when it is sent again; else
 * it begins one. What a model reads is never taken from there.
 */
export async function placeChats(tx: Sql, rows: Row[]): Promise<void> {
  for (const row of rows) {
    const { chat_sent } = row
    if (!chat_sent || chat_sent.errand || row.conversation_id !== row.id) continue
    const found = await conversationOf(tx, row, chat_sent.turns)
    if (found) row.conversation_id = found
  }
}

async function conversationOf(tx: Sql, row: Row, turns: Said[]): Promise<string | undefined> {
  if (turns.length === 0) return sameBeginning(tx, row)
  const exchanges = exchangesOf(turns)
  for (const exchange of exchanges) {
    const found = await withExchange(tx, row, exchange)
    if (found) return found
  }
  return exchanges[0] && withAnswer(tx, row, exchanges[0].answer)
}

interface Exchange {
  question: string
  answer: string
}

/** The last ones first. */
function exchangesOf(turns: Said[]): Exchange[] {
  const pairs = turns.flatMap(({ role, content }, at) => {
    const before = turns[at - 1]
    return role === 'assistant' && before?.role === 'user'
      ? [{ question: before.content, answer: content }]
      : []
  })
  return pairs.toReversed().slice(0, EXCHANGES)
}

/** An answer may have been cut by who stopped it, and is in nobody's row then; and a client may add to one. */
async function withExchange(
  tx: Sql,
  { source, requester, on_behalf_of }: Row,
  { question, answer }: Exchange,
): Promise<string | undefined> {
  const asked = questionDigest({ source, on_behalf_of, content: question })
  const [task] = await tx<{ conversation_id: string }[]>`
    select t.conversation_id from hai.chat c join hai.task_queue t on t.id = c.task_id
    where c.question_digest = ${asked} and t.requester = ${requester} and not t.errand
      and (t.output is null or starts_with(btrim(${answer}, ${BLANKS}), btrim(t.output, ${BLANKS})))
    order by t.output is null, c.created_at desc limit 1`
  return task?.conversation_id
}

async function sameBeginning(tx: Sql, row: Row): Promise<string | undefined> {
  const [task] = await tx<{ conversation_id: string }[]>`
    select t.conversation_id from hai.chat c join hai.task_queue t on t.id = c.task_id
    where c.question_digest = ${questionDigest(row)} and t.requester = ${row.requester} and not t.errand
      and c.turns = '[]' and c.created_at > now() - make_interval(secs => ${FIRST_SECONDS})
    order by c.created_at desc limit 1`
  return task?.conversation_id
}

async function withAnswer(
  tx: Sql,
  { source, requester, on_behalf_of }: Row,
  answer: string,
): Promise<string | undefined> {
  if (answer.trim().length < TELLING) return undefined
  const [task] = await tx<{ conversation_id: string }[]>`
    select conversation_id from (
      select conversation_id, output, created_at, id, source, on_behalf_of, chat and not errand as is_chat
      from hai.task_queue where requester = ${requester}
      order by created_at desc, id desc limit ${NEWEST}
    ) newest
    where is_chat and source = ${source} and on_behalf_of is not distinct from ${on_behalf_of}
      and btrim(output, ${BLANKS}) = btrim(${answer}, ${BLANKS})
    order by created_at desc, id desc limit 1`
  return task?.conversation_id
}
