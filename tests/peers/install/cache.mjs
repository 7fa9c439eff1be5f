// Where the programs of others lie: a folder for each exact version, whole or not there. One that is being built lies
// beside it under the name of its builder, and is renamed when all of it is there.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const cacheFolder = () => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'hai-peers')
const UNFINISHED = /^unfinished-(\d+)-/
const NAMED = 8

/**
 * The folder of what `build` makes, which is called with an empty folder only if it was not made before. `recipe` is all
 * that decides what comes out of it, as JSON. `build` throws where it fails, and then nothing is kept.
 */
export async function once(name, recipe, build) {
  const hash = createHash('sha256').update(JSON.stringify([process.platform, process.arch, recipe]))
  const cache = cacheFolder()
  const folder = join(cache, `${name}-${hash.digest('hex').slice(0, NAMED)}`)
  if (existsSync(folder)) return { folder, ms: 0 }
  const began = Date.now()
  mkdirSync(cache, { recursive: true })
  removeUnfinished(cache)
  const unfinished = join(cache, `unfinished-${process.pid}-${name}`)
  mkdirSync(unfinished)
  try {
    await build(unfinished)
    takeOver(unfinished, folder)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  return { folder, ms: Date.now() - began }
}

/** Where another was faster, its folder is as good. */
function takeOver(unfinished, folder) {
  try {
    renameSync(unfinished, folder)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error
  }
}

/** What builders that were killed have left. */
function removeUnfinished(cache) {
  for (const name of readdirSync(cache)) {
    const [, pid] = UNFINISHED.exec(name) ?? []
    if (pid && !isAlive(Number(pid))) rmSync(join(cache, name), { recursive: true, force: true })
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}
