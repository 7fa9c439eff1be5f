import { access, constants, mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { clusterDirOf, clusterExists, createCluster, NAME, passwordOf, previousPort } from './cluster.ts'
import { launch, type Ready } from './launch.ts'
import { HOST, isPostmasterOf, type Startup, stopPostmaster } from './postmaster.ts'
import { accountFor, type Binaries, locateBinaries } from './programs.ts'

/** A running database server. Its address stays the same while it is supervised; `pid` changes when it is restarted. */
export interface PostgresServer {
  connection: { host: string; port: number; user: string; password: string; dbname: string }
  url: string
  pid(): number | undefined
  adopted: boolean
  clusterDir: string
  /** Shuts down an adopted postmaster too; leaves no process and no lock. */
  stop(): Promise<void>
}

/** `settings` are PostgreSQL's own, by name; they win over hai's. */
interface PostgresOptions extends Listeners {
  dataDir: string
  settings?: Record<string, string>
}

/**
 * Make the cluster of `dataDir` if there is none, adopt or start its postmaster, and keep it alive until `stop`.
 * When we are killed the postmaster lives on, and the next start adopts it.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { log, progress } = options
  const startup = await prepare(options)
  const { clusterDir } = startup
  const password = passwordOf(clusterDir)
  const { signal } = new AbortController()
  const first = await launch(startup, { port: previousPort(clusterDir), fixed: false, signal, progress })
  const adopted = first.child === undefined
  const act = adopted ? 'adopted' : 'started'
  log(`${act} PostgreSQL, pid ${first.pid}, port ${first.port}, data in ${clusterDir}`)
  const supervisor = supervise(startup, first, options)
  return {
    connection: { host: HOST, port: first.port, user: NAME, password, dbname: NAME },
    url: `postgresql://${NAME}:${password}@${HOST}:${first.port}/${NAME}`,
    pid: supervisor.pid,
    adopted,
    clusterDir,
    async stop() {
      await supervisor.end()
      await stopPostmaster(clusterDir)
      log('stopped PostgreSQL')
    },
  }
}

async function prepare({ dataDir, settings = {}, log, progress }: PostgresOptions): Promise<Startup> {
  const root = await writableDir(dataDir)
  const logs = await writableDir(join(root, 'logs'))
  const clusterDir = clusterDirOf(root)
  const account = accountFor(clusterDir)
  let found: Binaries | undefined
  const binaries = async () => {
    found ??= await locateBinaries(root, account)
    return found
  }
  if (!(await clusterExists(clusterDir))) {
    progress('creating the database')
    await createCluster(clusterDir, await binaries(), account)
    log(`made the PostgreSQL cluster ${clusterDir}`)
  }
  return { clusterDir, logFile: join(logs, 'postgres.log'), account, binaries, settings }
}

/** The real path of a folder that we can write to, made when it is missing. */
async function writableDir(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    await access(path, constants.W_OK | constants.X_OK)
    return await realpath(path)
  } catch (cause) {
    throw new Error(`data directory ${path} ${whyNotWritable(cause as NodeJS.ErrnoException)}`, { cause })
  }
}

function whyNotWritable({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOSPC') return 'is on a full disk; free some space'
  const advice = 'change its permissions, or choose another data directory'
  if (code === 'EEXIST' || code === 'ENOTDIR') return `is not a folder; ${advice}`
  return `is not writable for user ${process.getuid?.()}; ${advice} (${message})`
}

/** Who hears what the supervisor does. After `onUnrecoverable` it does nothing more. */
interface Listeners {
  log: (line: string) => void
  progress: (phase: string) => void
  onUnrecoverable: (error: Error) => void
}

/** `pid` is undefined while the postmaster is down. After `end` it is nobody's to restart. */
interface Supervisor {
  pid: () => number | undefined
  end: () => Promise<void>
}

/** Waits before each restart in ms, since the last minute of quiet life; the restart after the last one is not tried. */
const BACKOFF_MS = [0, 250, 500, 1000, 2000, 4000]
const STABLE_MS = 60_000
const POLL_MS = 1000

/** Start the postmaster again, on the same port, whenever it dies; give up when it keeps dying. Never keeps our own process alive. */
function supervise(startup: Startup, first: Ready, listeners: Listeners): Supervisor {
  const { log, progress, onUnrecoverable } = listeners
  const ending = new AbortController()
  const { signal } = ending
  const terms = { port: first.port, fixed: true, signal, progress }
  let current: Ready | undefined = first

  async function restart(backoff: number[]): Promise<number[]> {
    let reason = 'it dies again and again'
    while (!current) {
      const pause = backoff.shift()
      if (pause === undefined) throw new Error(`PostgreSQL does not stay up: ${reason}`)
      await delay(pause, undefined, { signal, ref: false })
      try {
        current = await launch(startup, terms)
      } catch (error) {
        signal.throwIfAborted()
        reason = (error as Error).message
        log(reason)
      }
    }
    log(`PostgreSQL is back, pid ${current.pid}, port ${current.port}`)
    return backoff
  }

  async function keepAlive(): Promise<void> {
    let backoff = [...BACKOFF_MS]
    while (current) {
      const since = performance.now()
      await death(current, startup.clusterDir, signal)
      log(`PostgreSQL, pid ${current.pid}, died; starting it again`)
      current = undefined
      backoff = await restart(performance.now() - since > STABLE_MS ? [...BACKOFF_MS] : backoff)
    }
  }

  const watching = keepAlive().catch((error) => {
    if (!signal.aborted) onUnrecoverable(error)
  })
  return {
    pid: () => current?.pid,
    end: () => {
      ending.abort()
      return watching
    },
  }
}

/** Resolves when the postmaster is gone: at once for our child, within a second for an adopted one. */
async function death({ pid, child }: Ready, clusterDir: string, signal: AbortSignal): Promise<void> {
  const exited = new Promise((resolve) => child?.once('exit', resolve))
  while (isPostmasterOf(pid, clusterDir)) {
    await Promise.race([exited, delay(POLL_MS, undefined, { signal, ref: false })])
  }
}
