// A throw-away server from Debian's own packages, for the oldest PostgreSQL that hai supports.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

const BIN = '/usr/lib/postgresql/15/bin'

export const isThere = () => existsSync(join(BIN, 'postgres'))

/** Starts a fresh server; `stop` ends it and removes its files. */
export async function startDebian() {
  const folder = mkdtempSync(join(tmpdir(), 'hai-debian-'))
  const account = unprivileged()
  if (account) chownSync(folder, account.uid, account.gid)
  chmodSync(folder, 0o700)
  const data = join(folder, 'data')
  const options = { ...account, cwd: '/', env: { LC_ALL: 'C', PATH: BIN }, stdio: 'ignore' }
  const port = await freePort()
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    execFileSync(
      join(BIN, 'initdb'),
      ['-D', data, '-U', 'hai', '-A', 'trust', '-E', 'UTF8', '--no-sync'],
      options,
    )
    const settings = {
      port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: 200,
      // as the runner's own server has them, but for what only newer ones know
      shared_buffers: '64MB',
      max_wal_senders: 0,
      wal_level: 'minimal',
      jit: 'off',
    }
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const server = spawn(join(BIN, 'postgres'), ['-D', data, ...flags], options)
    const exited = new Promise((resolve) => server.once('exit', resolve))
    const stop = async () => {
      server.kill('SIGINT')
      await exited
      remove()
    }
    try {
      await ready(port)
    } catch (error) {
      await stop()
      throw error
    }
    return { url: `postgresql://hai@127.0.0.1:${port}/postgres`, stop }
  } catch (error) {
    remove()
    throw error
  }
}

/** PostgreSQL refuses to run as root. */
function unprivileged() {
  if (process.getuid() !== 0) return undefined
  const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

async function ready(port) {
  const deadline = Date.now() + 30_000
  while (Date.now() < deadline) {
    const probe = spawnSync(join(BIN, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(port)])
    if (probe.status === 0) return
    await setTimeout(50)
  }
  throw new Error(`the server of ${BIN} was not ready within 30 s`)
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}
