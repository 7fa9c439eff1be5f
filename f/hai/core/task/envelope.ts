import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../base/dates.ts'
import { conversationKey } from '../base/normal.ts'
import { record } from '../base/own.ts'
import { hasNul } from '../base/text.ts'
import { Zone } from '../base/time.ts'
import { Chat, chatText } from './chat.ts'
import { CONTENT_BYTES, CONTEXT_BYTES, PRIORITIES, type Priority, type SentChat } from './shape.ts'

const bytes = (text: string) => Buffer.byteLength(text, 'utf8')
/** Postgres text can't hold it, and it never is what a person typed. */
const text = z.string().refine((given) => !hasNul(given), 'expected text without NUL characters')
const filled = text.trim().min(1, 'expected some text, got none')
const key = text.trim().min(1, 'expected 1 to 200 characters').max(200, 'expected 1 to 200 characters')

/** Who answers tasks and can be asked for by name. */
const AGENTS = ['general']

/** What becomes of a task whose conversation has one that has not ended. */
const IF_BUSY = ['queue', 'reject', 'interrupt'] as const
export type IfBusy = (typeof IF_BUSY)[number]

/** What `inbox` takes: the contract's names, nothing else. Unknown fields are refused by name. */
export const Envelope = z.strictObject({
  id: z
    .string()
    .regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, 'expected a ULID of 26 upper-case characters')
    .optional(),
  task_id: key.optional(),
  source: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'expected a slug such as cli, voice or alertmanager'),
  content: filled.refine(
    (given) => bytes(given) <= CONTENT_BYTES,
    'expected at most 256 KiB; attach long text as context',
  ),
  context: z
    .array(
      z.strictObject({
        name: filled.max(255, 'expected at most 255 characters'),
        content: text,
        media_type: text.default('text/plain'),
      }),
    )
    .refine(
      (parts) => parts.reduce((sum, part) => sum + bytes(part.content), 0) <= CONTEXT_BYTES,
      'expected at most 4 MiB of attached text in all',
    )
    .default([]),
  user: key.optional(),
  zulip_user_id: z.int().positive().optional(),
  conversation_id: key.transform(conversationKey).optional(),
  target_agent: key
    .refine((name) => AGENTS.includes(name), `no agent has that name; known: ${AGENTS.join(', ')}`)
    .optional(),
  /** Who is to answer, by `backend/model`, a backend's or a model's name; what is no such name is refused by the inbox. */
  model: z
    .string()
    .trim()
    .regex(/^[^\s\0]{1,200}$/, 'expected the name of a model, such as ollama/llama3.1:8b or llama3.1')
    .optional(),
  if_busy: z.enum(IF_BUSY).default('queue'),
  priority: z.enum(PRIORITIES).default('normal'),
  data_tier: z.enum(['public', 'internal', 'restricted']).default('internal'),
  idempotency_key: key.optional(),
  ttl_seconds: z
    .int()
    .positive()
    .max(366 * 86_400, 'expected at most one year')
    .optional(),
  retry_policy: z
    .strictObject({
      max_attempts: z.int().min(1).max(100).default(3),
      backoff_seconds: z.int().min(0).max(3600).default(10),
    })
    .default({ max_attempts: 3, backoff_seconds: 10 }),
  /** IANA zone in which times in it are meant; the house's when not given. */
  time_zone: Zone.optional(),
  trace_id: key.optional(),
  origin: key.optional(),
  intent: key.optional(),
  destructive: z
    .boolean()
    .refine(
      (isSaid) => !isSaid,
      'nothing asks a person before such a task yet; ask for what changes nothing, or leave it out',
    )
    .default(false),
  metadata: record(z.unknown())
    .refine((given) => !hasNul(given), 'expected text without NUL characters')
    .default({}),
  chat: Chat.refine(
    (chat) => bytes(chatText(chat)) <= CONTEXT_BYTES,
    'expected at most 4 MiB of what was said before in all',
  ).optional(),
})
export type Envelope = z.output<typeof Envelope>

/**
 * How long, in seconds, work of this priority may overtake work that came before it. Low waits for nobody's
 * priority: after an hour it stands before anything urgent that has just arrived.
 */
export const PRIORITY_SHIFT: Record<Priority, number> = { low: 0, normal: 120, high: 900, urgent: 3600 }

/** In a lane that persons and machines share a person's question overtakes work that came in so many seconds before it. */
export const HEAD_START_SECONDS = 3600

const PEOPLE = new Set(['cli', 'zulip', 'voice', 'text', 'openwebui', 'todo'])

/** A person waits at the other end of these sources; everything else must not stand in the way. */
export function laneOf(source: string): 'interactive' | 'batch' {
  return PEOPLE.has(source) ? 'interactive' : 'batch'
}

/** The `intent` of what is told rather than asked: where no model can say anything about it, what was told is the answer. */
export const REPORT = 'report'

/** What of a task says whether hai answers it itself. */
export interface Asked {
  source: string
  content: string
  target_agent?: string | null | undefined
  model?: string | null | undefined
  context: readonly unknown[]
  chat?: (Pick<SentChat, 'turns' | 'begun' | 'answer'> & { errand?: boolean }) | null | undefined
  /** Of a chat in an envelope its own field says it. */
  errand?: boolean
}

/** Where a task waits at first. */
export type FirstLane = (task: Asked, clock: Clock) => string

/** Two deliveries are the same task when what was asked and where it may go are the same. */
export function digestOf(envelope: Envelope): string {
  const { content, context, source, user, conversation_id, target_agent, priority, data_tier } = envelope
  const { intent, destructive, model } = envelope
  const { waiter: _, ...chat } = envelope.chat ?? {}
  const same = {
    content,
    context,
    source,
    user,
    conversation_id,
    target_agent,
    priority,
    data_tier,
    intent,
    destructive,
    ...(model ? { model } : {}),
    ...(envelope.chat ? { chat } : {}),
  }
  return createHash('sha256').update(JSON.stringify(same)).digest('hex')
}

/** Without a key of its own, a caller's `task_id` names the delivery within its source. */
export function keyOf(envelope: Envelope): string | null {
  if (envelope.idempotency_key) return envelope.idempotency_key
  return envelope.task_id ? `${envelope.source}:${envelope.task_id}` : null
}
