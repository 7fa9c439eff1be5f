import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as elapse } from 'node:timers/promises'

/** What a server sends, byte by byte as given: a status, headers and a body that is cut anywhere into chunks. */
export interface Bytes {
  status?: number
  headers?: Record<string, string>
  body?: string | Buffer
  /** Milliseconds before the status line, and from it to the first byte of the body. */
  after?: number
  first?: number
  /** Sent every so many milliseconds until the body is: SSE comments, say. */
  ping?: { every: number; bytes: string }
  /** Then the connection stays open (`hang`) or is dropped (`cut`); it ends when not said. */
  end?: 'hang' | 'cut'
}

/** One request for an answer. */
export interface Asked {
  path: string
  headers: IncomingHttpHeaders
  body: { model: string; max_tokens?: number; messages: { role: string; content: unknown }[] }
  /** When it came, was answered to its end, or was left; milliseconds since the epoch. */
  at: number
  endedAt?: number
  leftAt?: number
}

export type Play = Bytes | ((asked: Asked) => Bytes)

export interface ByteServer {
  url: string
  /** Every request for an answer so far. */
  asked: Asked[]
  /** Those whose last message holds the word. */
  of(word: string): Asked[]
  /** Every other request: `GET /v1/models`. */
  looks: string[]
  /** How a question with that word in it is answered; the last of several goes on. */
  at(word: string, ...plays: Play[]): void
  /** How every other path is answered; 404 when not said. */
  looked(path: string, bytes: Bytes): void
  stop(): Promise<void>
}

/** A server that plays whatever bytes it is given, in chunks of any size: lines and characters are cut in the middle. */
export async function byteServer(): Promise<ByteServer> {
  const plays = new Map<string, Play[]>()
  const places = new Map<string, Bytes>()
  const asked: Asked[] = []
  const looks: string[] = []
  const http = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      return
    }
    const path = request.url ?? ''
    if (request.method !== 'POST' || !/(chat\/completions|messages)$/.test(path)) {
      looks.push(`${request.method} ${path}`)
      await play(response, places.get(path) ?? NOT_FOUND, 1)
      return
    }
    const body = JSON.parse(Buffer.concat(chunks).toString())
    const one: Asked = { path, headers: request.headers, body, at: Date.now() }
    asked.push(one)
    response.on('close', () => {
      if (response.writableEnded) one.endedAt = Date.now()
      else one.leftAt = Date.now()
    })
    const word = [...plays.keys()].find((key) => lastOf(one).includes(key)) ?? ''
    const left = plays.get(word) ?? [NOT_FOUND]
    const next = (left.length > 1 ? left.shift() : left[0]) ?? NOT_FOUND
    await play(response, typeof next === 'function' ? next(one) : next, asked.length)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    asked,
    of: (word) => asked.filter((one) => lastOf(one).includes(word)),
    looks,
    at: (word, ...given) => void plays.set(word, given),
    looked: (path, bytes) => void places.set(path, bytes),
    stop: () =>
      new Promise((resolve) => {
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  }
}

const NOT_FOUND: Bytes = { status: 404, body: '{"error":{"message":"File Not Found","code":404}}' }

/** The text of the last message, whatever it is made of. */
const lastOf = ({ body }: Asked): string => textOf(body.messages.at(-1)?.content)

export const textOf = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : Array.isArray(content)
      ? content.map((part: { text?: string }) => part.text ?? '').join('')
      : ''

async function play(response: ServerResponse, bytes: Bytes, seed: number): Promise<void> {
  const { status = 200, headers = {}, body = '', after = 0, first = 0, ping, end } = bytes
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  response.on('error', () => {})
  const passed = (ms: number) =>
    ms > 0 ? elapse(ms, undefined, { signal: gone.signal, ref: false }) : undefined
  try {
    await passed(after)
    const type = status === 200 ? 'text/event-stream' : 'application/json; charset=utf-8'
    response.writeHead(status, { 'content-type': type, ...headers })
    response.flushHeaders()
    for (let waited = 0; waited < first; waited += ping?.every ?? first) {
      await passed(ping?.every ?? first)
      if (ping) response.write(ping.bytes)
    }
    for (const chunk of chunksOf(Buffer.from(body as string), seed)) {
      if (gone.signal.aborted) return
      response.write(chunk)
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (end === 'hang') return
    if (end === 'cut') {
      // Bun throws away what has come and was not read yet when a connection breaks
      await passed(500)
      response.socket?.destroySoon()
    } else response.end()
  } catch {
    response.destroy()
  }
}

/** Cut anywhere, each time elsewhere: in a line, in a character, in the mark between two frames. */
function* chunksOf(bytes: Buffer, seed: number): Generator<Buffer> {
  let state = seed * 2_654_435_761
  let at = 0
  while (at < bytes.length) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const size = 1 + ((state >>> 8) % 160)
    yield bytes.subarray(at, at + size)
    at += size
  }
}
