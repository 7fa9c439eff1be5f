import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Arrived {
  method: string
  url: string
  headers: IncomingHttpHeaders
  body: string
}

const WEBSOCKET = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/**
 * Stands where Windmill is, and remembers what arrives. Its answer is what it was asked; who accepts events gets those that
 * the test sends, and a WebSocket it takes and sends back what comes.
 */
export class Upstream {
  readonly #server: Server
  readonly arrived: Arrived[] = []
  /** Open streams of events, in the order in which they were asked for. */
  readonly streams: ServerResponse[] = []
  /** Requests that are read and then cut off without an answer. */
  resets = 0

  constructor() {
    this.#server = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request.setEncoding('utf8')) body += chunk
      const { method = '', url = '', headers } = request
      this.arrived.push({ method, url, headers, body })
      if (this.resets > 0) {
        this.resets -= 1
        request.socket.destroy()
      } else if (headers.accept === 'text/event-stream') {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
        this.streams.push(response)
      } else {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ windmill: true, method, url }))
      }
    })
    this.#server.on('upgrade', (request, socket) => {
      const { method = '', url = '', headers } = request
      this.arrived.push({ method, url, headers, body: '' })
      const key = createHash('sha1').update(`${headers['sec-websocket-key']}${WEBSOCKET}`).digest('base64')
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${key}\r\n\r\n`,
      )
      socket.on('error', () => {}).pipe(socket)
    })
  }

  async start(): Promise<void> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** The last that arrived; what came before it is forgotten. */
  last(): Arrived | undefined {
    return this.arrived.splice(0).at(-1)
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
    for (const stream of this.streams) stream.destroy()
  }
}
