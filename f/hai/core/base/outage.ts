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
