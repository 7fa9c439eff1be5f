import { isOwn } from '../scripts.ts'
import { ServerError, type WindmillServer } from '../server.ts'
import { poll } from './jobs.ts'

const LOCKS_SECONDS = 300
/** A server process goes on with the version that it knows for up to 60 s, when nobody tells it. */
const ANSWER_SECONDS = 90
const AT_ONCE = 6
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
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}
