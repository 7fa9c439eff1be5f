import { poll } from './deploy-jobs.ts'
import { isOwn } from './scripts.ts'
import { ServerError, type WindmillServer } from './server.ts'

const SECONDS = 300

interface Listed {
  path: string
  hash: string
}

/** Resolves when the server can run every script of that list: each one's lock is made, which goes on after a push. */
export async function untilRunnable(windmill: WindmillServer, paths: string[]): Promise<void> {
  const live = await liveScripts(windmill)
  const missing = paths.filter((path) => !live.has(path))
  if (missing.length > 0) throw new ServerError(`after the push the server has no ${missing.join(', ')}`)
  const waiting = new Map(paths.map((path) => [path, live.get(path)!]))
  const ended = await poll(SECONDS, async () => {
    for (const [path, hash] of waiting) {
      if (await isRunnable(windmill, path, hash)) waiting.delete(path)
    }
    return waiting.size === 0 || undefined
  })
  if (ended) return
  throw new ServerError(
    `after ${SECONDS} s the server still makes the locks of ${[...waiting.keys()].join(', ')}`,
  )
}

/** The hashes of the live scripts of the bundle, libraries too, by path. */
export async function liveScripts(windmill: WindmillServer): Promise<Map<string, string>> {
  const listed = await windmill.list<Listed>('scripts/list?path_start=f/hai&include_without_main=true')
  return new Map(listed.filter(({ path }) => isOwn(path)).map(({ path, hash }) => [path, hash]))
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
