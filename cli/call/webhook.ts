import { setTimeout as sleep } from 'node:timers/promises'
import { CONTRACT } from '../../f/hai/core/base/contract.ts'
import type { Health } from '../../f/hai/core/shape.ts'
import { Failure } from '../failure.ts'
import { contractProblem, decode } from './decode.ts'
import { type Answer, ConnectionError, Http, type Method } from './http.ts'
import { longer, Pace } from './pace.ts'

/** One server to call: where it is, and the token for it. */
export interface Target {
  /** How messages name it: a profile, or a URL. */
  name: string
  local: boolean
  endpoint: string
  workspace: string
  token: string
  /** Where the token came from, for a message about a refused one. */
  token_from: string
}

/** A server that comes and goes, and may have another port each time. */
export interface Movable {
  /** Where it is now; undefined while it doesn't run. Asked before each request: its old port may be a stranger's by now. */
  locate(): Promise<Target | undefined>
  /** Starts it, or says that it is gone. `answered`: it was there a moment ago, and its being gone may be wanted. */
  revive(answered: boolean): Promise<Target>
}

/** Whoever may run the bundle could else read the jobs of all who do. */
const UNSEEN = '?invisible_to_owner=true'
const JOB_ID = /^[0-9a-f-]{36}$/i
const RECONNECTS = 5
const RECONNECT_MS = 50
const RECONNECT_MOST_MS = 800
const PROXY_DOWN = new Set([502, 503, 504])
const BUSY_TRIES = 3
/** A wait longer than this is better told than sat out. */
const BUSY_MAX_SECONDS = 30

/** Calls the doors of one server. Connection errors and short `unavailable`s are tried again. */
export class Webhook {
  readonly target: Target
  #http: Http
  #note: (line: string) => void
  #movable: Movable | undefined
  #answered = false

  /** `http` is one that several clients of a server share. */
  constructor(target: Target, note: (line: string) => void, movable?: Movable, http = new Http()) {
    this.target = target
    this.#http = http
    this.#note = note
    this.#movable = movable
  }

  /**
   * Runs the door `f/hai/<path>` and returns its result. `once`: the call must not be repeated when it may have arrived
   * (every other call is a read, carries an idempotency key, or says the same thing twice).
   */
  async call<T>(path: string, args: object, options: { once?: boolean } = {}): Promise<T> {
    const send = () => this.#send('POST', `jobs/run_wait_result/p/f/hai/${path}${UNSEEN}`, argumentsOf(args))
    for (let busy = 1; ; busy++) {
      try {
        return decode(await this.#connected(send, options.once ?? false), path, this.target) as T
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        const wait = pauseOf(error)
        if (wait === undefined || busy > BUSY_TRIES) throw await this.#explained(error, path)
        if (wait >= 1) this.#note(`${error.message}; trying again in ${Math.ceil(wait)} s`)
        await sleep(wait * 1000)
      }
    }
  }

  /** The log of a job, as text. */
  async logs(jobId: string): Promise<string> {
    const path = `jobs_u/get_logs/${encodeURIComponent(jobId)}`
    const answer = await this.#connected(() => this.#send('GET', path), false)
    if (answer.status < 400) return answer.body
    decode(answer, path, this.target)
    throw new Failure(
      'unreachable',
      `${this.target.name} answered ${answer.status} for the log of job ${jobId}`,
    )
  }

  /**
   * Runs a door that takes long as a job, looks until it has ended, and returns its result. When `signal` aborts, the job
   * is cancelled, and this rejects with the signal's reason; from outside, where jobs can't be cancelled, with a failure
   * that says so.
   */
  async run<T>(path: string, args: object, signal = new AbortController().signal): Promise<T> {
    const submit = `jobs/run/p/f/hai/${path}${UNSEEN}`
    const submitted = await this.#connected(() => this.#send('POST', submit, argumentsOf(args)), true)
    const jobId = submitted.body.trim()
    if (submitted.status !== 201 || !JOB_ID.test(jobId)) {
      decode(submitted, path, this.target)
      throw new Failure(
        'unreachable',
        `${this.target.name} answered ${submitted.status} instead of a job's id`,
      )
    }
    const pace = new Pace(this.target.local, true)
    const look = `jobs_u/completed/get_result_maybe/${jobId}`
    for (;;) {
      if (signal.aborted) {
        const cancel = () => this.#send('POST', `jobs_u/queue/cancel/${jobId}`, '{"reason":"interrupted"}')
        const { status } = await this.#connected(cancel, false)
        if (status < 300) throw signal.reason
        throw new Failure(
          'interrupted',
          `interrupted; ${this.target.name} does not let jobs be ended from here`,
          {
            next: 'the job goes on, and ends by itself',
          },
        )
      }
      const answer = await this.#connected(() => this.#send('GET', look), false)
      // A result may speak of an error and be none, so that only a job that failed is decoded.
      if (answer.status !== 200 || !isJson(answer.body)) decode(answer, path, this.target)
      const job = JSON.parse(answer.body) as { completed: boolean; success?: boolean; result: T }
      if (job.completed && job.success) return job.result
      if (job.completed) decode({ status: 422, body: JSON.stringify(job.result) }, path, this.target)
      await pace.pause(signal)
    }
  }

  /**
   * One call of Windmill's own API, its path below `/api/`: the answer as it came, whatever its status. `token` is another
   * than the target's. What changes something is sent once, as it may have arrived.
   */
  api(method: Method, path: string, options: { body?: object; token?: string } = {}): Promise<Answer> {
    const body = options.body && JSON.stringify(options.body)
    const send = () => {
      const { endpoint, token: own } = this.target
      const headers = {
        authorization: `Bearer ${options.token ?? own}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      }
      return this.#http.send(method, `${endpoint.replace(/\/+$/, '')}/api/${path}`, headers, body)
    }
    return this.#connected(send, method !== 'GET')
  }

  /** Opens an answer that goes on: server-sent events. Tried once; the status is for the caller to judge. */
  async open(path: string, signal: AbortSignal): ReturnType<Http['open']> {
    Object.assign(this.target, await this.#movable?.locate())
    const headers = { accept: 'text/event-stream', authorization: `Bearer ${this.target.token}` }
    return this.#http.open(this.#url(path), headers, signal)
  }

  close(): void {
    this.#http.close()
  }

  #send(method: 'GET' | 'POST', path: string, body?: string): Promise<Answer> {
    const headers: Record<string, string> = {
      accept: 'application/json',
      authorization: `Bearer ${this.target.token}`,
      'x-hai-contract': String(CONTRACT),
    }
    if (body !== undefined) {
      headers['content-type'] = 'application/json'
      headers['content-length'] = String(Buffer.byteLength(body))
    }
    return this.#http.send(method, this.#url(path), headers, body)
  }

  #url(path: string): string {
    const { endpoint, workspace } = this.target
    return `${endpoint.replace(/\/+$/, '')}/api/w/${encodeURIComponent(workspace)}/${path}`
  }

  /** The answer, after as many attempts as it takes to get one; the last failure says what was tried. */
  async #connected(send: () => Promise<Answer>, once: boolean): Promise<Answer> {
    let wait = RECONNECT_MS
    for (let tries = 0; ; tries++) {
      const isLast = tries === RECONNECTS
      if (this.#movable) {
        Object.assign(
          this.target,
          (await this.#movable.locate()) ?? (await this.#movable.revive(this.#answered)),
        )
      }
      try {
        const answer = await send()
        this.#answered = true
        if (isLast || once || !PROXY_DOWN.has(answer.status) || isJson(answer.body)) return answer
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error
        const futile = error.code === 'ENOTFOUND' || error.code === 'ETIMEDOUT'
        if (isLast || futile || (once && error.sent)) throw await this.#unreachable(error, once)
      }
      await sleep(wait)
      wait = longer(wait, RECONNECT_MOST_MS)
    }
  }

  async #unreachable(error: ConnectionError, once: boolean): Promise<Failure> {
    const { endpoint, local } = this.target
    const unknown = once && error.sent ? '; whether it was done is not known' : ''
    const { isThisMachine } = await import('./house-address.ts')
    const stack = isThisMachine(new URL(endpoint))
      ? 'whoever keeps that stack starts it by hai up'
      : undefined
    return new Failure('unreachable', `cannot reach ${endpoint} (${error.message})${unknown}`, {
      cause: error,
      next: local ? 'hai up; hai logs' : `${stack ?? 'is it running'}; is the address right? hai profile ls`,
    })
  }

  /** The failure, with a word on versions when bundle and CLI don't fit. */
  async #explained(error: Failure, path: string): Promise<Failure> {
    const suspicious = error.code === 'invalid' || error.code === 'no_door'
    if (!suspicious || path === 'admin/health') return error
    try {
      const answer = await this.#send('POST', `jobs/run_wait_result/p/f/hai/admin/health${UNSEEN}`, '{}')
      const health = decode(answer, 'admin/health', this.target) as Health
      error.next = contractProblem(health.contract, this.target) ?? error.next
    } catch (second) {
      if (!(second instanceof Failure || second instanceof ConnectionError)) throw second
      this.#note(`(whether versions fit is not known: ${second.message})`)
    }
    return error
  }
}

/** Seconds after which a busy server wants to be asked again; undefined when asking again is no use. */
function pauseOf(error: Failure): number | undefined {
  if (error.code !== 'unavailable') return undefined
  const wait = Number(error.details.retry_after_seconds ?? 0.5)
  return wait >= 0 && wait <= BUSY_MAX_SECONDS ? wait : undefined
}

/**
 * A door's arguments as they are sent. Windmill takes a text that begins like `$var:…` for a reference to a secret and
 * puts that in its place; one more `$` keeps any text as it is, and the door takes it off again. So with the name of the
 * field that later releases take for a template of such references.
 */
export function argumentsOf(args: object): string {
  return JSON.stringify(args, (_, value) => {
    if (typeof value === 'string') return value.startsWith('$') ? `$${value}` : value
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    if (!Object.keys(value).some((name) => TEMPLATE.test(name))) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [TEMPLATE.test(name) ? `$${name}` : name, item]),
    )
  })
}

const TEMPLATE = /^\$+interpolate$/

function isJson(body: string): boolean {
  return body.startsWith('{')
}

/**
 * A key under which a server takes a call once, however often it arrives. It must be new, not secret; node:crypto would
 * cost a twentieth of the start-up time.
 */
export function newKey(): string {
  const random = () => Math.random().toString(36).slice(2)
  return `${Date.now().toString(36)}-${random()}${random()}`
}
