import type { ServerResponse } from 'node:http'
import { setTimeout as elapse } from 'node:timers/promises'
import { type Answer, type Call, type HttpAnswer, piecesOf, type ToolCall } from './behaviour.ts'

/** One answer in a provider's streaming protocol: each function gives the bytes for its part. */
export interface Frames {
  contentType: string
  open(): string
  reasoning(piece: string): string
  text(piece: string): string
  toolCall(call: ToolCall, index: number): string
  close(): string
  error(): string
}

/** A response under way. `gone` is aborted when the connection is. */
export interface Stage {
  call: Call
  response: ServerResponse
  gone: AbortSignal
}

const BROKEN = 'data: {"id":"\n\n<html><body><h1>502 Bad Gateway</h1></body></html>\n\n'

/** Sends `answer` frame by frame, as its script says. Rejects when the client leaves. */
export async function playStream(stage: Stage, answer: Answer, frames: Frames): Promise<void> {
  const { headers = 0, first = 0, between = 0, last = answer.ending === 'cut' ? 50 : 0 } = answer.pause ?? {}
  const pieces = [
    ...(answer.reasoning ?? []).map(frames.reasoning),
    ...piecesOf(answer).map(frames.text),
    ...(answer.toolCalls ?? []).map(frames.toolCall),
  ]
  await passed(stage, headers)
  if (!stage.response.headersSent) {
    stage.response.writeHead(200, { 'content-type': frames.contentType, 'cache-control': 'no-cache' })
    stage.response.flushHeaders()
  }
  send(stage, frames.open())
  await passed(stage, first)
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await passed(stage, between)
    stage.call.firstPieceAt ??= Date.now()
    send(stage, piece)
  }
  await passed(stage, last)
  end(stage, answer, { complete: frames.close, error: frames.error, garbage: () => BROKEN })
}

/** Sends `answer` as one JSON document; an ending other than `complete` leaves it half sent. */
export async function playWhole(stage: Stage, answer: Answer, document: unknown): Promise<void> {
  const { headers = 0, first = 0, between = 0 } = answer.pause ?? {}
  await passed(stage, headers + first + between * Math.max(0, piecesOf(answer).length - 1))
  const text = JSON.stringify(document)
  const half = text.slice(0, text.length / 2)
  const complete = (answer.ending ?? 'complete') === 'complete'
  stage.response.writeHead(200, { 'content-type': 'application/json' })
  stage.call.firstPieceAt = Date.now()
  send(stage, complete ? text : half)
  end(stage, answer, { complete: () => '', error: () => '', garbage: () => BROKEN })
}

/** Sends a bare response. */
export async function playHttp(
  stage: Stage,
  { status, headers, body, after = 0 }: HttpAnswer,
): Promise<void> {
  await passed(stage, after)
  const [type, text] =
    typeof body === 'string' ? ['text/plain', body] : ['application/json', JSON.stringify(body)]
  stage.response.writeHead(status, { 'content-type': type, ...headers })
  stage.call.endedAt = Date.now()
  stage.response.end(text)
}

/** Drops the connection, after what was sent has left: the client has it all, and then nothing. */
export function cut({ call, response }: Stage): void {
  call.endedAt = Date.now()
  // Node keeps what is written in one turn together until that is over
  setImmediate(() => response.socket?.destroySoon())
}

function end(
  stage: Stage,
  answer: Answer,
  last: Record<'complete' | 'error' | 'garbage', () => string>,
): void {
  const ending = answer.ending ?? 'complete'
  if (ending === 'hang') return
  if (ending === 'cut') {
    cut(stage)
    return
  }
  if (ending !== 'short') send(stage, last[ending]())
  stage.call.endedAt = Date.now()
  stage.response.end()
}

function send({ response, gone }: Stage, text: string): void {
  gone.throwIfAborted()
  if (text !== '') response.write(text)
}

async function passed({ gone }: Stage, milliseconds: number): Promise<void> {
  gone.throwIfAborted()
  if (milliseconds > 0) await elapse(milliseconds, undefined, { signal: gone })
}
