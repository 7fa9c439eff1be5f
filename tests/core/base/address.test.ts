import { afterEach, describe, expect, inject, it, vi } from 'vitest'
import { connect } from '../../../f/hai/core/base/db.ts'
import { workerEnvironment } from '../../../f/hai/core/base/environment.ts'

const given = new URL(inject('databaseUrl'))
const PASSWORD = 'p4ssw0rd-of-the-database'

/** The given address with other parts. */
function address(parts: Partial<Record<'username' | 'password' | 'pathname' | 'search', string>>): string {
  return Object.assign(new URL(given.href), parts).href
}

/** A door's whole answer, of a process that has met no database yet. */
async function answer(url: string | undefined, kind: 'bareDoor' | 'route' = 'bareDoor'): Promise<string> {
  vi.resetModules()
  vi.stubEnv('HAI_DATABASE_URL', url)
  const doors = await import('../../../f/hai/core/base/door.ts')
  const told = await doors[kind](async (sql) => (await sql`select 1 as one`)[0])
  return JSON.stringify(told)
}

const refused = { windmill_status_code: 503, result: { error: { code: 'unavailable' } } }

afterEach(() => vi.unstubAllEnvs())

describe('a door', () => {
  it('finds the database in the environment', async () => {
    expect(await answer(given.href)).toBe('{"one":1}')
  })

  it('says what to set, and where, when nothing is', async () => {
    vi.stubEnv('WM_WORKER_GROUP', 'hai-work')
    for (const url of [undefined, '']) {
      const told = await answer(url)
      expect(JSON.parse(told)).toMatchObject(refused)
      expect(told).toMatch(/HAI_DATABASE_URL is not set .* worker group hai-work .* WHITELIST_ENVS/)
      const plain = await answer(url, 'route')
      expect(JSON.parse(plain)).toMatchObject(refused)
      expect(plain).toMatch(/HAI_DATABASE_URL .*WHITELIST_ENVS/)
      expect(plain).not.toContain('hai-work')
    }
  })

  it.each([
    [PASSWORD],
    [`postgresql://hai:${PASSWORD}@db:port/hai`],
    [`postgresql://hai:${PASSWORD}/x@db/hai`],
    [`postgresql://hai:${PASSWORD}#x@db/hai`],
    [`postgresql://hai:${PASSWORD}%zz@db/hai`],
    [`postgresql://hai:${PASSWORD}@db`],
    [`postgresql://hai:${PASSWORD}@/hai`],
    [`mysql://hai:${PASSWORD}@db/hai`],
    [`hai:${PASSWORD}@db/hai`],
    [`postgresql://hai:${PASSWORD}@db/hai?sslmode=${PASSWORD}`],
    [`postgresql://hai:${PASSWORD}@db/hai?sslmode=toString`],
    [`postgresql://hai@db/hai?password=${PASSWORD}`],
    [`postgresql://hai:${PASSWORD}@one:5432,two:5432/hai`],
  ])('refuses %s without a word of it', async (url) => {
    for (const kind of ['bareDoor', 'route'] as const) {
      const told = await answer(url, kind)
      expect(JSON.parse(told)).toMatchObject(refused)
      expect(told).toContain('HAI_DATABASE_URL')
      expect(told).not.toMatch(/p4ssw0rd|stack/)
    }
  })

  it.each([
    ['a password', { password: PASSWORD }],
    ['a user', { username: 'nobody', password: PASSWORD }],
    ['a database', { pathname: '/no_such_database' }],
    ['TLS that is asked for', { search: '?sslmode=require' }],
  ])('names the variable, and no password, when the server refuses it %s', async (_, parts) => {
    for (const kind of ['bareDoor', 'route'] as const) {
      const told = await answer(address(parts), kind)
      expect(JSON.parse(told)).toMatchObject(refused)
      expect(told).not.toMatch(/p4ssw0rd|stack/)
      expect(told).not.toContain(decodeURIComponent(given.password))
      if (kind === 'route') expect(told).not.toMatch(/nobody|no_such_database|127\.0\.0\.1/)
    }
  })

  it('whose server is away names where it looked, and no password; a route not even that', async () => {
    const away = `postgresql://hai:${PASSWORD}@127.0.0.1:1/hai`
    expect(await answer(away)).toMatch(/can't be reached \(.*127\.0\.0\.1:1\)/)
    expect(await answer(away)).not.toContain('p4ssw0rd')
    expect(await answer(away, 'route')).not.toMatch(/127\.0\.0\.1|p4ssw0rd/)
  })
})

it('may be one of IPv6', async () => {
  const pool = connect({ url: 'postgresql://hai@[::1]:1/hai' })
  await expect(pool`select 1`).rejects.toThrow(/::1.*:1\b|EADDRNOTAVAIL/)
  await pool.end()
})

it('takes nothing of what other programs set for theirs', async () => {
  const others = { HOST: 'db', PORT: '1', USER: 'x', DATABASE: 'x', SSL: 'require', MAX: '0', APPNAME: 'x' }
  for (const [name, value] of Object.entries(others)) vi.stubEnv(`PG${name}`, value)
  vi.stubEnv('PGPASSWORD', decodeURIComponent(given.password))
  vi.stubEnv('DATABASE_URL', `postgresql://x:${PASSWORD}@db/x`)
  expect(await answer(given.href)).toBe('{"one":1}')
  const pool = connect({ url: address({ password: '' }) }, { max: 1 })
  await expect(pool`select 1`).rejects.toMatchObject({ code: '28P01' })
  await pool.end()
  expect(await answer(undefined)).toContain('HAI_DATABASE_URL is not set')
})

it('is nothing that a setting can name, or the program of a model can see', () => {
  for (const name of ['HAI_DATABASE_URL', 'HAI_DATABASE_DIRECT_URL']) vi.stubEnv(name, given.href)
  expect(JSON.stringify(workerEnvironment())).not.toContain('HAI_DATABASE')
})
