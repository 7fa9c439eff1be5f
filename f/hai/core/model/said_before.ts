import type { Message } from '../base/backends.ts'
import type { Turn } from '../task/conversation.ts'
import type { Said } from '../task/shape.ts'
import { fairShare, shorten } from './attach.ts'
import { estimate } from './estimate.ts'

/** What a server adds of its own to each message, and to all of them; in tokens. */
export const OWN_TOKENS = 8

/** What was said before a question, oldest first. */
export interface Before {
  /** Each a question and its answer, or what stands in their place: kept or left out as one. */
  exchanges: Said[][]
  /** What a notice calls `total` of, and where the newest one that is kept counts from. */
  unit: 'turns' | 'messages'
  /** How many there were, those included that never came here. */
  total: number
}

/** The earlier turns of hai's own conversation. */
export const conversationBefore = (turns: Turn[]): Before => ({
  exchanges: turns.map(({ content, output }) =>
    spoken([
      { role: 'user', content },
      { role: 'assistant', content: output },
    ]),
  ),
  unit: 'turns',
  total: turns.at(-1)?.no ?? turns.length,
})

/** A chat's messages as they were sent. What is left out goes by exchanges, so that a user begins what is kept. */
export function chatBefore(said: Said[]): Before {
  const messages = spoken(said)
  const exchanges: Said[][] = []
  for (const [at, message] of messages.entries()) {
    const begins = message.role === 'user' && messages[at - 1]?.role !== 'user'
    if (begins || at === 0) exchanges.push([message])
    else exchanges.at(-1)!.push(message)
  }
  return { exchanges, unit: 'messages', total: messages.length }
}

/** Some servers refuse a message with nothing in it. */
const spoken = (messages: Said[]) => messages.filter(({ content }) => content.trim() !== '')

interface Earlier {
  messages: Said[]
  /** What was left out, in sentences for the person. */
  notices: string[]
}

/**
 * The newest exchanges that fit `room`, in tokens. A server reads only what is new of a prompt whose beginning it knows, so
 * that the beginning must not move at each turn: once they fill `most`, the oldest go until half of it is free again.
 * Where they begin follows from them alone, and stays until they are too many again; a question with no room for
 * them has fewer for once. The last one is always there, and shortened where it must be. `scale` is how much of its estimate
 * an exchange takes.
 */
export function earlier(before: Before, room: number, most: number, scale: number): Earlier {
  const { exchanges, unit, total } = before
  const costs = exchanges.map((messages) => costOf(messages) * scale)
  const full = Math.min(room, most)
  let { from, size } = walked(costs, most)
  if (size > room) ({ from, size } = dropped(costs, costs.length, from, size, full / 2))
  let kept = exchanges.slice(from)
  const last = kept.at(-1)
  const notices: string[] = []
  if (last && size > room) {
    const short = shortened(last, room / scale)
    if (short) notices.push("the turn before this one is too long for the model's window and was shortened")
    kept = short ? [short] : []
  }
  const left = total - (unit === 'turns' ? kept.length : kept.flat().length)
  if (left > 0)
    notices.push(`${left} of ${total} earlier ${unit} are too old for the model's window and were left out`)
  return { messages: kept.flat(), notices }
}

const costOf = (messages: Said[]) =>
  messages.reduce((sum, { content }) => sum + estimate(content).most + OWN_TOKENS, 0)

/** Where the exchanges begin after each of them has come, and how many tokens they have. */
function walked(costs: number[], most: number): { from: number; size: number } {
  let from = 0
  let size = 0
  for (const [at, cost] of costs.entries()) {
    size += cost
    if (size > most) ({ from, size } = dropped(costs, at + 1, from, size, most / 2))
  }
  return { from, size }
}

/** The same of those before `end` without the oldest, until they have at most `goal` or one is left. */
function dropped(
  costs: number[],
  end: number,
  from: number,
  size: number,
  goal: number,
): { from: number; size: number } {
  let start = from
  let left = size
  while (left > goal && start < end - 1) left -= costs[start++]!
  return { from: start, size: left }
}

/** All its messages, the longest cut to what there is room for; undefined when that is nothing. */
function shortened(messages: Said[], room: number): Said[] | undefined {
  const costs = messages.map(({ content }) => estimate(content).most)
  const share = fairShare(costs, room - OWN_TOKENS * messages.length)
  const short = messages.map((message, at) => {
    if (costs[at]! <= share) return message
    const content = shorten(message.content, share)?.text
    return content === undefined ? undefined : { ...message, content }
  })
  return short.every((message) => message !== undefined) ? short : undefined
}

/** As the SDKs take them. */
export const asMessage = ({ role, content }: Said): Message => ({
  role,
  content: [{ type: 'text', text: content }],
})
