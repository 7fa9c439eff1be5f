import type { Message } from '../base/backends.ts'
import type { ClaimedTask } from '../base/contract.ts'
import type { Turn } from '../task/conversation.ts'
import { attach } from './attach.ts'
import { type Estimate, estimate } from './estimate.ts'
import { type Earlier, earlier } from './history.ts'

const SYSTEM =
  'You are hai, the assistant of the operator of a homelab. Answer first, briefly and plainly; explain after. ' +
  'Say so when you do not know. You have no tools and cannot look anything up or change anything.'

/** What a server adds of its own to each message, and to all of them; in tokens. */
const OWN_TOKENS = 8
/** Where what is attached meets the question. */
const SEAM = 2
/** Of the window: what a prompt leaves free for the answer, and what it leaves at the very least for a long question. */
const ANSWER_SHARE = 1 / 4
const LEAST_ANSWER_SHARE = 1 / 16
/** Of the room for the prompt: what turns may fill, so that a question of usual length never moves where they begin. */
const TURNS_SHARE = 7 / 8

/** What a prompt must fit. */
export interface Fit {
  /** Tokens of prompt and answer together. */
  window: number
  /** Whether somebody has said so; else it is a guess. */
  known: boolean
  /** True tokens for each that is estimated, at most. */
  ratio: number
  /** The same for what was said before, of which the like was counted already: it may be less than 1. */
  said: number
  /** Tokens that an answer may have at most. */
  output: number
}

export interface Prompt {
  messages: Message[]
  /** What didn't fit, in sentences for the person. */
  notices: string[]
  tokens: Estimate
  /** Tokens of the window that it is taken to fill. */
  fill: number
  /** What most of it is, and so what is to be shortened where the whole is too long. */
  mostly: 'question' | 'attached' | 'history'
}

/** Nothing can be left out any more, and it is too long all the same. */
export class TooLong extends Error {
  tokens: number
  window: number

  constructor(tokens: number, window: number) {
    super(`the question alone has at least ${tokens} tokens, and the window is ${window} tokens`)
    this.name = 'TooLong'
    this.tokens = tokens
    this.window = window
  }
}

type Asked = Pick<ClaimedTask, 'content' | 'context'>

/**
 * The conversation so far, what is attached, and the question. What doesn't fit is left out, and said: of what is
 * attached the middle, of the conversation its beginning. `TooLong` when the question alone is too long for certain; where
 * that is uncertain it goes alone, and the server will say.
 */
export function buildPrompt(task: Asked, turns: Turn[], { window, known, ratio, said, output }: Fit): Prompt {
  const all = Math.floor(window / ratio)
  const alone = tokensOf([SYSTEM, task.content])
  if (known && alone.least > window) throw new TooLong(alone.least, window)
  const room = all - Math.min(Math.floor(all * ANSWER_SHARE), output) - alone.most - SEAM
  const attached = attach(task.context, room)
  const system = tokensOf([SYSTEM]).most
  const rest = room - attached.tokens
  const forTurns = (all - Math.floor(all * ANSWER_SHARE) - system) * TURNS_SHARE
  const kept = earlier(turns, rest, forTurns, said / ratio)
  const question = attached.text + task.content
  const messages: Message[] = [
    { role: 'system', content: SYSTEM },
    ...kept.turns.flatMap(({ content, output }): Message[] => [
      { role: 'user', content: [{ type: 'text', text: content }] },
      { role: 'assistant', content: [{ type: 'text', text: output }] },
    ]),
    { role: 'user', content: [{ type: 'text', text: question }] },
  ]
  const tokens = promptTokens(messages)
  const before = tokens.most - tokensOf([SYSTEM, question]).most
  return {
    messages,
    notices: [...attached.notices, ...kept.notices],
    tokens,
    fill: Math.ceil((tokens.most - before) * ratio + before * said),
    mostly: mostly(task.content, attached.text, kept),
  }
}

function mostly(question: string, attached: string, { turns }: Earlier): Prompt['mostly'] {
  const history = turns.reduce((sum, { content, output }) => sum + content.length + output.length, 0)
  if (question.length >= Math.max(attached.length, history)) return 'question'
  return attached.length >= history ? 'attached' : 'history'
}

/** Tokens that the answer may have: what the prompt leaves of the window, at most `output`. */
export function answerRoom({ fill }: Prompt, { window, known, output }: Fit): number {
  if (!known) return output
  return Math.min(output, Math.max(window - fill, Math.ceil(window * LEAST_ANSWER_SHARE)))
}

/** Tokens of a whole prompt. */
export const promptTokens = (messages: Message[]): Estimate =>
  tokensOf(
    messages.map(({ content }) =>
      typeof content === 'string'
        ? content
        : content.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    ),
  )

function tokensOf(texts: string[]): Estimate {
  const each = texts.map(estimate)
  return {
    least: each.reduce((sum, { least }) => sum + least, 0),
    most: each.reduce((sum, { most }) => sum + most + OWN_TOKENS, OWN_TOKENS),
  }
}
