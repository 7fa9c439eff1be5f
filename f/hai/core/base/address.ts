import { readFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { type ConnectionOptions, checkServerIdentity } from 'node:tls'

/** What is wrong with a database's address, without a word of it: it may hold a password. */
export class UnusableAddress extends Error {}

/** Where a database is and how it is reached, as the driver takes it; it must read no part of an address for itself. */
export interface Place {
  host: string
  port: number
  username: string
  password: string
  database: string
  ssl: Encryption
}

type Encryption = false | 'prefer' | 'require' | ConnectionOptions

/** The parts of `url`, which the variable `name` holds. Throws UnusableAddress when it is no address of a database. */
export function placeOf(url: string, name = 'HAI_DATABASE_URL'): Place {
  const unusable = (what: string) =>
    new UnusableAddress(`${name} ${what}; expected postgresql://user:password@host:port/database`)
  const plain = (part: string): string => {
    try {
      return decodeURIComponent(part)
    } catch {
      throw unusable('has a % that begins no character; write %25 for it')
    }
  }
  if (!URL.canParse(url))
    throw unusable('is no URL; write what is special in user and password as %40 for @, %2F for /')
  const { protocol, hostname, port, username, password, pathname, searchParams } = new URL(url)
  // the brackets of an IPv6 address are the URL's
  const host = plain(hostname.replace(/^\[|\]$/g, ''))
  const database = plain(pathname.slice(1))
  if (!['postgres:', 'postgresql:'].includes(protocol) || hostname === '' || database === '')
    throw unusable('names no host and database')
  if ([...searchParams.keys()].some((key) => key !== 'sslmode' && key !== 'sslrootcert'))
    throw unusable('has another parameter than sslmode and sslrootcert after its ?; remove it')
  const ssl = encryption(host, searchParams, unusable)
  return {
    host,
    port: Number(port || 5432),
    username: plain(username),
    password: plain(password),
    database,
    ssl,
  }
}

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']

/**
 * As libpq means `sslmode` and `sslrootcert`, but that a root goes only with a mode that looks at it, and that without one
 * `verify-*` trusts whom the runtime trusts. `require` with a root checks what `verify-ca` does.
 * https://www.postgresql.org/docs/current/libpq-ssl.html
 */
function encryption(host: string, given: URLSearchParams, unusable: (what: string) => Error): Encryption {
  const root = given.get('sslrootcert')
  const mode = given.get('sslmode') ?? (root === 'system' ? 'verify-full' : 'prefer')
  if (!MODES.includes(mode)) throw unusable(`has an unknown sslmode; expected one of ${MODES.join(', ')}`)
  const verifies = mode.startsWith('verify-')
  if (root === 'system' && mode !== 'verify-full')
    throw unusable('has sslrootcert=system, which everybody’s certificates pass; write sslmode=verify-full')
  if (root !== null && !verifies && mode !== 'require')
    throw unusable('has a sslrootcert that its sslmode doesn’t look at; write sslmode=verify-full')
  if (mode === 'disable') return false
  if (mode === 'allow' || mode === 'prefer') return 'prefer'
  if (!verifies && root === null) return 'require'
  return {
    rejectUnauthorized: true,
    ...(root === null ? {} : { ca: root === 'system' ? systemRoots(unusable) : rootsIn(root, unusable) }),
    // said with the host: the driver hands on none that is a number, and the certificate would be held against localhost
    checkServerIdentity: (_, certificate) =>
      mode === 'verify-full' ? checkServerIdentity(host, certificate) : undefined,
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----/

function rootsIn(file: string, unusable: (what: string) => Error): string {
  if (!isAbsolute(file))
    throw unusable(
      'has a sslrootcert that is no whole path; jobs run in folders of their own: begin it with /',
    )
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw unusable(`has a sslrootcert that can't be read here (${code}: ${file})`)
  }
  if (!CERTIFICATE.test(text)) throw unusable(`has a sslrootcert that holds no certificate in PEM (${file})`)
  return text
}

/** Where systems keep whom they trust: Debian and Alpine, Fedora, openSUSE, macOS and the BSDs. */
const SYSTEM_ROOTS = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

function systemRoots(unusable: (what: string) => Error): string {
  for (const file of SYSTEM_ROOTS) {
    try {
      return readFileSync(file, 'utf8')
    } catch {
      // the next one, then
    }
  }
  throw unusable(`has sslrootcert=system, and none of ${SYSTEM_ROOTS.join(', ')} is here`)
}

/**
 * Whether `answer` to a statement that asked for `pg_backend_pid()` came over a session of PostgreSQL's own. A connection
 * pooler has numbers of its own for its clients, and may hand each of their transactions to another session.
 */
export const isDirect = (answer: { state: { pid: number } }, backend: number): boolean =>
  answer.state.pid === backend
