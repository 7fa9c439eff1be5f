import postgres from 'postgres'
import { type Place, placeOf, UnusableAddress } from './address.ts'
import { types } from './db_types.ts'
import { HaiError } from './errors.ts'

/** A connection pool or an open transaction: core functions take either. */
export type Sql = postgres.ISql<Record<never, never>>
/** A piece of a statement. */
export type Part = postgres.PendingQuery<postgres.Row[]>
/** A pool that can be ended; only its opener needs more than `Sql`. */
export type Pool = postgres.Sql<Record<never, never>>

/**
 * Opens a lazy pool on `url`, which is what HAI_DATABASE_URL says. Throws `unavailable`, without a word of it, when it is
 * no address of a database. Poolers take no other parameters of a connection than these.
 */
export function connect(
  { url }: { url: string },
  options: { applicationName?: string; max?: number; prepare?: boolean; name?: string } = {},
): Pool {
  const { host, port, password, ...place } = usable(url, options.name)
  const pool = postgres({
    ...place,
    // lists, whatever the driver's types say: it cuts a text at its colons
    host: [host] as unknown as string,
    port: [port] as unknown as number,
    // as a function: the driver takes an empty one for none, and looks for another program's in PGPASSWORD
    password: () => password,
    max: options.max ?? 2,
    connect_timeout: 10,
    // The default waits up to 20 s between tries; a door must learn of a returned database at once.
    backoff: () => 0.1,
    onnotice: () => {},
    prepare: options.prepare ?? false,
    fetch_types: false,
    connection: { application_name: options.applicationName ?? 'hai', TimeZone: 'UTC' },
    types,
  })
  return unlessDirect(pool as unknown as Pool)
}

/**
 * Sends no statement behind one that is under way, unless the session is known for PostgreSQL's own: a pooler takes the end
 * of the first for the end of the transaction and hands the session on, with the driver's question about the parameters
 * of the second, which goes out by itself, still in it. Both would wait without end. (PgBouncer 1.18)
 */
function unlessDirect(pool: Pool): Pool {
  return new Proxy(pool, {
    apply(...call) {
      const query = Reflect.apply(...call)
      // the driver's own, by which a transaction keeps others off its connection
      if (query.options) query.options.onexecute = () => pool.options.prepare
      return query
    },
  })
}

/** Another lazy pool on the same database, of one connection. */
export function again(pool: Pool): Pool {
  // the driver takes what it made of its options itself
  const options = { ...pool.options, max: 1 } as unknown as postgres.Options<Record<never, never>>
  return postgres(options) as unknown as Pool
}

function usable(url: string, name?: string): Place {
  try {
    return placeOf(url, name)
  } catch (error) {
    if (!(error instanceof UnusableAddress)) throw error
    const plain = "the database's address, HAI_DATABASE_URL of this worker, can't be used"
    throw new HaiError('unavailable', error.message, { plain })
  }
}

/** Statements are prepared only where they are met again: in a session of one's own. A pool doesn't until it is known. */
export function prepareIf(pool: Sql, direct: boolean): void {
  // read by the driver at each statement
  ;(pool as Pool).options.prepare = direct
}

/** A value as a parameter of a statement. What the driver's types ask of it, an index, no interface has. */
export const json = (sql: Sql, value: unknown) => sql.json(value as never)

/** Runs `work` in a transaction: a new one on a pool, a savepoint inside one that is already open. */
export async function inTransaction<T>(sql: Sql, work: (tx: Sql) => Promise<T>): Promise<T> {
  const unlessBroken = (tx: Sql) => work(tx).catch(leaveBroken)
  if ('begin' in sql) return (await (sql as Pool).begin(unlessBroken)) as T
  return (await (sql as postgres.TransactionSql<Record<never, never>>).savepoint(unlessBroken)) as T
}

/**
 * Until the transaction ends nobody else holds one of these names of that kind. All are taken in one order, so that two
 * who want several never wait for each other in a circle.
 */
export async function lockNames(tx: Sql, kind: string, names: readonly string[]): Promise<void> {
  if (names.length === 0) return
  await tx`
    select pg_advisory_xact_lock(hashtext(${kind}), name) from (
      select distinct hashtext(given) as name from unnest(${[...names]}::text[]) as given order by name
    ) locks`
}

const BROKEN = ['CONNECTION_CLOSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT']

/**
 * Where the connection of a transaction broke nothing can be rolled back, and the driver that tried to would end the
 * process. It fails the transaction itself when it hears of that, with the same error, and so this never settles.
 */
function leaveBroken(error: unknown): Promise<never> {
  const { code = '' } = error as { code?: string }
  // the driver's own: what else may break in a transaction leaves its connection as it is
  if ('query' in (error as object) && BROKEN.includes(code)) return new Promise(() => {})
  throw error
}

const GONE = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
])

/** SQLSTATE classes in which the server asks to come back: connection, resources, operator's intervention. */
const PASSING = /^(08|53|57P)/

/** What the address itself is refused for: user, password, database. */
const REFUSED = /^(28...|3D000)$/

/** A pooler has one code for all it has to say; these of its sentences are no matter of time. https://www.pgbouncer.org */
const POOLER = '08P01'
const POOLER_REFUSED =
  /does not exist|no such (?:user|database)|authentication failed|auth failed|login rejected|SSL required|unsupported startup parameter|no pg_hba.conf entry/

/** What a server's certificate is refused for, by OpenSSL's names. */
const CERTIFICATE = /CERT|CRL_|UNABLE_TO_VERIFY|^INVALID_CA$|HOSTNAME_MISMATCH/
/** It speaks no TLS, or none that we do; a certificate that a root's file holds badly. */
const TLS = /^(ERR_(SSL|TLS|OSSL)_|EPROTO$)/
/** PostgreSQL without TLS says no, and hangs up on who goes on all the same. */
const HUNG_UP = /before secure TLS connection was established/

/** The `unavailable` or `invalid` that a database error means to a caller, or undefined when it is a bug of ours. */
export function outage(error: unknown): HaiError | undefined {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: string }
  if (typeof code !== 'string') return undefined
  const details = { retry_after_seconds: 2 }
  if (code === '53100') {
    return new HaiError(
      'unavailable',
      'the database has no disk space left; free some, nothing was written',
      { cause: error, details: { retry_after_seconds: 60 } },
    )
  }
  if (REFUSED.test(code) || (code === POOLER && POOLER_REFUSED.test(message ?? ''))) {
    return refusal(
      error,
      `the database doesn't take what HAI_DATABASE_URL of this worker says (${message}); correct it there`,
    )
  }
  if (CERTIFICATE.test(code)) {
    return refusal(
      error,
      `the database's certificate is not what HAI_DATABASE_URL of this worker asks for (${message}); ${cureOf(code)}`,
    )
  }
  if (TLS.test(code) || HUNG_UP.test(message ?? '')) {
    return refusal(
      error,
      `the database speaks no TLS with us, which HAI_DATABASE_URL of this worker asks for (${code}); turn ssl on there, or correct sslmode and sslrootcert here`,
    )
  }
  if (GONE.has(code) || PASSING.test(code)) {
    return new HaiError(
      'unavailable',
      `the database can't be reached (${message}); nothing is lost that was accepted, try again`,
      {
        cause: error,
        details,
        plain: "the database can't be reached; nothing is lost that was accepted, try again",
      },
    )
  }
  if (code === '42P01' || code === '3F000') {
    return new HaiError(
      'unavailable',
      'the database has no hai schema yet; run f/hai/admin/migrate (locally: hai down, hai up)',
      { cause: error },
    )
  }
  // a NUL, which JSON can carry and Postgres can't
  if (code === '22P05' || code === '22021' || code === '22P02') {
    const why = "a text has a NUL character in it (\\u0000), which the database can't hold; remove it"
    return new HaiError('invalid', why, { cause: error })
  }
  return undefined
}

/** Nothing that passes by itself. What was said of it may name users and places. */
const refusal = (cause: unknown, message: string): HaiError =>
  new HaiError('unavailable', `${message}; nothing was written`, {
    cause,
    plain: "the database doesn't take what HAI_DATABASE_URL of this worker says; nothing was written",
  })

function cureOf(code: string): string {
  if (code === 'CERT_HAS_EXPIRED') return 'renew it, or what signed it'
  if (/ALTNAME|HOSTNAME/.test(code)) return 'write a name there that it is for'
  return 'name in sslrootcert who signed it'
}
