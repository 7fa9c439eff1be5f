import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readText, removeStale } from '../files.ts'
import { commandOf, processes, signal } from '../process/table.ts'
import { clusterName } from './cluster.ts'
import { type Account, type Binaries, ENVIRONMENT } from './programs.ts'

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

/** A postmaster as its lock file describes it. `state` is PostgreSQL's own word: starting, ready, stopping. */
interface Postmaster {
  pid: number
  port: number
  state: string
}

const IMMEDIATE_MS = 10_000
const SHUTDOWNS = [
  ['SIGINT', 60_000],
  ['SIGQUIT', IMMEDIATE_MS],
  ['SIGKILL', IMMEDIATE_MS],
] as const

/** The live postmaster of a cluster; undefined when there is none, whatever the lock file says. */
export function runningPostmaster(clusterDir: string): Postmaster | undefined {
  const lines = readLock(clusterDir)?.split('\n') ?? []
  const pid = Number(lines[0])
  if (!pid || !isPostmasterOf(pid, clusterDir)) return undefined
  return { pid, port: Number(lines[3]), state: lines[7]?.trim() || 'starting' }
}

/** Whether this process still is the cluster's postmaster; a reused id or a zombie is not. */
export function isPostmasterOf(pid: number, clusterDir: string): boolean {
  return isPostmaster(commandOf(pid), clusterDir)
}

/**
 * Clear what a crash left: backends that outlived their postmaster and hold its shared memory, and a lock file whose process id
 * now belongs to another program. A lock file whose process is gone PostgreSQL replaces by itself, without a race.
 */
export function clearRemains(clusterDir: string): void {
  killOrphans(clusterDir)
  const lock = readLock(clusterDir)
  if (lock === undefined || runningPostmaster(clusterDir)) return
  const unusable = lock === '' ? isOld(lockFile(clusterDir)) : existsInAnyForm(Number(lock.split('\n')[0]))
  if (unusable) removeLock(clusterDir, lock)
}

/** Stop every process of the cluster and leave no lock. False when none ran. Throws when it may not signal them. */
export async function stopPostmaster(clusterDir: string): Promise<boolean> {
  // By command line, not by lock file: the lock of a postmaster that was spawned a moment ago is not written yet.
  const running = processes().filter(({ command }) => isPostmaster(command, clusterDir))
  for (const { pid } of running) await end(pid, clusterDir)
  const orphans = killOrphans(clusterDir)
  await until(() => orphans.every((pid) => commandOf(pid) === undefined), IMMEDIATE_MS)
  const lock = readLock(clusterDir)
  if (lock !== undefined && !runningPostmaster(clusterDir)) removeLock(clusterDir, lock)
  return running.length + orphans.length > 0
}

/** Fast shutdown first; then ever less gently, as a stack that was told to stop must not stay. */
async function end(pid: number, clusterDir: string): Promise<void> {
  for (const [name, milliseconds] of SHUTDOWNS) {
    send(pid, name)
    if (await until(() => !isPostmasterOf(pid, clusterDir), milliseconds)) return
  }
  throw new Error(`PostgreSQL, process ${pid}, does not end, not even by SIGKILL; its disk may hang`)
}

function isPostmaster(command: string | undefined, clusterDir: string): boolean {
  return command?.includes(`/postgres -D ${clusterDir} `) ?? false
}

/** Their postmaster is dead and its memory abandoned, so there is nothing that SIGKILL could spoil. */
function killOrphans(clusterDir: string): number[] {
  const all = processes()
  if (all.some(({ command }) => isPostmaster(command, clusterDir))) return []
  const title = `postgres: ${clusterName(clusterDir)}: `
  const orphans = all.filter(({ command }) => command.startsWith(title)).map(({ pid }) => pid)
  for (const pid of orphans) send(pid, 'SIGKILL')
  return orphans
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    signal(pid, name)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EPERM') throw cause
    throw new Error(`PostgreSQL runs as process ${pid} of another user; stop it as that user or as root`, {
      cause,
    })
  }
}

/** A zombie that nobody reaps keeps PostgreSQL from starting just as another program with that id does. */
function existsInAnyForm(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function lockFile(clusterDir: string): string {
  return join(clusterDir, 'postmaster.pid')
}

function readLock(clusterDir: string): string | undefined {
  return readText(lockFile(clusterDir))
}

/** An empty lock file is one that is being written, or what a full disk left. */
function isOld(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  return found !== undefined && Date.now() - found.mtimeMs > 1000
}

/** Remove the lock file that was read, and not one that another starter has put there since. */
function removeLock(clusterDir: string, seen: string): void {
  if (readLock(clusterDir) === seen) removeStale(lockFile(clusterDir), (text) => text !== seen)
}

async function until(condition: () => boolean, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds
  while (!condition()) {
    if (performance.now() > deadline) return false
    await delay(10)
  }
  return true
}
