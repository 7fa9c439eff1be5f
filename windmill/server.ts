import type { Server } from './wmill.ts'

const SILENCE_MS = 60_000

/** What a server refused, or that there was none; `status` is undefined when no answer came. */
export class ServerError extends Error {
  status: number | undefined

  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ServerError'
    this.status = status
  }
}

/** Windmill's API as the deploy tools need it. A path is the workspace's, one that begins with a slash the instance's. */
export class WindmillServer {
  readonly server: Server

  constructor(server: Server) {
    this.server = server
  }

  /** The answer's text. A status of 400 and more is a ServerError with the server's words. */
  async text(path: string, body?: unknown): Promise<string> {
    return this.#ask(body === undefined ? 'GET' : 'POST', path, body)
  }

  async remove(path: string): Promise<void> {
    await this.#ask('DELETE', path)
  }

  async #ask(method: string, path: string, body?: unknown): Promise<string> {
    const { endpoint, workspace, token } = this.server
    const url = `${endpoint}/api${path.startsWith('/') ? path : `/w/${encodeURIComponent(workspace)}/${path}`}`
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(SILENCE_MS),
    }).catch((error: Error) => {
      const why = error.cause instanceof Error ? error.cause.message : error.message
      throw new ServerError(`cannot reach ${endpoint} (${why})`, undefined, { cause: error })
    })
    const text = await response.text()
    if (response.status < 300) return text
    const said = messageIn(text).slice(0, 400)
    throw new ServerError(`${endpoint} answered ${response.status} to ${path}: ${said}`, response.status)
  }

  /** The answer as JSON; the caller knows its shape. */
  async json<T>(path: string, body?: unknown): Promise<T> {
    const text = await this.text(path, body)
    try {
      return JSON.parse(text) as T
    } catch (error) {
      const { endpoint } = this.server
      throw new ServerError(`${endpoint} answered ${path} with something that is not JSON`, 200, {
        cause: error,
      })
    }
  }

  /** The same, but undefined where there is no such thing. */
  async find<T>(path: string): Promise<T | undefined> {
    try {
      return await this.json<T>(path)
    } catch (error) {
      if (error instanceof ServerError && error.status === 404) return undefined
      throw error
    }
  }

  /** All pages of a list whose path already has a query. */
  async list<T>(path: string): Promise<T[]> {
    const items: T[] = []
    for (let page = 1; ; page++) {
      const some = await this.json<T[]>(`${path}&per_page=${PAGE}&page=${page}`)
      items.push(...some)
      if (some.length < PAGE) return items
    }
  }
}

const PAGE = 100

/** A door's or a job's own message, where the text is JSON that holds one. */
function messageIn(text: string): string {
  try {
    const body = JSON.parse(text) as { error?: { message?: unknown } } | null
    return typeof body?.error?.message === 'string' ? body.error.message : text
  } catch (error) {
    if (error instanceof SyntaxError) return text
    throw error
  }
}
