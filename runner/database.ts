import type { PostgresServer } from './postgres/server.ts'

/** The Postgres that the stack works on. */
export interface Database {
  /** With its password. It stays the same while the stack runs. */
  url: string
  /** Where it is, as an error may show it. */
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
  if (url) return foreignDatabase(url)
  const { startPostgres } = await import('./postgres/server.ts')
  const server: PostgresServer = await startPostgres(options)
  return {
    url: `${server.url}?sslmode=disable`,
    address: `${server.connection.host}:${server.connection.port}`,
    clusterDir: server.clusterDir,
    pid: () => server.pid(),
    stop: () => server.stop(),
  }
}

function foreignDatabase(url: string): Database {
  const { host, pathname } = parseUrl(url)
  return {
    url,
    address: `${host}${pathname} (HAI_DATABASE_URL)`,
    clusterDir: '',
    pid: () => undefined,
    stop: async () => undefined,
  }
}

/** The message never shows the URL, as it may hold a password. */
function parseUrl(url: string): URL {
  const expected = 'expected postgresql://user:password@host:port/database'
  if (!URL.canParse(url)) throw new Error(`HAI_DATABASE_URL is not a URL; ${expected}`)
  const parts = new URL(url)
  if (
    !['postgres:', 'postgresql:'].includes(parts.protocol) ||
    !parts.hostname ||
    parts.pathname.length < 2
  ) {
    throw new Error(`HAI_DATABASE_URL names no host and database; ${expected}`)
  }
  return parts
}
