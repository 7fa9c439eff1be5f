import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { connect, outage, type Pool } from '../../f/hai/core/base/db.ts'
import { health } from '../../f/hai/core/health.ts'
import { migrate, pending } from '../../f/hai/core/migrate.ts'
import { isLeaseLost } from '../../f/hai/core/task/lease.ts'
import { sweep } from '../../f/hai/core/task/sweep.ts'
import { ring } from '../../f/hai/core/task/wake.ts'
import { work } from '../../f/hai/core/work/worker.ts'
import { type PostgresServer, startPostgres } from '../../runner/postgres/server.ts'
import { listen } from '../../worker/listen.ts'
import { callAs } from '../support/doors.ts'
import { aCaller, aTask } from '../support/factories.ts'
import { hai } from '../support/hai.ts'
import { aPgbouncer, PGBOUNCER, type Pgbouncer } from '../support/pgbouncer.ts'
import { buildProject, removeStack, startStack, testEnvironment } from '../support/stack.ts'

const WORKERS = 6
const TASKS = 120

if (!PGBOUNCER) console.log('PgBouncer is not on this machine; what goes through one is left out')

describe.skipIf(!PGBOUNCER)('through a pooler in transaction mode', () => {
  let dataDir = ''
  let server: PostgresServer
  let pooler: Pgbouncer
  let direct: Pool
  const opened: Pool[] = []
  const open = (url: string) => {
    const pool = connect({ url })
    opened.push(pool)
    return pool
  }

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hai-pooler-'))
    await chmod(dataDir, 0o711)
    server = await startPostgres({
      dataDir,
      // what is committed outlives a killed server all the same
      settings: { fsync: 'off' },
      log: () => {},
      progress: () => {},
      onUnrecoverable: (error) => {
        throw error
      },
    })
    pooler = await aPgbouncer(server.url)
    direct = open(server.url)
  })
  afterEach(() => vi.unstubAllEnvs())
  afterAll(async () => {
    await Promise.all(opened.map((pool) => pool.end({ timeout: 1 })))
    await pooler?.remove()
    await server?.stop()
    await rm(dataDir, { recursive: true })
  })

  /** A door's answer, of a process that has met no database yet, and then of one that has. */
  async function asked(url: string): Promise<{ first: unknown; next: unknown }> {
    vi.resetModules()
    vi.stubEnv('HAI_DATABASE_URL', url)
    callAs('operator')
    vi.stubEnv('WM_JOB_ID', 'job-1')
    const { door } = await import('../../f/hai/core/base/door.ts')
    const ask = () =>
      door({}, async (sql) => {
        for (let n = 0; n < 3; n += 1) await sql`select ${n}::int as n`
        const [row] = await sql<{ prepared: number; named: string }[]>`
          select count(*)::int as prepared, current_setting('application_name') as named from pg_prepared_statements`
        return row
      })
    return { first: await ask(), next: await ask() }
  }

  it('is migrated, by two at once', async () => {
    const concurrent = {
      name: 'late',
      sql: 'create index concurrently if not exists late on hai.todo (id)',
      concurrent: true,
    }
    const { MIGRATIONS } = await import('../../f/hai/core/migrations.ts')
    const all = [...MIGRATIONS, concurrent]
    const both = await Promise.all([migrate(open(pooler.url), all), migrate(open(pooler.url), all)])
    expect(both.flatMap(({ applied }) => applied).sort()).toEqual(all.map(({ name }) => name).sort())
    const [left] = await direct`select count(*)::int as locks from pg_locks where locktype = 'advisory'`
    expect(left).toEqual({ locks: 0 })
    await direct`delete from hai.migration where name = 'late'`
  })

  it('tells how the queue stands, however many questions that takes at once', async () => {
    for (let n = 0; n < 12; n += 1) expect(await health(open(pooler.url))).toMatchObject({ ok: true })
  })

  it('lets doors leave nothing behind in a session, which prepare their statements where it is their own', async () => {
    const pooled = { prepared: 0, named: 'job-1' }
    expect(await asked(pooler.url)).toEqual({ first: pooled, next: pooled })
    const [other] = await open(pooler.url)`select current_setting('application_name') as named`
    expect(other).toEqual({ named: 'hai' })
    const { first, next } = await asked(server.url)
    expect(first).toMatchObject({ named: 'job-1' })
    expect((next as { prepared: number }).prepared).toBeGreaterThan(1)
  })

  it('says that one in statement mode, or one that refuses the address, is no matter of time', async () => {
    const strict = await aPgbouncer(server.url, { pool_mode: 'statement' })
    const refusal = async (url: string) =>
      migrate(open(url)).then(
        () => '',
        (error) => (outage(error) ?? error).message as string,
      )
    expect(await refusal(strict.url)).toMatch(
      /ends a connection where a transaction begins: set pool_mode = transaction/,
    )
    const about = expect.stringMatching(
      /^HAI_DATABASE_URL of this worker leads to a connection pooler .*pool_mode = transaction/,
    )
    await expect(pending(open(strict.url))).rejects.toMatchObject({ message: about })
    await expect(health(open(strict.url))).rejects.toMatchObject({ code: 'unavailable', message: about })
    await strict.remove()
    const wrong = new URL(pooler.url)
    wrong.password = 'p4ssw0rd'
    const told = await refusal(wrong.href)
    expect(told).toMatch(/doesn't take what HAI_DATABASE_URL .*authentication failed/)
    expect(told).not.toMatch(/p4ssw0rd|try again/)
  })

  it('has a worker poll, unless it is given PostgreSQL’s own address to listen at', async () => {
    const said: string[] = []
    const rings = vi.fn()
    const hear = (env: Record<string, string>) => listen(env, rings, (line) => said.push(line))
    expect(await hear({ HAI_DATABASE_URL: pooler.url })).toBeUndefined()
    expect(said.join()).toMatch(/^HAI_DATABASE_URL leads to a connection pooler.*HAI_DATABASE_DIRECT_URL/)
    await expect(hear({ HAI_DATABASE_DIRECT_URL: pooler.url })).rejects.toThrow(
      /HAI_DATABASE_DIRECT_URL leads to/,
    )
    const end = await hear({ HAI_DATABASE_URL: pooler.url, HAI_DATABASE_DIRECT_URL: server.url })
    expect(rings).toHaveBeenCalledTimes(1)
    await direct`insert into hai.worker (name, lanes, asleep) values ('w', '{}', true)`
    await ring(open(pooler.url))
    await vi.waitFor(() => expect(rings).toHaveBeenCalledTimes(2))
    await end!()
  })

  it('loses no task and runs none twice, when the pooler is killed, and then PostgreSQL', async () => {
    const strange: unknown[] = []
    /** Again until it is done, as clients do. */
    const patiently = <T>(once: () => Promise<T>): Promise<T> =>
      vi.waitFor(() =>
        once().catch((error) => {
          if (outage(error)?.code !== 'unavailable' && !isLeaseLost(error)) strange.push(error)
          throw error
        }),
      )
    const done = async () => {
      const [row] = await direct<
        { n: number }[]
      >`select count(*)::int as n from hai.todo where body like 'item %'`
      return row!.n
    }
    /** What was begun when it broke need not wait for the end of its lease, nor for its next attempt. */
    const hurry = () => direct`
      with lost as (update hai.lease set until = now() - interval '1 s' where until < now() + interval '13 s')
      update hai.task_queue set claim_at = now(), run_at = now() where state = 'pending' and claim_at > now()`
    const clients = Array.from({ length: WORKERS }, () => open(pooler.url))
    const accepted: string[] = []
    const adding = clients.map(async (sql, client) => {
      for (let n = client; n < TASKS; n += WORKERS) {
        const task = { content: `add todo: item ${n}`, idempotency_key: `item ${n}` }
        accepted.push(await patiently(() => aTask(sql, task)))
      }
    })
    const ended = new AbortController()
    const working = clients.map(async (_, no) => {
      const sql = open(pooler.url)
      const shift = {
        worker: `w-${no}`,
        budgetSeconds: 20,
        principal: () => aCaller(),
        start: async () => {},
      }
      while (!ended.signal.aborted) {
        await patiently(() => work(sql, { ...shift, signal: ended.signal }))
        await patiently(() => hurry())
        await patiently(() => sweep(sql, 60, async () => false))
      }
    })
    await vi.waitFor(async () => expect(await patiently(done)).toBeGreaterThan(TASKS / 10))
    await pooler.kill()
    await pooler.start()
    await vi.waitFor(async () => expect(await patiently(done)).toBeGreaterThan(TASKS / 3))
    process.kill(server.pid()!, 'SIGKILL')
    await Promise.all(adding)
    expect(new Set(accepted).size).toBe(TASKS)
    await vi.waitFor(async () => {
      const left = await patiently(
        () => direct`select id, state, attempt, error from hai.task_queue where state <> 'done'`,
      )
      expect(left).toEqual([])
    })
    ended.abort()
    await Promise.all(working)
    const bodies = await direct<{ body: string }[]>`
      select body from hai.todo where body like 'item %' order by substr(body, 6)::int`
    expect(bodies.map(({ body }) => body)).toEqual(Array.from({ length: TASKS }, (_, n) => `item ${n}`))
    expect(strange).toEqual([])
  })

  it('serves a local stack that is told where PostgreSQL itself is, and says so to one that is not', async () => {
    await buildProject()
    const env = await testEnvironment({ databaseUrl: pooler.url })
    const refused = await hai(env, ['up'])
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toMatch(/connection pooler answers there.*HAI_DATABASE_DIRECT_URL/)
    expect(refused.stderr).not.toContain(server.connection.password)
    await removeStack(env)
    const stack = await startStack({ databaseUrl: pooler.url, env: { HAI_DATABASE_DIRECT_URL: server.url } })
    const adding = Array.from({ length: 12 }, (_, n) =>
      stack.call('f/hai/todo/add', { body: `through the pooler ${n}` }),
    )
    expect((await Promise.all(adding)).map(({ status }) => status)).toEqual(Array(12).fill(200))
    const [row] = await direct`select count(*)::int as n from hai.todo where body like 'through the pooler %'`
    expect(row).toEqual({ n: 12 })
    await stack.stop()
  })
})
