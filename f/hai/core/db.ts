import postgres from 'postgres'
import { HaiError } from './errors.ts'

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

/**
 * Opens a lazy pool on `url`, which is what HAI_DATABASE_URL says. Throws `unavailable`, without a word of it, when it is
 * no address of a database.
 */
export function connect(
  { url }: { url: string },
  options: { applicationName?: string; max?: number } = {},
): Pool {
  const { password, ...place } = placeOf(url)
  const pool = postgres({
    ...place,
    // as a function: the driver takes an empty one for none, and looks for another program's in PGPASSWORD
    password: () => password,
    max: options.max ?? 2,
    connect_timeout: 10,
    // The default waits up to 20 s between tries; a door must learn of a returned database at once.
    backoff: () => 0.1,
    onnotice: () => {},
    // no statement here runs long enough to be worth compiling, and where they are guessed to, the guess costs a second
    connection: { application_name: options.applicationName ?? 'hai', TimeZone: 'UTC', jit: 'off' },
    types,
  })
  return pool as unknown as Pool
}

/** libpq's `sslmode` in the driver's words: `verify-*` checks the certificate, `require` only encrypts. */
const ENCRYPTION = new Map<string, false | 'prefer' | 'require' | 'verify-full'>([
  ['disable', false],
  ['prefer', 'prefer'],
  ['require', 'require'],
  ['verify-ca', 'verify-full'],
  ['verify-full', 'verify-full'],
])

/** The parts of an address, so that the driver reads none of them for itself: its errors would show the whole. */
function placeOf(url: string) {
  if (!URL.canParse(url))
    throw unusable('is no URL; write what is special in user and password as %40 for @, %2F for /')
  const { protocol, hostname, port, username, password, pathname, searchParams } = new URL(url)
  const database = plain(pathname.slice(1))
  if (!['postgres:', 'postgresql:'].includes(protocol) || hostname === '' || database === '')
    throw unusable('names no host and database')
  const [strange] = [...searchParams.keys()].filter((name) => name !== 'sslmode')
  if (strange !== undefined) throw unusable('has another parameter than sslmode after its ?; remove it')
  const ssl = ENCRYPTION.get(searchParams.get('sslmode') ?? 'prefer')
  if (ssl === undefined)
    throw unusable(`has an unknown sslmode; expected one of ${[...ENCRYPTION.keys()].join(', ')}`)
  return {
    // lists, whatever the driver's types say: it cuts a text at its colons. The brackets of an IPv6 address are the URL's
    host: [plain(hostname.replace(/^\[|\]$/g, ''))] as unknown as string,
    port: [Number(port || 5432)] as unknown as number,
    username: plain(username),
    password: plain(password),
    database,
    ssl,
  }
}

function plain(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw unusable('has a % that begins no character; write %25 for it')
  }
}

const unusable = (what: string) =>
  new HaiError(
    'unavailable',
    `HAI_DATABASE_URL ${what}; expected postgresql://user:password@host:port/database`,
    { plain: "the database's address, HAI_DATABASE_URL of this worker, can't be read" },
  )

/** Runs `work` in a transaction: a new one on a pool, a savepoint inside one that is already open. */
export async function inTransaction<T>(sql: Sql, work: (tx: Sql) => Promise<T>): Promise<T> {
  if ('begin' in sql) return (await (sql as Pool).begin((tx) => work(tx))) as T
  return (await (sql as postgres.TransactionSql<Record<never, never>>).savepoint((tx) => work(tx))) as T
}
