import * as http from 'node:http'

export type Method = 'GET' | 'POST' | 'DELETE'

export interface Answer {
  status: number
  body: string
}

/** No answer came. `sent` is false when the server cannot have seen the request. */
export class ConnectionError extends Error {
  code: string
  sent: boolean

  constructor(code: string, sent: boolean, cause: unknown) {
    super(`${code}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.name = 'ConnectionError'
    this.code = code
    this.sent = sent
  }
}

/** A server that is silent for so long will not answer; doors answer within milliseconds. */
const SILENCE_MS = 30_000
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/** HTTP over one kept connection. node:http, as the global fetch doubles the start-up time. */
export class Http {
  #agents = new Map<string, http.Agent>()

  /** Sends one request; any status is an answer, and no answer is a ConnectionError. Follows no redirect. */
  async send(method: Method, url: string, headers: Record<string, string>, body?: string): Promise<Answer> {
    const response = await this.#request(url, { method, headers }, body)
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      )
      response.on('error', (error: NodeJS.ErrnoException) => {
        reject(new ConnectionError(error.code ?? 'ECONNRESET', true, error))
      })
    })
  }

  /** Gets an answer that goes on for as long as there is something to say; 30 s of silence, or the signal, end it. */
  async open(
    url: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<{ status: number; body: http.IncomingMessage }> {
    const body = await this.#request(url, { method: 'GET', headers, signal })
    return { status: body.statusCode ?? 0, body }
  }

  async #request(url: string, how: http.RequestOptions, body?: string): Promise<http.IncomingMessage> {
    const secure = url.startsWith('https:')
    const { Agent, request } = secure ? await import('node:https') : http
    const agent = this.#agents.get(url.slice(0, 5)) ?? new Agent({ keepAlive: true })
    this.#agents.set(url.slice(0, 5), agent)
    return new Promise((resolve, reject) => {
      const sent = request(url, { ...how, agent, timeout: SILENCE_MS }, resolve)
      sent.on('timeout', () => {
        const silent = new Error(`no answer within ${SILENCE_MS / 1000} s`)
        sent.destroy(Object.assign(silent, { code: 'ETIMEDOUT' }))
      })
      sent.on('error', (error: NodeJS.ErrnoException) => {
        const code = error.code ?? 'ECONNRESET'
        reject(new ConnectionError(code, !NEVER_SENT.has(code), error))
      })
      sent.end(body)
    })
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy()
  }
}
