import { type ChildProcess, spawn } from 'node:child_process'
import { chownSync, existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { vi } from 'vitest'
import { connect } from '../../f/hai/core/base/db.ts'
import { unprivilegedAccount } from '../../runner/postgres/programs.ts'

/** The real PgBouncer, where it is found; Debian has it where only root looks. */
export const PGBOUNCER = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  .map((folder) => join(folder, 'pgbouncer'))
  .find((program) => existsSync(program))

export interface Pgbouncer {
  /** The address of the server's database through it. */
  url: string
  start(): Promise<void>
  /** As a crash ends it. */
  kill(): Promise<void>
  /** Kills it and removes its files. */
  remove(): Promise<void>
}

/** One in front of the server at `direct`, with as few sessions of it as make them change hands, and started. */
export async function aPgbouncer(direct: string, settings: Record<string, string> = {}): Promise<Pgbouncer> {
  const server = new URL(direct)
  const folder = await mkdtemp(join(tmpdir(), 'hai-pgbouncer-'))
  const file = join(folder, 'pgbouncer.ini')
  const url = new URL(direct)
  url.port = String(await freePort())
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: url.port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: join(folder, 'users.txt'),
    pool_mode: 'transaction',
    default_pool_size: '3',
    server_login_retry: '1',
    ...settings,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  const databases = `[databases]\n* = host=${server.hostname} port=${server.port}\n[pgbouncer]\n`
  await writeFile(file, `${databases}${lines.join('\n')}\n`)
  const user = [server.username, server.password].map((part) => `"${decodeURIComponent(part)}"`)
  await writeFile(all.auth_file, `${user.join(' ')}\n`, { mode: 0o600 })
  // it doesn't run as root
  const account = unprivilegedAccount()
  if (account) {
    await chmod(folder, 0o711)
    for (const path of [file, all.auth_file]) chownSync(path, account.uid, account.gid)
  }
  let child: ChildProcess | undefined
  const kill = async () => {
    const ended = new Promise((resolve) => child?.once('exit', resolve))
    if (child?.kill('SIGKILL')) await ended
  }
  const start = async () => {
    child = spawn(PGBOUNCER!, ['-q', file], { ...account, stdio: 'ignore' })
    await vi.waitFor(() => answers(url.href))
  }
  await start()
  return {
    url: url.href,
    start,
    kill,
    remove: async () => {
      await kill()
      await rm(folder, { recursive: true })
    },
  }
}

async function answers(url: string): Promise<void> {
  const sql = connect({ url }, { max: 1 })
  try {
    await sql`select 1`
  } finally {
    await sql.end({ timeout: 1 })
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
