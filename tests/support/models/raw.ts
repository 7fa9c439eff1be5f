import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as elapse } from 'node:timers/promises'

/** What a server sends, byte for byte. */
export interface Raw {
  status?: number
  /** The content type, unless whole headers are given. */
  type?: string
  headers?: Record<string, string>
  /** Each is written by itself. */
  chunks: (string | Uint8Array)[]
  /** Milliseconds before each. */
  pauseMs?: number
  /** `hang` leaves the connection open, `drop` breaks it off. */
  ending?: 'end' | 'hang' | 'drop'
}

export interface RawServer {
  url: string
  /** The bodies of what was asked. */
  asked: Record<string, unknown>[]
  next(answer: Raw): void
  stop(): Promise<unknown>
}

/** A server that answers any path with the bytes that a test gives it, the last ones again and again. */
export async function rawServer(): Promise<RawServer> {
  let answer: Raw = { chunks: [] }
  const asked: Record<string, unknown>[] = []
  const http = createServer(async (request, response) => {
    // whoever looks around finds nothing
    if (request.method !== 'POST') return void response.writeHead(404).end()
    let body = ''
    for await (const chunk of request) body += chunk
    asked.push(JSON.parse(body || '{}'))
    const { status = 200, type = 'text/event-stream', headers, chunks, pauseMs = 0, ending = 'end' } = answer
    response.writeHead(status, headers ?? { 'content-type': type })
    response.flushHeaders()
    for (const chunk of chunks) {
      // one after the other, so that they aren't put together on the way
      if (pauseMs > 0) await elapse(pauseMs)
      if (response.destroyed) return
      await new Promise<void>((resolve) => response.write(chunk, () => resolve()))
    }
    if (ending === 'end') response.end()
    if (ending === 'drop') response.socket?.destroySoon()
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    asked,
    next: (given) => {
      answer = given
    },
    stop: () => new Promise((resolve) => http.close(resolve).closeAllConnections()),
  }
}
