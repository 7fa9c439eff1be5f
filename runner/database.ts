import { placeOf } from '../f/hai/core/base/address.ts'
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
