import { type Choice, MAX_OUTPUT, type Message } from '../base/backends.ts'
import { own } from '../base/own.ts'
import type { ModelCall } from '../cost/model_call.ts'
import { priceAt } from '../cost/prices.ts'
import type { Turn } from '../task/conversation.ts'
import type { ClaimedTask } from '../task/shape.ts'
import { attach, shorten } from './attach.ts'
import { type Estimate, estimate } from './estimate.ts'

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

/** What a server adds to the two messages of a turn, in tokens. */
const TURN_TOKENS = 16

interface Earlier {
  turns: Turn[]
  /** What was left out, in sentences for the person. */
  notices: string[]
}

/**
 * The newest turns that fit `room`, in tokens. A server reads only what is new of a prompt whose beginning it knows, so
 * that the beginning must not move at each turn: once turns fill `most`, the oldest go until half of it is free again.
 * Where they begin follows from the turns alone, and stays until they are too many again; a question with no room for
 * them has fewer for once. The last turn is always there, and shortened where it must be. `scale` is how much of its estimate
 * a turn takes.
 */
function earlier(turns: Turn[], room: number, most: number, scale: number): Earlier {
  const costs = turns.map((turn) => costOf(turn) * scale)
  const full = Math.min(room, most)
  let { from, size } = walked(costs, most)
  if (size > room) ({ from, size } = dropped(costs, from, size, full / 2))
  const kept = turns.slice(from)
  const last = kept.at(-1)
  const notices: string[] = []
  if (last && size > room) {
    const short = shortened(last, room / scale - TURN_TOKENS)
    if (short) notices.push("the turn before this one is too long for the model's window and was shortened")
    kept.splice(0, kept.length, ...(short ? [short] : []))
  }
  const total = turns.at(-1)?.no ?? turns.length
  const left = total - kept.length
  if (left > 0)
    notices.push(`${left} of ${total} earlier turns are too old for the model's window and were left out`)
  return { turns: kept, notices }
}

const costOf = ({ content, output }: Turn) => estimate(content).most + estimate(output).most + TURN_TOKENS

/** Where the turns begin after each of them has come, and how many tokens they have. */
function walked(costs: number[], most: number): { from: number; size: number } {
  let from = 0
  let size = 0
  for (const [at, cost] of costs.entries()) {
    size += cost
    if (size > most) ({ from, size } = dropped(costs.slice(0, at + 1), from, size, most / 2))
  }
  return { from, size }
}

/** The same without the oldest, until they have at most `goal` or one is left. */
function dropped(costs: number[], from: number, size: number, goal: number): { from: number; size: number } {
  let start = from
  let left = size
  while (left > goal && start < costs.length - 1) left -= costs[start++]!
  return { from: start, size: left }
}

/** Both its sides cut to what there is room for; undefined when that is nothing. */
function shortened({ content, output, ...turn }: Turn, room: number): Turn | undefined {
  const asked = estimate(content).most
  const said = estimate(output).most
  const half = room / 2
  const forAsked = said < half ? room - said : Math.min(asked, half)
  const forSaid = room - Math.min(asked, forAsked)
  const short = (text: string, cost: number, tokens: number) =>
    cost <= tokens ? text : shorten(text, tokens)?.text
  const shortContent = short(content, asked, forAsked)
  const shortOutput = short(output, said, forSaid)
  if (shortContent === undefined || shortOutput === undefined) return undefined
  return { ...turn, content: shortContent, output: shortOutput }
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
