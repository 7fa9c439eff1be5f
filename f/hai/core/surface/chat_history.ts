import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import type { Turn } from '../task/handle.ts'

/** As many of the caller's newest tasks are looked at for the conversation that a chat goes on with. */
const NEWEST = 200

interface Message {
  role: string
  content: string
}

/** The part of an envelope that a chat's messages make. */
export interface Placed {
  content: string
  conversation_id?: string
  context?: { name: string; content: string }[]
}

/**
 * The last message as content. A chat client sends all that was said each time: where that is a conversation hai has,
 * word for word, the task is its next turn; where not, as after an edit, the earlier messages are attached.
 */
export async function placed(sql: Sql, messages: Message[], caller: Caller): Promise<Placed> {
  const instructions = messages.filter(({ role }) => role === 'system' || role === 'developer')
  const said = messages.filter((message) => !instructions.includes(message))
  const earlier = said.slice(0, -1)
  const conversation_id = await conversationOf(sql, earlier, caller)
  const context = [
    ...attached(
      'instructions',
      instructions.map(({ content }) => content),
    ),
    ...attached(
      'earlier messages',
      conversation_id ? [] : earlier.map(({ role, content }) => `${role}: ${content}`),
    ),
  ]
  return {
    content: said.at(-1)!.content,
    ...(conversation_id ? { conversation_id } : {}),
    ...(context.length > 0 ? { context } : {}),
  }
}

function attached(name: string, texts: string[]): { name: string; content: string }[] {
  return texts.length > 0 ? [{ name, content: texts.join('\n\n') }] : []
}

async function conversationOf(sql: Sql, earlier: Message[], caller: Caller): Promise<string | undefined> {
  const turns = turnsOf(earlier)
  const last = turns?.at(-1)
  if (!turns || !last) return undefined
  const known = await sql<{ conversation_id: string; turns: Turn[] }[]>`
    with candidate as (
      select distinct conversation_id from (
        select conversation_id, state, content, output from hai.task_queue
        where requester = ${caller.name} order by created_at desc, id desc limit ${NEWEST}
      ) newest
      where state = 'done' and content = ${last.content} and output = ${last.output}
    )
    select conversation_id, jsonb_agg(jsonb_build_object('content', content, 'output', output) order by created_at, id) as turns
    from hai.task_queue join candidate using (conversation_id)
    where requester = ${caller.name} and state = 'done' and output is not null
    group by conversation_id`
  return known.find((conversation) => same(conversation.turns, turns))?.conversation_id
}

/** Questions each with its answer; undefined when the messages are anything else. */
function turnsOf(messages: Message[]): Turn[] | undefined {
  const isAlternating = messages.every(({ role }, at) => role === (at % 2 === 0 ? 'user' : 'assistant'))
  if (!isAlternating || messages.length % 2 === 1) return undefined
  const questions = messages.filter((_, at) => at % 2 === 0)
  return questions.map(({ content }, at) => ({
    content: content.trim(),
    output: messages[2 * at + 1]!.content,
  }))
}

const same = (these: Turn[], those: Turn[]) =>
  these.length === those.length &&
  these.every(({ content, output }, at) => content === those[at]!.content && output === those[at]!.output)
