import { type Choice, MAX_OUTPUT, type Message } from '../base/backends.ts'
import { own } from '../base/own.ts'
import type { ModelCall } from '../cost/model_call.ts'
import { priceAt } from '../cost/prices.ts'
import type { Turn } from '../task/conversation.ts'
import type { Said, SentChat } from '../task/shape.ts'
import { attach } from './attach.ts'
import { type Estimate, estimate } from './estimate.ts'
import { ownInstructions } from './instructions.ts'
import { asMessage, chatBefore, conversationBefore, earlier, OWN_TOKENS } from './said_before.ts'

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

/** A chat is its client's to shorten, whatever most of it is. */
export type Mostly = 'question' | 'attached' | 'history' | 'chat'

export interface Prompt {
  messages: Message[]
  /** What didn't fit, in sentences for the person. */
  notices: string[]
  tokens: Estimate
  /** Tokens of the window that it is taken to fill. */
  fill: number
  /** What most of it is, and so what is to be shortened where the whole is too long. */
  mostly: Mostly
}

/** Nothing can be left out any more, and it is too long all the same. */
export class TooLong extends Error {
  tokens: number
  window: number
  mostly: Mostly

  constructor(tokens: number, window: number, mostly: Mostly) {
    const what = mostly === 'chat' ? 'the question and its instructions have' : 'the question alone has'
    super(`${what} at least ${tokens} tokens, and the window is ${window} tokens`)
    this.name = 'TooLong'
    this.mostly = mostly
    this.tokens = tokens
    this.window = window
  }
}

interface Asked {
  content: string
  context: Parameters<typeof attach>[0]
  /** Where there is one, it is what was said before, and how to answer. */
  chat?: SentChat | null
  /** IANA zone of whoever asks; the worker's where nobody said. */
  time_zone?: string | null
}

/**
 * What was said before, what is attached, and the question; of a chat its instructions in place of hai's own. What doesn't
 * fit is left out, and said: of what is attached the middle, of what was said before its beginning. `TooLong` when the
 * question, and a chat's instructions with it, are too long for certain; where that is uncertain they go alone, and the
 * server will say.
 */
export function buildPrompt(task: Asked, turns: Turn[], { window, known, ratio, said, output }: Fit): Prompt {
  const { chat, content } = task
  const instructions = instructionsOf(task)
  const begun = begunOf(task)
  const all = Math.floor(window / ratio)
  const alone = tokensOf([instructions, content, ...begun])
  if (known && alone.least > window) throw new TooLong(alone.least, window, chat ? 'chat' : 'question')
  const room = all - Math.min(Math.floor(all * ANSWER_SHARE), output) - alone.most - SEAM
  const attached = attach(task.context, room)
  const system = tokensOf([instructions]).most
  const rest = room - attached.tokens
  const forTurns = (all - Math.floor(all * ANSWER_SHARE) - system) * TURNS_SHARE
  const before = chat ? chatBefore(chat.turns) : conversationBefore(turns)
  const kept = earlier(before, rest, forTurns, said / ratio)
  const question = attached.text + content
  const messages: Message[] = [
    { role: 'system', content: instructions },
    ...kept.messages.map(asMessage),
    asMessage({ role: 'user', content: question }),
    ...begun.map((content) => asMessage({ role: 'assistant', content })),
  ]
  const tokens = promptTokens(messages)
  const history = tokens.most - tokensOf([instructions, question, ...begun]).most
  return {
    messages,
    notices: [...attached.notices, ...kept.notices],
    tokens,
    fill: Math.ceil((tokens.most - history) * ratio + history * said),
    mostly: chat ? 'chat' : mostly(content, attached.text, kept.messages),
  }
}

const instructionsOf = ({ chat, time_zone }: Asked): string =>
  chat && chat.instructions.trim() !== '' ? chat.instructions : ownInstructions(time_zone)

/** What the answer begins with, if with anything that shows. */
const begunOf = ({ chat }: Asked): string[] => (chat?.begun?.trim() ? [chat.begun] : [])

function mostly(question: string, attached: string, before: Said[]): Prompt['mostly'] {
  const history = before.reduce((sum, { content }) => sum + content.length, 0)
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

/** A call of `choice` as the ledger is to know it, with the most that it can come to: `ratio` true tokens for one estimated. */
export function ledgerCall(
  call_id: string,
  choice: Choice,
  messages: Message[],
  maxOutput: number,
  ratio = 1,
): ModelCall {
  const { name, model, backend } = choice
  const price = priceAt(backend, model, new Date())
  return {
    call_id,
    backend: name,
    model,
    billing: backend.billing,
    ...(price ? { price } : {}),
    most: { input: Math.ceil(promptTokens(messages).most * ratio), output: maxOutput },
  }
}

/** Tokens that an answer may have when its prompt is short. */
export function mostOutput({ model, backend }: Choice): number {
  return own(backend.models, model)?.max_output ?? MAX_OUTPUT
}
