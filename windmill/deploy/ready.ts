import { setTimeout as sleep } from 'node:timers/promises'
import { isOwn } from '../bundle.ts'
import { ServerError, type WindmillServer } from '../server.ts'
import { failureIn, poll } from './jobs.ts'

const LOCKS_SECONDS = 300
/** A server process goes on with the version that it knows for up to 60 s, when nobody tells it. */
const ANSWER_SECONDS = 90
const LOOKS_AT_ONCE = 6
/** Longer than it takes to take a job back. */
const PUT_OFF_SECONDS = 60
/** What the smoke test and every question go through. */
const LOOKED_AT = ['f/hai/inbox', 'f/hai/worker/run', 'f/hai/task/result', 'f/hai/task/show', 'f/hai/home']

/** The hashes of the live scripts of the bundle, by path. */
export async function liveScripts(windmill: WindmillServer): Promise<Map<string, string>> {
  const listed = await windmill.list<{ path: string; hash: string }>('scripts/list?path_start=f/hai')
  return new Map(listed.filter(({ path }) => isOwn(path)).map(({ path, hash }) => [path, hash]))
}

/** Resolves when the server can run every script of that list: each one's lock is there. */
export async function untilRunnable(windmill: WindmillServer, live: Map<string, string>, paths: string[]) {
  const missing = paths.filter((path) => !live.has(path))
  if (missing.length > 0) throw new ServerError(`after the push the server has no ${missing.join(', ')}`)
  const waiting = new Set(paths)
  const ended = await poll(LOCKS_SECONDS, async () => {
    await eachOf([...waiting], async (path) => {
      if (await isRunnable(windmill, path, live.get(path)!)) waiting.delete(path)
    })
    return waiting.size === 0 || undefined
  })
  if (ended) return
  throw new ServerError(
    `after ${LOCKS_SECONDS} s the server still makes the locks of ${[...waiting].join(', ')}`,
  )
}

async function isRunnable(windmill: WindmillServer, path: string, hash: string): Promise<boolean> {
  const status = await windmill.json<{ lock?: string | null; lock_error_logs?: string | null }>(
    `scripts/deployment_status/h/${hash}`,
  )
  if (status.lock_error_logs) {
    throw new ServerError(
      `the server cannot make the lock of ${path}: ${status.lock_error_logs.slice(-1000)}`,
    )
  }
  return typeof status.lock === 'string'
}

/**
 * Resolves when calls by path get those versions too: each server process goes on with the one it knew for some seconds.
 * Looks through jobs that never run, each put off and taken back.
 */
export async function untilNew(windmill: WindmillServer, live: Map<string, string>, paths: string[]) {
  const deadline = Date.now() + ANSWER_SECONDS * 1000
  for (const path of LOOKED_AT.filter((one) => paths.includes(one))) {
    const isNew = await poll((deadline - Date.now()) / 1000, async () => {
      const put = `jobs/run/p/${path}?invisible_to_owner=true&scheduled_in_secs=${PUT_OFF_SECONDS}`
      const id = (await windmill.text(put, {})).trim()
      const job = await windmill.json<{ script_hash: string }>(`jobs_u/get/${id}?no_logs=true`)
      await windmill.text(`jobs_u/queue/cancel/${id}`, {
        reason: 'a deploy looked which version it would run',
      })
      return job.script_hash === live.get(path) || undefined
    })
    if (isNew) continue
    throw new ServerError(`${ANSWER_SECONDS} s after the push calls still get the old version of ${path}`)
  }
}

/** Some at once, so that each worker gets its share. */
async function eachOf<T>(items: T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = items.values()
  const work = async () => {
    for (const item of left) await act(item)
  }
  await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, work))
}

const LOOK_MS = 250
/** Enough for each worker to find the next one waiting, and so few that other calls get their turn. */
const AT_ONCE = 4
/** What no worker has begun for so long keeps nothing else waiting: those of its tag are busy. */
const PATIENCE_MS = 10_000
/** So long without any answer is long enough to watch. */
const WATCH_SECONDS = 120
/** Called with nothing it would ask a model, which may cost something. */
const NOT_WARMED = ['f/hai/model/test']
/** What a deploy itself calls next. */
const FIRST = ['f/hai/worker/sweep', 'f/hai/inbox', 'f/hai/task/result', 'f/hai/admin/health']

interface Begun {
  path: string
  at: number
}

interface Ended {
  completed: boolean
  success?: boolean
  result?: unknown
}

/**
 * Has each new door answer once by its hash, so that nobody's first call waits until a worker has fetched and built it, and
 * that one which does not start is found. It is called with nothing: what needs an argument refuses, which is an answer.
 * Goes on beside what else a deploy does.
 */
export class Warming {
  /** How many doors have to answer in all. */
  readonly size: number
  #windmill: WindmillServer
  #live: Map<string, string>
  #waiting: string[]
  #begun = new Map<string, Begun>()
  #failed: string[] = []
  #last = Date.now()

  constructor(windmill: WindmillServer, live: Map<string, string>, paths: string[]) {
    this.#windmill = windmill
    this.#live = live
    const first = FIRST.filter((path) => paths.includes(path))
    const others = paths.filter((path) => !FIRST.includes(path) && !NOT_WARMED.includes(path))
    this.#waiting = [...first, ...others]
    this.size = this.#waiting.length
  }

  /** How many have not answered yet. */
  get left(): number {
    return this.#waiting.length + this.#begun.size
  }

  /** Begins one after the other while that lasts, so many at once. Throws where one did not start. */
  async during<T>(work: Promise<T>, atOnce = AT_ONCE): Promise<T> {
    let lasts = true
    const ended = work.finally(() => {
      lasts = false
    })
    const [result] = await Promise.all([ended, this.#go(atOnce, () => lasts)])
    this.#refuseFailed()
    return result
  }

  /**
   * Goes on until all have answered, and gives those that have not when none has for so many seconds. Throws where one did
   * not start.
   */
  async rest(seconds = WATCH_SECONDS): Promise<string[]> {
    this.#last = Date.now()
    await this.#go(AT_ONCE, () => Date.now() - this.#last <= seconds * 1000)
    this.#refuseFailed()
    return [...[...this.#begun.values()].map(({ path }) => path), ...this.#waiting]
  }

  async #go(atOnce: number, lasts: () => boolean): Promise<void> {
    while (this.left > 0 && lasts()) {
      const fresh = [...this.#begun.values()].filter(({ at }) => Date.now() - at < PATIENCE_MS).length
      const some = this.#waiting.splice(0, Math.max(0, atOnce - fresh))
      await Promise.all(some.map((path) => this.#begin(path)))
      await sleep(LOOK_MS)
      await Promise.all([...this.#begun].map(([id, { path }]) => this.#look(id, path)))
    }
  }

  async #begin(path: string): Promise<void> {
    const id = await this.#windmill.text(`jobs/run/h/${this.#live.get(path)}?invisible_to_owner=true`, {})
    this.#begun.set(id.trim(), { path, at: Date.now() })
  }

  async #look(id: string, path: string): Promise<void> {
    const job = await this.#windmill.json<Ended>(`jobs_u/completed/get_result_maybe/${id}?get_started=false`)
    if (!job.completed) return
    this.#begun.delete(id)
    this.#last = Date.now()
    // a door's own word, whatever it is, shows that it runs
    const answered = job.success || (job.result as { wm_failure?: unknown } | null)?.wm_failure !== undefined
    if (!answered) this.#failed.push(`${path}: ${failureIn(job.result).slice(0, 1000)}`)
  }

  #refuseFailed(): void {
    if (this.#failed.length === 0) return
    throw new ServerError(`what was pushed does not start: ${this.#failed.join('; ')}`)
  }
}
