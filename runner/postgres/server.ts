import { access, constants, mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { accountFor } from './account.ts'
import { type Binaries, locateBinaries } from './binaries.ts'
import { clusterDirOf, clusterExists, createCluster, NAME, passwordOf, previousPort } from './cluster.ts'
import { launch } from './launch.ts'
import { stopPostmaster } from './postmaster.ts'
import { HOST, type Startup } from './spawn.ts'
import { type Listeners, supervise } from './supervise.ts'

export { clusterDirOf } from './cluster.ts'
export { stopPostmaster as stopPostgres } from './postmaster.ts'

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
export interface PostgresOptions extends Listeners {
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
