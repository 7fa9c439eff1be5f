import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'

export interface Reply {
  status: number
  headers: Headers
  text: string
  /** The body parsed; undefined when it is no JSON. */
  json: unknown
}

interface CallOptions {
  method?: string
  body?: unknown
  token?: string
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** Thrown by a case that finds the server without what it is about. */
export class LeftOut extends Error {}

/** A script with no packages, so that it can be run at once. */
const EMPTY_LOCK = '{\n  "dependencies": {}\n}\n//bun.lock\n<empty>'
const PATIENCE_MS = 30_000

/** Any Windmill, seen through its HTTP API. What is put there gets names of this run, and is removed at the end. */
export class Server {
  readonly endpoint: string
  readonly workspace: string
  readonly token: string
  /** Whose token it is. */
  username = ''
  #run = `conformance_${randomBytes(4).toString('hex')}`
  #cleanUps: (() => Promise<unknown>)[] = []

  constructor(options: { endpoint: string; workspace: string; token: string }) {
    this.endpoint = options.endpoint.replace(/\/+$/, '')
    this.workspace = options.workspace
    this.token = options.token
  }

  /** A Windmill path of this run's own. */
  path(name: string): string {
    return `u/${this.username}/${this.#run}_${name}`
  }

  /** One call; the path is below `/api/w/<workspace>/`, or with a slash in front below `/api`. */
  async call(path: string, options: CallOptions = {}): Promise<Reply> {
    const { body, token = this.token, headers = {}, signal } = options
    const below = path.startsWith('/') ? `/api${path}` : `/api/w/${this.workspace}/${path}`
    const text = typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body)
    const response = await fetch(`${this.endpoint}${below}`, {
      method: options.method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        authorization: `Bearer ${token}`,
        // a call that says JSON has to bring some
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: text,
      signal,
    })
    const answer = await response.text()
    return { status: response.status, headers: response.headers, text: answer, json: parsed(answer) }
  }

  /** Runs a deployed script by the sync route. */
  wait(name: string, args: unknown = {}, options: CallOptions & { query?: string } = {}): Promise<Reply> {
    const { query = '', ...call } = options
    return this.call(`jobs/run_wait_result/p/${this.path(name)}${query}`, { body: args, ...call })
  }

  /** Starts a deployed script; the id of its job. */
  async start(name: string, args: unknown = {}, query = ''): Promise<string> {
    const { status, text } = await this.call(`jobs/run/p/${this.path(name)}${query}`, { body: args })
    assert.equal(status, 201, text)
    assert.match(text, /^[0-9a-f-]{36}$/)
    return text
  }

  /** The job, when it is completed. */
  async completed(id: string): Promise<Record<string, unknown>> {
    let job: Record<string, unknown> = {}
    await this.until(async () => {
      const { status, json } = await this.call(`jobs_u/completed/get/${id}`)
      job = json as Record<string, unknown>
      return status === 200
    }, `job ${id} is completed`)
    return job
  }

  /** Asks again and again until it is so; fails when it isn't in time. */
  async until(holds: () => Promise<boolean>, what: string, patience = PATIENCE_MS): Promise<void> {
    const deadline = Date.now() + patience
    while (!(await holds())) {
      assert.ok(Date.now() < deadline, `it never came that ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** Deploys a script, until the end of this run. */
  async deploy(name: string, content: string, more: Record<string, unknown> = {}): Promise<void> {
    const { path = this.path(name) } = more
    const script = {
      path,
      content,
      summary: name,
      description: '',
      language: 'bun',
      lock: EMPTY_LOCK,
      schema: {},
    }
    const { status, text } = await this.call('scripts/create', { body: { ...script, ...more } })
    assert.equal(status, 201, text)
    this.cleanUp(async () => {
      const deleted = await this.call(`scripts/delete/p/${path}`, { method: 'POST', body: {} })
      // Only an admin deletes; anybody archives what is their own.
      if (deleted.status >= 400) await this.call(`scripts/archive/p/${path}`, { method: 'POST', body: {} })
    })
  }

  /** Deploys a flow, until the end of this run. */
  async deployFlow(name: string, modules: unknown[], more: object = {}): Promise<void> {
    const path = this.path(name)
    const flow = { path, summary: name, description: '', value: { modules, ...more }, schema: {} }
    const { status, text } = await this.call('flows/create', { body: flow })
    assert.equal(status, 201, text)
    this.cleanUp(() => this.call(`flows/delete/${path}`, { method: 'DELETE' }))
  }

  /** A token that ends with this run. */
  async makeToken(grant: Record<string, unknown> = {}): Promise<string> {
    const expiration = new Date(Date.now() + 3_600_000).toISOString()
    const { status, text } = await this.call('/users/tokens/create', { body: { expiration, ...grant } })
    assert.equal(status, 201, text)
    this.cleanUp(() => this.call(`/users/tokens/delete/${text.slice(0, 10)}`, { method: 'DELETE' }))
    return text
  }

  /** Another user, of Windmill's role operator, until the end of this run: the name, and a token. */
  async secondUser(name: string): Promise<{ username: string; token: string }> {
    // a server makes the name of the address, as it says for itself
    const email = `${this.#run}_${name}@example.com`
    const user = { email, is_admin: false, operator: true }
    const added = await this.call('workspaces/add_user', { body: user })
    if (added.status === 401 || added.status === 403) throw new LeftOut('only a superadmin adds users')
    assert.equal(added.status, 201, added.text)
    const everybody = (await this.call('users/list')).json as { username: string; email: string }[]
    const { username } = everybody.find((one) => one.email === email)!
    this.cleanUp(() => this.call(`users/delete/${username}`, { method: 'DELETE' }))
    const expiration = new Date(Date.now() + 3_600_000).toISOString()
    const grant = { impersonate_email: email, expiration }
    const { status, text: token } = await this.call('/users/tokens/impersonate', { body: grant })
    if (status === 401 || status === 403) throw new LeftOut('only a superadmin makes tokens of others')
    assert.equal(status, 201, token)
    this.cleanUp(() => this.call(`/users/tokens/delete/${token.slice(0, 10)}`, { method: 'DELETE', token }))
    return { username, token }
  }

  cleanUp(act: () => Promise<unknown>): void {
    this.#cleanUps.push(act)
  }

  /** Removes all that this run put there, the last first. */
  async close(): Promise<void> {
    for (const act of this.#cleanUps.splice(0).reverse()) await act()
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** One thing that every Windmill does. */
export interface Case {
  /** A sentence about the server. */
  name: string
  /** The first version that does it, where it is known. */
  since?: string
  run: (server: Server) => Promise<void>
}

/** Leaves the case out when the server has no such route: it is older than the route. */
export function needRoute(status: number, route: string): void {
  if (status === 404 || status === 405) throw new LeftOut(`this server has no route ${route}`)
}
