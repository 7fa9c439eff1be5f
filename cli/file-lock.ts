import { randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from './failure.ts'

/** Longer than any command keeps a file for itself. */
const PATIENCE_MS = 60_000
const LOOK_MS = 20

/**
 * Does `work` while no other hai changes that file: what it read is still so when it writes. Waits for whoever is at it,
 * and takes no notice of one that was killed; `conflict` after a minute.
 */
export async function alone<T>(file: string, work: () => Promise<T> | T): Promise<T> {
  const lock = `${file}.lock`
  const own = `${lock}.${randomUUID()}`
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(own, String(process.pid), { mode: 0o600 })
  } catch (cause) {
    throw new Failure('usage', `cannot write ${file}: ${(cause as Error).message}`, { cause })
  }
  try {
    for (const deadline = Date.now() + PATIENCE_MS; !linked(own, lock); await sleep(LOOK_MS)) {
      if (removeStale(lock)) continue
      if (Date.now() < deadline) continue
      throw new Failure('conflict', `another hai is changing ${file}; nothing was changed`, {
        next: `when none runs any more: rm ${lock}`,
      })
    }
  } finally {
    rmSync(own, { force: true })
  }
  try {
    return await work()
  } finally {
    rmSync(lock, { force: true })
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Moves the lock of a process away that is no more, and puts it back when a live one had taken its place in between. */
function removeStale(lock: string): boolean {
  if (holderOf(lock) !== 'gone') return false
  const aside = `${lock}.${randomUUID()}`
  try {
    renameSync(lock, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
  if (holderOf(aside) === 'alive') linked(aside, lock)
  rmSync(aside, { force: true })
  return true
}

function holderOf(lock: string): 'alive' | 'gone' {
  let pid: number
  try {
    pid = Number(readFileSync(lock, 'utf8'))
  } catch (error) {
    // given back meanwhile: the next try takes it
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'alive'
    throw error
  }
  if (!(Number.isInteger(pid) && pid > 0)) return 'gone'
  try {
    process.kill(pid, 0)
    return 'alive'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'gone' : 'alive'
  }
}
