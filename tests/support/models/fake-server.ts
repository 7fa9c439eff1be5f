import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Answer, Behaviour, Call, HttpAnswer, Move } from './behaviour.ts'
import { cut, type Frames, playHttp, playStream, playWhole, type Stage } from './play.ts'

/** What takes its time before an answer begins, such as loading a model; `over` follows it, however it went. */
export interface Prepared {
  ready?: (stage: Stage) => Promise<void>
  over?: () => void
}

/** A request for a model's answer; how that goes is the script's to say. */
export interface ModelCall extends Prepared {
  streamed: boolean
  /** What the server makes of a scripted answer. */
  shaped?(answer: Answer): Answer
  frames(answer: Answer): Frames
  whole(answer: Answer): unknown
}

/** What a provider makes of a request: an answer of its own, or a call of the model. */
export type Routed = (HttpAnswer & Prepared) | ModelCall
export type Route = (call: Call) => Routed

export interface FakeServer {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  url: string
  /** Every request so far, in order of arrival. */
  calls: Call[]
  callsOf(path: string): Call[]
  /** How the next calls of the model go, one each. Refused requests and lists use none up. */
  next(...behaviours: Behaviour[]): void
  /** How calls of the model go when nothing else is said. */
  byDefault(behaviour: Behaviour): void
  /** How every request to `path` goes from now on; null takes it back. */
  at(path: string, behaviour: Behaviour | null): void
  stop(): Promise<void>
}

/** Serves `route` on 127.0.0.1, on a free port unless one is given. */
export async function fakeServer(route: Route, port = 0): Promise<FakeServer> {
  const calls: Call[] = []
  const queue: Behaviour[] = []
  const places = new Map<string, Behaviour>()
  let usual: Behaviour = { text: ['It is ', 'well.'] }

  const server = createServer(async (request, response) => {
    const call = await received(request)
    if (!call) return
    calls.push(call)
    const stage = { call, response, gone: whenGone(call, response) }
    const routed = call.body instanceof SyntaxError ? malformed(call.body) : route(call)
    const scripted = places.get(call.path) ?? ('status' in routed ? routed : (queue.shift() ?? usual))
    const move = typeof scripted === 'function' ? scripted(call) : scripted
    try {
      await play(stage, move, routed)
    } catch (error) {
      if (!stage.gone.aborted) throw error
    }
  })
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', resolve),
  )
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    callsOf: (path) => calls.filter((call) => call.path === path),
    next: (...behaviours) => void queue.push(...behaviours),
    byDefault: (behaviour) => {
      usual = behaviour
    },
    at: (path, behaviour) => void (behaviour ? places.set(path, behaviour) : places.delete(path)),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function play(stage: Stage, move: Move, routed: Routed): Promise<void> {
  if (move === 'hang') return
  if (move === 'cut') return cut(stage)
  if ('status' in move && move !== routed) return playHttp(stage, move)
  try {
    await routed.ready?.(stage)
    await playReady(stage, move, routed)
  } finally {
    routed.over?.()
  }
}

async function playReady(stage: Stage, move: HttpAnswer | Answer, routed: Routed): Promise<void> {
  if ('status' in move) return playHttp(stage, move)
  if ('status' in routed) {
    throw new Error(`${stage.call.path} is no call of the model; script it with a status, 'hang' or 'cut'`)
  }
  const answer = routed.shaped?.(move) ?? move
  if (routed.streamed) return playStream(stage, answer, routed.frames(answer))
  return playWhole(stage, answer, routed.whole(answer))
}

/** The request, or null when the client was gone before it had said all of it. */
async function received(request: IncomingMessage): Promise<Call | null> {
  const at = Date.now()
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk)
  } catch (error) {
    if (request.complete) throw error
    return null
  }
  return {
    method: request.method ?? '',
    path: new URL(request.url ?? '/', 'http://fake').pathname,
    headers: request.headers,
    body: parsed(Buffer.concat(chunks).toString()),
    at,
    firstPieceAt: null,
    endedAt: null,
    leftAt: null,
  }
}

function parsed(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    return error
  }
}

const malformed = (error: SyntaxError): HttpAnswer => ({ status: 400, body: { error: error.message } })

function whenGone(call: Call, response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => {
    if (call.endedAt === null) call.leftAt = Date.now()
    gone.abort()
  })
  return gone.signal
}
