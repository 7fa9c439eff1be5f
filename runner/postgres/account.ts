import { readFileSync, statSync } from 'node:fs'
import { chmod, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

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
