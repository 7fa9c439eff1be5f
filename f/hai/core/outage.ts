import { HaiError } from './errors.ts'

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

/** What the address itself is refused for: user, password, database, or the server's certificate. */
const REFUSED = /^(28...|3D000)$|CERT|UNABLE_TO_VERIFY/

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
  if (REFUSED.test(code)) {
    return new HaiError(
      'unavailable',
      `the database doesn't take what HAI_DATABASE_URL of this worker says (${message}); correct it there, nothing was written`,
      {
        cause: error,
        plain: "the database doesn't take what HAI_DATABASE_URL of this worker says; nothing was written",
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
  // text that JSON can carry and Postgres can't: NUL, half of a surrogate pair
  if (code === '22P05' || code === '22021' || code === '22P02') {
    return new HaiError(
      'invalid',
      `text that the database can't hold (${message}); remove control characters`,
      { cause: error, plain: "text that the database can't hold; remove control characters" },
    )
  }
  return undefined
}
