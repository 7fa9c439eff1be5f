import type { IncomingHttpHeaders } from 'node:http'
import { countTokens } from './tokens.ts'

/** A request as it arrived. Times are milliseconds since the epoch; null is: has not happened. */
export interface Call {
  method: string
  path: string
  headers: IncomingHttpHeaders
  /** The parsed JSON; undefined when there was no body. */
  body: unknown
  at: number
  /** When the first piece of the answer was handed to the socket. */
  firstPieceAt: number | null
  /** When the script was played to its end, be it a bad one. A hang has none. */
  endedAt: number | null
  /** When the client hung up before that. */
  leftAt: number | null
}

/** What a call costs. `input` counts only what no cache held; `reasoning` is a part of `output`. */
export interface Tokens {
  input: number
  cacheRead: number
  cacheWrite: number
  output: number
  reasoning: number
}

export interface ToolCall {
  id: string
  name: string
  arguments: Record<string, unknown>
}

/**
 * How an answer ends once its pieces are out. `complete` is the protocol's own end; `hang` says no more; `cut` drops
 * the connection; `short` ends the response without the protocol's end; `garbage` sends what is no frame; `error` is
 * the provider's error in the middle of a stream.
 */
export type Ending = 'complete' | 'hang' | 'cut' | 'short' | 'garbage' | 'error'

/** What the model says, in any provider's words. Nothing said and no tool called is the empty answer. */
export interface Answer {
  /** Each piece is one frame. */
  text?: string | string[]
  reasoning?: string[]
  toolCalls?: ToolCall[]
  /** `length`: the limit of output tokens was reached. */
  finish?: 'stop' | 'length'
  tokens?: Partial<Tokens>
  /**
   * Milliseconds before the response's headers, from them to the first piece, between pieces, and from the last piece
   * to the end: 0, but 50 before a cut, since some clients drop what comes together with one.
   */
  pause?: { headers?: number; first?: number; between?: number; last?: number }
  ending?: Ending
}

/** A bare HTTP response: a string goes out as it is, all else as JSON. */
export interface HttpAnswer {
  status: number
  headers?: Record<string, string>
  body: unknown
  /** Milliseconds before anything is sent. */
  after?: number
}

/** `hang` never sends a byte, `cut` drops the connection before the first. */
export type Move = Answer | HttpAnswer | 'hang' | 'cut'
export type Behaviour = Move | ((call: Call) => Move)

/** Characters beyond which a stand-in counts. */
const LONG_PROMPT = 1200
const USUAL: Tokens = { input: 100, cacheRead: 0, cacheWrite: 0, output: 20, reasoning: 0 }

/** What `answer` costs: 100 tokens in, or what a longer prompt has, and 20 out, unless it says otherwise. */
export function tokensOf(answer: Answer, prompt?: unknown): Tokens {
  const text = JSON.stringify(prompt ?? '')
  const input = text.length > LONG_PROMPT ? countTokens(text) : USUAL.input
  return { ...USUAL, input, ...answer.tokens }
}

/** The frames' worth of text in `answer`. */
export function piecesOf({ text = [] }: Answer): string[] {
  const pieces = typeof text === 'string' ? [text] : text
  return pieces.filter((piece) => piece !== '')
}
