import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { linked, removeStale } from '../runner/files.ts'
import { Failure } from './failure.ts'

type Env = Record<string, string | undefined>

/** Where the operator's settings and tokens are: `hai` below XDG_CONFIG_HOME or ~/.config. */
export function configDirOf(env: Env): string {
  return join(base(env, 'XDG_CONFIG_HOME', '.config'), 'hai')
}

/** Where what can be lost without harm is: `hai` below XDG_STATE_HOME or ~/.local/state. */
export function stateDirOf(env: Env): string {
  return join(base(env, 'XDG_STATE_HOME', '.local/state'), 'hai')
}

/** `~` and `~/x` as the home directory has them; any other path as it is. */
export function expandHome(path: string, env: Env): string {
  return path === '~' || path.startsWith('~/') ? join(homeOf(env), path.slice(1)) : path
}

/** A path as people read it, with the home directory as `~`. */
export function tilde(path: string, env: Env): string {
  const home = homeOf(env)
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path
}

function homeOf(env: Env): string {
  return env.HOME || homedir()
}

// The XDG specification tells programs to ignore relative paths.
function base(env: Env, variable: string, fallback: string): string {
  const value = env[variable]
  return value && isAbsolute(value) ? value : join(homeOf(env), fallback)
}

/** The folder this program was built in: the nearest one above it that holds package.json. */
export function checkout(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

/** The version in package.json. */
export const version = (): string => manifest().version

/** The versions of Node that package.json says hai runs on. */
export const supportedNode = (): string => manifest().engines.node

function manifest(): { version: string; engines: { node: string } } {
  return JSON.parse(readFileSync(join(checkout(), 'package.json'), 'utf8'))
}

/** What a file holds; undefined where there is none. */
export function readBytes(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Failure('usage', `cannot read ${file}: ${(error as Error).message}`, { cause: error })
  }
}

/** The same as text; nothing where there is no file. */
export const readText = (file: string): string => readBytes(file)?.toString('utf8') ?? ''

/**
 * Writes a file whole or not at all, readable by its owner only, in a folder of the same kind. A Failure says in one
 * sentence why that can't be.
 */
export function writePrivate(file: string, content: string): void {
  // Behind a link, as people keep their settings in a repository, it is the linked file that changes.
  const target = existsSync(file) ? realpathSync(file) : file
  const draft = `${target}.${process.pid}.tmp`
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(draft, content, { mode: 0o600 })
    renameSync(draft, target)
  } catch (error) {
    discard(draft)
    throw unwritten(file, error as NodeJS.ErrnoException)
  }
}

function discard(draft: string): void {
  try {
    rmSync(draft, { force: true })
  } catch {
    // why it could not be written tells more
  }
}

/** What a person can do something about, in words; the codes are the system's own. */
const WHY: Record<string, string> = {
  ENOSPC: 'no space left on device',
  EDQUOT: 'the quota of disk space is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'it is not allowed',
  EPERM: 'it is not allowed',
  ENOTDIR: 'what should be its folder is a file',
  EEXIST: 'what should be its folder is a file',
  EISDIR: 'it is a folder',
}

/** A file that can't be written, as a sentence; nothing of it was. */
function unwritten(file: string, error: NodeJS.ErrnoException): Failure {
  const full = error.code === 'ENOSPC' || error.code === 'EDQUOT'
  const why = WHY[error.code ?? ''] ?? error.message
  return new Failure(full ? 'bug' : 'usage', `cannot write ${file}: ${why}`, { cause: error })
}

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
  } catch (error) {
    discard(own)
    throw unwritten(file, error as NodeJS.ErrnoException)
  }
  try {
    for (const deadline = Date.now() + PATIENCE_MS; !linked(own, lock); await sleep(LOOK_MS)) {
      if (isAbandoned(lock) && removeStale(lock, isHeld)) continue
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

function isAbandoned(lock: string): boolean {
  const held = readBytes(lock)
  return held !== undefined && !isHeld(held.toString())
}

/** Whether the process lives whose id a lock holds. */
function isHeld(text: string): boolean {
  const pid = Number(text)
  if (!(Number.isInteger(pid) && pid > 0)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
