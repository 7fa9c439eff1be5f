import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readFileSync, renameSync, statSync } from 'node:fs'
import type { Account } from './account.ts'
import { type Binaries, ENVIRONMENT } from './binaries.ts'
import { clusterName } from './cluster.ts'

export const HOST = '127.0.0.1'

/** What a postmaster is started with. `settings` win over hai's own. */
export interface Startup {
  clusterDir: string
  logFile: string
  account: Account | undefined
  binaries: () => Promise<Binaries>
  settings: Record<string, string>
}

/** A postmaster process of our own. `report` is what it has written to the log. */
export interface Spawned {
  child: ChildProcess
  port: number
  ended: () => boolean
  report: () => string
}

const LOG_LIMIT = 10 * 1024 * 1024

// For a laptop that mostly idles: little memory, no processes for replication or asynchronous reads, WAL that stays small.
const SETTINGS = {
  listen_addresses: HOST,
  unix_socket_directories: '',
  max_connections: '60',
  shared_buffers: '64MB',
  max_wal_size: '256MB',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  io_method: 'sync',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
}

/** Start a postmaster that outlives us. It may end at once, for example because another was quicker: see `report`. */
export async function spawnPostmaster(startup: Startup, port: number): Promise<Spawned> {
  const { postgres } = await startup.binaries()
  const log = openLog(startup.logFile)
  const begin = fstatSync(log).size
  // Detached, so that a Ctrl-C meant for us does not reach it; the log as an open file, which its account could not open.
  const child = spawn(postgres, commandLine(startup, port), {
    ...startup.account,
    env: ENVIRONMENT,
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  child.unref()
  let failure: Error | undefined
  child.once('error', (error) => {
    failure = error
  })
  return {
    child,
    port,
    ended: () => failure !== undefined || child.exitCode !== null || child.signalCode !== null,
    report: () => failure?.message ?? linesOf(startup.logFile, begin, child.pid),
  }
}

/** The last lines of the log that say what went wrong. */
export function lastWords(report: string): string {
  const lines = report.split('\n').filter((line) => line !== '')
  const grave = lines.filter((line) => /\b(PANIC|FATAL|ERROR|HINT|DETAIL):/.test(line))
  return (grave.length > 0 ? grave : lines).slice(-3).join('\n') || 'it said nothing'
}

function commandLine({ clusterDir, settings }: Startup, port: number): string[] {
  const all = { ...SETTINGS, cluster_name: clusterName(clusterDir), ...settings }
  const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  // The first two are how a postmaster is recognised, the port is read back from postmaster.opts.
  return ['-D', clusterDir, '-p', String(port), ...options]
}

function openLog(path: string): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size > LOG_LIMIT) renameSync(path, `${path}.1`)
  return openSync(path, 'a', 0o600)
}

/** What this process wrote; two that start at once share the log. Lines before the first `[pid]` come from the loader. */
function linesOf(path: string, begin: number, pid: number | undefined): string {
  const written = readFileSync(path).subarray(begin).toString('utf8').split('\n')
  const others = (line: string) => /^\S+ \S+ \S+ \[\d+\]/.test(line) && !line.includes(` [${pid}] `)
  return written.filter((line) => !others(line)).join('\n')
}
