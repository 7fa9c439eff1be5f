import { poll } from './deploy-jobs.ts'
import { isOwn } from './scripts.ts'
import { ServerError, type WindmillServer } from './server.ts'

const LOCKS_SECONDS = 300
/** A server process goes on with the version that it knows for up to 60 s, when nobody tells it. */
const ANSWER_SECONDS = 90
const AT_ONCE = 6
/** Called with nothing it would ask a model, which may cost something. */
const NOT_WARMED = ['f/hai/model/test']
/** What the smoke test and every question go through. Called with nothing they change nothing. */
const LOOKED_AT = ['f/hai/inbox', 'f/hai/task/result', 'f/hai/task/show', 'f/hai/home', 'f/hai/admin/health']

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
 * Has each door answer once by its hash, so that nobody's first call waits until a worker has fetched and built it. It is
 * called with nothing: what needs an argument refuses. Throws where one does not even start.
 */
export async function warm(windmill: WindmillServer, live: Map<string, string>, paths: string[]) {
  await eachOf(
    paths.filter((path) => !NOT_WARMED.includes(path)),
    async (path) => {
      try {
        await windmill.text(`jobs/run_wait_result/h/${live.get(path)}?invisible_to_owner=true`, {})
      } catch (error) {
        if (!(error instanceof ServerError) || !ANSWERED.includes(error.status ?? 0)) throw error
        if (/Cannot find (package|module)|SyntaxError|BuildMessage/.test(error.message)) throw error
      }
    },
  )
}

/** A door that refuses what it was not given, or what it knows nothing of yet. */
const ANSWERED = [400, 403, 422, 503]

/** Resolves when calls by path get those versions too: each server process keeps the one it knew for some seconds. */
export async function untilNew(windmill: WindmillServer, live: Map<string, string>, paths: string[]) {
  const waiting = new Set(LOOKED_AT.filter((path) => paths.includes(path)))
  const ended = await poll(ANSWER_SECONDS, async () => {
    await eachOf([...waiting], async (path) => {
      const id = await windmill.text(`jobs/run/p/${path}?invisible_to_owner=true`, {})
      const job = await windmill.json<{ script_hash: string }>(`jobs_u/get/${id.trim()}?no_logs=true`)
      if (job.script_hash === live.get(path)) waiting.delete(path)
    })
    return waiting.size === 0 || undefined
  })
  if (ended) return
  throw new ServerError(
    `${ANSWER_SECONDS} s after the push calls still get the old version of ${[...waiting].join(', ')}`,
  )
}

/** Some at once, so that each worker gets its share. */
async function eachOf<T>(items: T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = items.values()
  const work = async () => {
    for (const item of left) await act(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}
