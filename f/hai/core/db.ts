import postgres from 'postgres'

/** Times cross every border as RFC 3339 text and days as `YYYY-MM-DD`, so rows are already what a door returns. */
const types = {
  instant: {
    to: 1184,
    from: [1114, 1184],
    serialize: (value: string | Date) => (value instanceof Date ? value.toISOString() : value),
    parse: (text: string) => new Date(text).toISOString(),
  },
  day: { to: 1082, from: [1082], serialize: (value: string) => value, parse: (text: string) => text },
}

/** A connection pool or an open transaction: core functions take either. */
export type Sql = postgres.ISql<Record<never, never>>
/** A piece of a statement. */
export type Part = postgres.PendingQuery<postgres.Row[]>
/** A pool that can be ended; only its opener needs more than `Sql`. */
export type Pool = postgres.Sql<Record<never, never>>

export interface Target {
  url?: string
  host?: string
  port?: number
  user?: string
  password?: string
  dbname?: string
  sslmode?: string
}

/** Opens a lazy pool on `target` (a URL, or the fields of Windmill's `postgresql` resource). */
export function connect(target: Target, options: { applicationName?: string; max?: number } = {}): Pool {
  const settings = {
    max: options.max ?? 2,
    connect_timeout: 10,
    // The default waits up to 20 s between tries; a door must learn of a returned database at once.
    backoff: () => 0.1,
    onnotice: () => {},
    // no statement here runs long enough to be worth compiling, and where they are guessed to, the guess costs a second
    connection: { application_name: options.applicationName ?? 'hai', TimeZone: 'UTC', jit: 'off' },
    types,
  }
  const pool = target.url
    ? postgres(target.url, settings)
    : postgres({
        ...settings,
        host: target.host ?? '127.0.0.1',
        port: target.port ?? 5432,
        username: target.user ?? 'hai',
        password: target.password ?? '',
        database: target.dbname ?? 'hai',
        ssl: encryption(target.sslmode),
      })
  return pool as unknown as Pool
}

/** libpq's sslmode in the driver's words; `verify-*` checks the certificate, `require` only encrypts. */
function encryption(sslmode = 'prefer'): false | 'prefer' | 'require' | 'verify-full' {
  if (sslmode === 'disable') return false
  if (sslmode === 'require') return 'require'
  return sslmode.startsWith('verify') ? 'verify-full' : 'prefer'
}

/** Runs `work` in a transaction: a new one on a pool, a savepoint inside one that is already open. */
export async function inTransaction<T>(sql: Sql, work: (tx: Sql) => Promise<T>): Promise<T> {
  if ('begin' in sql) return (await (sql as Pool).begin((tx) => work(tx))) as T
  return (await (sql as postgres.TransactionSql<Record<never, never>>).savepoint((tx) => work(tx))) as T
}
