import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import { isDirect, placeOf } from '../f/hai/core/base/address.ts'
import type { PostgresServer } from './postgres/server.ts'

/** The Postgres that the stack works on. */
export interface Database {
  /** With its password. It stays the same while the stack runs. */
  url: string
  /** Where PostgreSQL itself is, which is not where the doors reach it when that is a connection pooler. */
  directUrl: string
  /** Where that is, as an error may show it. */
  address: string
  /** Empty for a server that isn't ours. */
  clusterDir: string
  pid: () => number | undefined
  stop: () => Promise<void>
}

/** The server that HAI_DATABASE_URL names, else the embedded one of the data directory, started or adopted. */
export async function openDatabase(options: {
  env: NodeJS.ProcessEnv
  dataDir: string
  log: (line: string) => void
  progress: (phase: string) => void
  onUnrecoverable: (error: Error) => void
}): Promise<Database> {
  const url = options.env.HAI_DATABASE_URL
  if (url) return foreignDatabase(url, options.env.HAI_DATABASE_DIRECT_URL)
  const { startPostgres } = await import('./postgres/server.ts')
  const server: PostgresServer = await startPostgres(options)
  const own = `${server.url}?sslmode=disable`
  return {
    url: own,
    directUrl: own,
    address: `${server.connection.host}:${server.connection.port}`,
    clusterDir: server.clusterDir,
    pid: () => server.pid(),
    stop: () => server.stop(),
  }
}

function foreignDatabase(url: string, direct: string | undefined): Database {
  placeOf(url)
  const name = direct ? 'HAI_DATABASE_DIRECT_URL' : 'HAI_DATABASE_URL'
  const directUrl = direct || url
  const { host, port, database } = placeOf(directUrl, name)
  return {
    url,
    directUrl,
    address: `${host}:${port}/${database} (${name})`,
    clusterDir: '',
    pid: () => undefined,
    stop: async () => undefined,
  }
}

/** A killed runner's backend lets go as soon as it sees its connection closed. */
const PATIENCE_MS = 5_000
const RETRY_MS = 100

const POOLED =
  'a connection pooler answers there, and the local stack needs one session for as long as it runs; leave the address and set HAI_DATABASE_DIRECT_URL to PostgreSQL’s own'

export interface InstanceLock {
  release: () => Promise<void>
}

/**
 * Holds the advisory lock that lets one runner only work on a data directory, on a connection of its own. When the
 * connection drops it is made anew and the lock taken again; `onLost` is called when another has it by then.
 * Undefined when another holds it. Throws when the database cannot be reached, or through a connection pooler alone, which
 * keeps no session: the lock would be anybody's.
 */
export async function holdInstanceLock(options: {
  url: string
  dataDir: string
  log: (line: string) => void
  onLost: () => void
}): Promise<InstanceLock | undefined> {
  const key = lockKey(options.dataDir)
  let released = false
  let held = false
  const { host, port, password, ...place } = placeOf(options.url)
  const sql = postgres({
    ...place,
    // as hai's own scripts do
    host: [host] as unknown as string,
    port: [port] as unknown as number,
    password: () => password,
    max: 1,
    prepare: false,
    fetch_types: false,
    max_lifetime: null,
    idle_timeout: 0,
    connect_timeout: 5,
    backoff: () => RETRY_MS / 1000,
    connection: { application_name: 'hai runner' },
    onnotice: () => undefined,
    onclose: () => {
      if (held && !released) void retake()
    },
  })
  const take = async () => {
    const backend = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`
    if (!isDirect(backend, backend[0]!.pid)) throw new Error(POOLED)
    const [row] = await sql`select pg_try_advisory_lock(${key}::bigint) as taken`
    return row?.taken === true
  }
  const takeWithin = async (milliseconds: number) => {
    for (const deadline = Date.now() + milliseconds; ; await sleep(RETRY_MS)) {
      if (await take()) return true
      if (Date.now() > deadline) return false
    }
  }
  const retake = async () => {
    held = false
    options.log('the connection that holds the instance lock dropped')
    while (!released) {
      try {
        held = await takeWithin(PATIENCE_MS)
        if (!held) options.onLost()
        else options.log('took the instance lock again')
        return
      } catch (error) {
        if (!released) options.log(`cannot take the instance lock yet: ${error}`)
        await sleep(RETRY_MS)
      }
    }
  }
  const release = async () => {
    released = true
    await sql.end({ timeout: 1 })
  }
  try {
    held = await takeWithin(PATIENCE_MS)
  } catch (error) {
    await release()
    throw error
  }
  if (held) return { release }
  await release()
  return undefined
}

/** 64 bits of a hash of the data directory's path. */
function lockKey(dataDir: string): string {
  return createHash('sha256').update(`hai runner ${dataDir}`).digest().readBigInt64BE().toString()
}
