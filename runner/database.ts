import type { PostgresServer } from './postgres/server.ts'

/** The Postgres that the stack works on. */
export interface Database {
  /** As a Windmill resource of type postgresql. */
  resource: () => Record<string, unknown>
  url: string
  /** Where it is, as an error may show it. */
  address: string
  /** Empty for a server that isn't ours. */
  clusterDir: string
  pid: () => number | undefined
  stop: () => Promise<void>
}

/** The server that DATABASE_URL names, else the embedded one of the data directory, started or adopted. */
export async function openDatabase(options: {
  env: NodeJS.ProcessEnv
  dataDir: string
  log: (line: string) => void
  progress: (phase: string) => void
  onUnrecoverable: (error: Error) => void
}): Promise<Database> {
  const url = options.env.DATABASE_URL
  if (url) return foreignDatabase(url)
  const { startPostgres } = await import('./postgres/server.ts')
  const server: PostgresServer = await startPostgres(options)
  return {
    resource: () => ({ ...server.connection, sslmode: 'disable' }),
    url: server.url,
    address: `${server.connection.host}:${server.connection.port}`,
    clusterDir: server.clusterDir,
    pid: () => server.pid(),
    stop: () => server.stop(),
  }
}

function foreignDatabase(url: string): Database {
  const parts = parseUrl(url)
  const resource = {
    host: decodeURIComponent(parts.hostname),
    port: Number(parts.port || 5432),
    user: decodeURIComponent(parts.username),
    password: decodeURIComponent(parts.password),
    dbname: decodeURIComponent(parts.pathname.slice(1)),
    sslmode: parts.searchParams.get('sslmode') ?? 'disable',
  }
  return {
    resource: () => resource,
    url,
    address: `${resource.host}:${resource.port}/${resource.dbname} (DATABASE_URL)`,
    clusterDir: '',
    pid: () => undefined,
    stop: async () => undefined,
  }
}

/** The message never shows the URL, as it may hold a password. */
function parseUrl(url: string): URL {
  const expected = 'expected postgresql://user:password@host:port/database'
  if (!URL.canParse(url)) throw new Error(`DATABASE_URL is not a URL; ${expected}`)
  const parts = new URL(url)
  if (
    !['postgres:', 'postgresql:'].includes(parts.protocol) ||
    !parts.hostname ||
    parts.pathname.length < 2
  ) {
    throw new Error(`DATABASE_URL names no host and database; ${expected}`)
  }
  return parts
}
