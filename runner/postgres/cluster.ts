import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { commandOf, processes, signal } from '../process/table.ts'
import {
  type Account,
  type Binaries,
  canTraverse,
  ENVIRONMENT,
  makePassable,
  SYSTEM_DIR,
  unprivilegedAccount,
} from './programs.ts'

const MAJOR = '18'
const WORKSHOP = '.initdb-'

/** The superuser, and the name of the one database. */
export const NAME = 'hai'

/**
 * Where the cluster of a data directory is: inside it, or under /var/lib/hai when we are root and the account that
 * PostgreSQL gets cannot reach the data directory. A cluster that exists stays where it is.
 */
export function clusterDirOf(dataDir: string): string {
  const path = existsSync(dataDir) ? realpathSync(dataDir) : resolve(dataDir)
  const inside = join(path, `pg${MAJOR}`)
  const account = unprivilegedAccount()
  if (!account) return inside
  const outside = join(SYSTEM_DIR, `${basename(path)}-${shortHash(path)}`, `pg${MAJOR}`)
  if (existsSync(outside)) return outside
  if (existsSync(inside)) return inside
  return existsSync(path) && !canTraverse(account, path) ? outside : inside
}

/** Where copies of PostgreSQL's programs are, when some had to be made; undefined when none were. */
export function programsDirOf(dataDir: string): string | undefined {
  const parent = process.getuid?.() === 0 ? SYSTEM_DIR : dataDir
  const copy = existsSync(parent)
    ? readdirSync(parent).find((name) => name.startsWith('postgresql-'))
    : undefined
  return copy && join(parent, copy)
}

/** Marks the cluster's processes in their titles, also when their postmaster is gone. */
export function clusterName(clusterDir: string): string {
  return `hai-${shortHash(clusterDir)}`
}

/** The superuser's password. It lies inside the cluster, so that the two can never disagree. */
export function passwordOf(clusterDir: string): string {
  const path = passwordFile(clusterDir)
  if (existsSync(path)) return readFileSync(path, 'utf8').trim()
  throw new Error(
    `${path} is missing: the password of the database is lost; restore that file, or move ${clusterDir} away`,
  )
}

/** The port of the last start, read from what PostgreSQL wrote about it. */
export function previousPort(clusterDir: string): number | undefined {
  const path = join(clusterDir, 'postmaster.opts')
  if (!existsSync(path)) return undefined
  const port = /"-p" "(\d+)"/.exec(readFileSync(path, 'utf8'))?.[1]
  return port ? Number(port) : undefined
}

/** Whether a usable cluster is there; repairs its mode, and throws when what lies there is not ours to use. */
export async function clusterExists(clusterDir: string): Promise<boolean> {
  const found = await stat(clusterDir).catch(ifMissing(undefined))
  const me = process.getuid?.()
  if (found && me !== 0 && found.uid !== me) {
    throw new Error(
      `${clusterDir} belongs to user ${found.uid}, you are ${me}; start hai as that user or as root`,
    )
  }
  if (!found || (await readdir(clusterDir)).length === 0) return false
  const version = join(clusterDir, 'PG_VERSION')
  if (!existsSync(version)) {
    throw new Error(`${clusterDir} holds something that is not a PostgreSQL cluster; move it away`)
  }
  const major = readFileSync(version, 'utf8').trim()
  if (major !== MAJOR) {
    throw new Error(`${clusterDir} is a cluster of PostgreSQL ${major}, hai runs ${MAJOR}; move it away`)
  }
  if ((found.mode & 0o777) !== 0o700) await chmod(clusterDir, 0o700)
  return true
}

/** Make the cluster. Of several at once one wins, whole; the others find it made. */
export async function createCluster(clusterDir: string, binaries: Binaries, account: Account | undefined) {
  const parent = dirname(clusterDir)
  if (parent.startsWith(`${SYSTEM_DIR}/`)) await makePassable(parent)
  await removeAbandoned(parent)
  const workshop = await mkdtemp(join(parent, `${WORKSHOP}${process.pid}-`))
  const unfinished = join(workshop, 'cluster')
  const password = join(workshop, 'password')
  try {
    await mkdir(unfinished, { mode: 0o700 })
    await writeFile(password, randomBytes(24).toString('hex'), { mode: 0o600, flush: true })
    if (account) {
      for (const path of [workshop, unfinished, password]) await chown(path, account.uid, account.gid)
    }
    await initdb(binaries.initdb, unfinished, password, account)
    await rename(password, passwordFile(unfinished))
    await rename(unfinished, clusterDir).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(workshop, { recursive: true, force: true })
  }
}

async function initdb(program: string, dir: string, password: string, account: Account | undefined) {
  const args = ['-D', dir, '-U', NAME, '--auth=scram-sha-256', `--pwfile=${password}`]
  args.push('-E', 'UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8')
  try {
    await promisify(execFile)(program, args, { ...account, env: ENVIRONMENT, cwd: '/' })
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string }
    const said = stderr.trim().split('\n').slice(-6).join('\n') || message
    const disk = dirname(dirname(dir))
    const full = stderr.includes('No space left on device') ? `the disk that holds ${disk} is full: ` : ''
    throw new Error(`initdb could not create the database cluster: ${full}${said}`, { cause: error })
  }
}

/** Remove what starters left that were killed while they made a cluster, with the initdb that outlived them. */
async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const workshop = join(parent, name)
    if (!name.startsWith(WORKSHOP) || !(await isAbandoned(workshop))) continue
    const left = processes().filter(({ command }) => command.includes(`${workshop}/`))
    for (const { pid } of left) signal(pid, 'SIGKILL')
    await rm(workshop, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function isAbandoned(workshop: string): Promise<boolean> {
  const maker = Number(basename(workshop).split('-')[1])
  if (maker !== process.pid) return commandOf(maker) === undefined
  // In a container the starter before us may well have had our own process id.
  const changed = await stat(workshop).catch(ifMissing(undefined))
  return changed !== undefined && changed.ctimeMs < performance.timeOrigin
}

function passwordFile(clusterDir: string): string {
  return join(clusterDir, 'hai-password')
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

function ifMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return value
    throw error
  }
}
