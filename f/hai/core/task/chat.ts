import { createHash } from 'node:crypto'
import { z } from 'zod'
import { json, type Part, type Sql } from '../base/db.ts'
import type { Said } from './shape.ts'

/** Postgres text can't hold it, and it never is what a person typed. */
const text = z.string().refine((given) => !given.includes('\0'), 'expected text without NUL characters')

/** The name of one wait for an answer. */
export const WAITER = z.string().regex(/^[\w-]{1,100}$/, 'expected 1 to 100 letters, digits, _ or -')

/** How an answer is to be made, by OpenAI's names; a backend that can't do what changes its shape is not asked. */
export const AnswerForm = z.strictObject({
  /** Tokens of the answer, at most. */
  max_tokens: z.int().min(1).optional(),
  stop: z.array(text.min(1)).min(1).max(16).optional(),
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().min(0).max(1).optional(),
  /** `{type: 'json_object'}`, or `{type: 'json_schema', json_schema}` with a schema as OpenAI has it. */
  response_format: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('json_object') }),
      z.strictObject({ type: z.literal('json_schema'), json_schema: z.looseObject({ name: text }) }),
    ])
    .optional(),
})

/**
 * What a chat client sends beside the question: the whole truth of what was said before. Nothing of hai's own
 * conversation is added to it, and the task waits for no other turn of that.
 */
export const Chat = z.strictObject({
  /** How to answer; the model gets it as its instructions. */
  instructions: text.default(''),
  /** What was said before the question, oldest first, each as it was sent. */
  turns: z.array(z.strictObject({ role: z.enum(['user', 'assistant']), content: text })).default([]),
  /** The beginning of the answer, which is to be gone on with. */
  begun: text.min(1).optional(),
  answer: AnswerForm.default({}),
  /** A client's own, such as a title for the chat: nobody asked it, and nobody's question waits for it. */
  errand: z.boolean().default(false),
  /**
   * Who waits for the answer, by a name of this one wait. With one the same question of the same caller joins the task
   * that is under way, and a task that all who waited have left ends.
   */
  waiter: WAITER.optional(),
})
export type Chat = z.output<typeof Chat>

/** Of a chat's texts, in characters, what is stored with its task. */
export const chatText = ({ instructions, turns, begun = '' }: Chat): string =>
  [instructions, begun, ...turns.map(({ content }) => content)].join('')

type Question = Pick<Row, 'source' | 'on_behalf_of' | 'content'>

interface Row {
  id: string
  source: string
  on_behalf_of: string | null
  content: string
  chat_sent: Chat | null
}

/** Stores what came with these tasks, which are new. */
export async function storeChats(tx: Sql, rows: Row[]): Promise<void> {
  const chats = rows.flatMap(({ chat_sent, ...row }) => {
    if (!chat_sent) return []
    const { instructions, turns, begun = null, answer } = chat_sent
    const digests = { message_digest: messageDigest(row, turns), question_digest: questionDigest(row) }
    return [{ task_id: row.id, instructions, turns, begun, answer, ...digests }]
  })
  if (chats.length === 0) return
  await tx`
    insert into hai.chat (task_id, instructions, turns, begun, answer, message_digest, question_digest)
    select task_id, instructions, turns, begun, answer, message_digest, question_digest
    from jsonb_populate_recordset(null::hai.chat, ${json(tx, chats)})`
}

/** This very message at this place of its chat, whatever instructions came with it. */
const messageDigest = ({ source, on_behalf_of, content }: Question, turns: Said[]): string =>
  digest([source, on_behalf_of, turns, content])

/** The question alone, of whoever asks it. Blanks at its ends are nobody's to remember. */
export const questionDigest = ({ source, on_behalf_of, content }: Question): string =>
  digest([source, on_behalf_of, content.trim()])

const digest = (parts: unknown[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex')

/** What came with the task whose id this is, as a `ClaimedTask` has it; null where nothing did. */
export const chatOf = (sql: Sql, id: Part) => sql`(
  select jsonb_strip_nulls(jsonb_build_object(
    'instructions', instructions, 'turns', turns, 'begun', begun, 'answer', answer))
  from hai.chat where task_id = ${id})`
