import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, writeFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { connect, outage } from '../../../f/hai/core/base/db.ts'
import { HaiError } from '../../../f/hai/core/base/errors.ts'
import { unprivilegedAccount } from '../../../runner/postgres/programs.ts'
import { type PostgresServer, startPostgres } from '../../../runner/postgres/server.ts'

const hasOpenssl = (() => {
  try {
    return Boolean(execFileSync('openssl', ['version']))
  } catch {
    return false
  }
})()
if (!hasOpenssl) console.log('openssl is not on this machine; what needs certificates is left out')

describe.skipIf(!hasOpenssl)('an address with TLS', () => {
  let folder = ''
  let server: PostgresServer
  const file = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const request = (name: string, out: string, ...more: string[]) =>
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', out, ...more)

  /** An authority of that name, which signs a certificate for `localhost` that is good from yesterday for `days`. */
  function authority(name: string): void {
    const ca = ['-addext', 'basicConstraints=critical,CA:TRUE', '-subj', `/CN=${name}`]
    request(name, `${name}.crt`, '-x509', ...ca)
  }
  function signed(name: string, days: string): void {
    request(name, `${name}.csr`, '-subj', '/CN=localhost')
    writeFileSync(file('names'), 'subjectAltName=DNS:localhost')
    const by = ['-CA', 'ours.crt', '-CAkey', 'ours.key', '-CAcreateserial', '-extfile', 'names']
    openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-days', days, '-out', `${name}.crt`)
    chmodSync(file(`${name}.key`), 0o600)
    const account = unprivilegedAccount()
    if (account) for (const end of ['key', 'crt']) chownSync(file(`${name}.${end}`), account.uid, account.gid)
  }
  const serve = async (name: string) => {
    await server?.stop()
    const settings = {
      fsync: 'off',
      ssl: 'on',
      ssl_cert_file: file(`${name}.crt`),
      ssl_key_file: file(`${name}.key`),
    }
    const onUnrecoverable = (error: Error) => {
      throw error
    }
    server = await startPostgres({
      dataDir: folder,
      settings,
      log: () => {},
      progress: () => {},
      onUnrecoverable,
    })
  }

  /** Whether the connection is encrypted, or what a caller is told. */
  async function told(search: string, host = 'localhost', at = server.url): Promise<boolean | string> {
    const url = Object.assign(new URL(at), { hostname: host, search }).href
    try {
      const pool = connect({ url }, { max: 1 })
      try {
        const [row] = await pool<{ ssl: boolean }[]>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`
        return row!.ssl
      } finally {
        await pool.end({ timeout: 1 })
      }
    } catch (error) {
      const said = error instanceof HaiError ? error : outage(error)
      expect(said).toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('HAI_DATABASE_URL'),
      })
      for (const text of [said!.message, said!.plain]) expect(text).not.toContain(server.connection.password)
      expect(said!.plain).not.toContain(folder)
      return said!.message
    }
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hai-tls-'))
    await chmod(folder, 0o711)
    for (const name of ['ours', 'foreign']) authority(name)
    signed('good', '2')
    signed('old', '-1')
    writeFileSync(file('empty.crt'), 'no certificate')
    await serve('good')
  })
  afterAll(async () => {
    await server?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('is what libpq means by it', async () => {
    const root = `sslrootcert=${file('ours.crt')}`
    expect(await told('?sslmode=disable')).toBe(false)
    for (const mode of ['allow', 'prefer', 'require']) expect(await told(`?sslmode=${mode}`)).toBe(true)
    for (const mode of ['require', 'verify-ca', 'verify-full'])
      expect(await told(`?sslmode=${mode}&${root}`)).toBe(true)
    // another name than the certificate's: no matter to verify-ca
    expect(await told(`?sslmode=verify-ca&${root}`, '127.0.0.1')).toBe(true)
    expect(await told(`?sslmode=verify-full&${root}`, '127.0.0.1')).toMatch(
      /127\.0\.0\.1.*a name there that it is for/s,
    )
  })

  it('refuses whom its root did not sign', async () => {
    for (const mode of ['require', 'verify-ca', 'verify-full'])
      expect(await told(`?sslmode=${mode}&sslrootcert=${file('foreign.crt')}`)).toMatch(
        /name in sslrootcert who signed it/,
      )
    for (const search of ['?sslmode=verify-full', '?sslmode=verify-ca', '?sslrootcert=system'])
      expect(await told(search)).toMatch(/name in sslrootcert who signed it/)
  })

  it.each([
    ['sslmode=verify-full&sslrootcert=/nowhere.crt', /can't be read here \(ENOENT: \/nowhere\.crt\)/],
    ['sslmode=verify-full&sslrootcert=ours.crt', /no whole path/],
    ['sslmode=require&sslrootcert=system', /write sslmode=verify-full/],
    ['sslmode=prefer&sslrootcert=/ca.crt', /doesn’t look at/],
    ['sslrootcert=/ca.crt', /doesn’t look at/],
  ])('names what is wrong with %s', async (search, reason) => {
    expect(await told(`?${search}`)).toMatch(reason)
  })

  it('names a root that holds none, and a server that speaks no TLS', async () => {
    expect(await told(`?sslmode=verify-full&sslrootcert=${file('empty.crt')}`)).toMatch(
      /holds no certificate in PEM/,
    )
    expect(await told('?sslmode=require', '127.0.0.1', inject('databaseUrl'))).toMatch(/speaks no TLS/)
  })

  it('says of an expired certificate that it is', async () => {
    await serve('old')
    expect(await told(`?sslmode=verify-full&sslrootcert=${file('ours.crt')}`)).toMatch(/expired.*renew it/)
  })
})
