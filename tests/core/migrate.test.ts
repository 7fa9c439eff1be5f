import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { SCHEMA_VERSION } from '../../f/hai/core/base/contract.ts'
import { connect, type Pool } from '../../f/hai/core/base/db.ts'
import { migrate } from '../../f/hai/core/migrate.ts'
import { MIGRATIONS } from '../../f/hai/core/migrations.ts'
import { aTask } from '../support/factories.ts'

let admin: postgres.Sql
let sql: Pool
let name: string
const pools: Pool[] = []

function open(): Pool {
  const url = new URL(inject('databaseUrl'))
  url.pathname = `/${name}`
  const pool = connect({ url: url.href }, { max: 2 })
  pools.push(pool)
  return pool
}

// an empty database each, not a clone of the migrated template
beforeEach(async () => {
  admin = postgres(inject('databaseUrl'), { max: 1, onnotice: () => {} })
  name = `test_${randomBytes(6).toString('hex')}`
  await admin`create database ${admin(name)}`
  sql = open()
})
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.end({ timeout: 5 })))
  await admin`drop database ${admin(name)} with (force)`
  await admin.end()
})

const first = { name: 'first', sql: 'create table hai.a (id int primary key); insert into hai.a values (1);' }
const second = { name: 'second', sql: 'create table hai.b (id int);' }

const recorded = async () =>
  (await sql<{ name: string }[]>`select name from hai.migration order by version`).map((row) => row.name)

describe('migrate', () => {
  it('takes an empty database to the newest schema, and the queue works', async () => {
    expect(await migrate(sql)).toEqual({
      version: SCHEMA_VERSION,
      applied: MIGRATIONS.map((migration) => migration.name),
    })
    expect(await aTask(sql)).toMatch(/^[0-9A-Z]{26}$/)
  })

  it('has the number by which doors know the schema', () => {
    expect(SCHEMA_VERSION, 'f/hai/core/base/schema_version.ts').toBe(MIGRATIONS.length)
  })

  it('changes nothing when it runs again', async () => {
    await migrate(sql)
    const id = await aTask(sql)
    expect(await migrate(sql)).toEqual({ version: SCHEMA_VERSION, applied: [] })
    expect(await sql`select id from hai.task_queue`).toEqual([{ id }])
  })

  it('started five times at once applies each migration once', async () => {
    const results = await Promise.all(Array.from({ length: 5 }, () => migrate(open())))
    expect(results.flatMap((result) => result.applied).toSorted()).toEqual(
      MIGRATIONS.map((migration) => migration.name).toSorted(),
    )
    expect(results.every((result) => result.version === SCHEMA_VERSION)).toBe(true)
  })

  it('applies only what is new', async () => {
    await migrate(sql, [first])
    expect(await migrate(sql, [first, second])).toEqual({ version: 2, applied: ['second'] })
    expect(await recorded()).toEqual(['first', 'second'])
  })

  it('refuses a migration whose text was changed after it was applied', async () => {
    await migrate(sql, [first])
    const edited = { ...first, sql: `${first.sql} insert into hai.a values (2);` }
    await expect(migrate(sql, [edited, second])).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/migration 1 \(first\).*add a new migration/),
    })
    expect(await recorded()).toEqual(['first'])
    expect(await sql`select id from hai.a`).toHaveLength(1)
  })

  it('leaves nothing of a migration that fails halfway, and goes on when it is mended', async () => {
    const broken = { name: 'second', sql: 'create table hai.b (id int); select 1 / 0;' }
    await expect(migrate(sql, [first, broken])).rejects.toThrow('division by zero')
    expect(await recorded()).toEqual(['first'])
    expect(await migrate(sql, [first, second])).toEqual({ version: 2, applied: ['second'] })
  })

  it('leaves a database alone that is newer than this release', async () => {
    await migrate(sql, [first, second])
    expect(await migrate(sql, [first])).toEqual({ version: 1, applied: [] })
    expect(await recorded()).toEqual(['first', 'second'])
  })

  it('tells how older calls ended, and makes one of a message that stood there twice', async () => {
    const endings = MIGRATIONS.findIndex(({ name }) => name === 'endings')
    await migrate(sql, MIGRATIONS.slice(0, endings))
    await sql`
      insert into hai.usage (call_id, source, backend, model, billing, state, settled_at, input, output, error, ms)
      select call_id, source, 'b', 'm', 'local', state, case state when 'settled' then now() end, input, output, error, 0
      from (values
        ('claude-code:msg_1:req_1', 'claude-code', 'settled', 5, 9, null), ('claude-code:msg_1', 'claude-code', 'settled', 5, 7, null),
        ('claude-code:msg_2:req_2', 'claude-code', 'settled', 5, 9, null), ('claude-code:x:y', 'import', 'settled', 5, 9, null),
        ('open', '', 'open', null, null, null), ('lost', '', 'presumed', null, null, null),
        ('failed', '', 'settled', 0, 0, 'refused'), ('uncounted', '', 'settled', 3, null, null)
      ) calls (call_id, source, state, input, output, error)`
    await sql`
      insert into hai.usage_day (day, agent, source, requester, route, backend, model, billing, calls, unknown_calls,
        unlisted_calls, failed_calls, usd, list_usd, input, output, cache_read, cache_write, reasoning, ms)
      values ('2026-11-01', '', '', '', '', '', '', '', 2, 0, 0, 0, 0, 0, 10, 16, 0, 0, 0, 0)`
    await migrate(sql)
    const rows = await sql<{ call_id: string; ending: string | null; output: number | null }[]>`
      select call_id, ending, output from hai.usage order by call_id`
    expect(rows.map(({ call_id, ending, output }) => [call_id, ending, output])).toEqual([
      ['claude-code:msg_1', 'answered', 9],
      ['claude-code:msg_2', 'answered', 9],
      ['claude-code:x:y', 'answered', 9],
      ['failed', 'failed', 0],
      ['lost', 'lost', null],
      ['open', null, null],
      ['uncounted', 'uncounted', null],
    ])
    // what has been folded had it twice
    expect(await sql`select from hai.usage_day`).toEqual([])
  })

  it('builds an index without locking out writers, also when five start at once', async () => {
    const index = {
      name: 'index',
      sql: 'create index concurrently if not exists b_id on hai.b (id)',
      concurrent: true,
    }
    await Promise.all(Array.from({ length: 5 }, () => migrate(open(), [first, second, index])))
    expect(await recorded()).toEqual(['first', 'second', 'index'])
    const [row] = await sql`select indisvalid as valid from pg_index where indexrelid = 'hai.b_id'::regclass`
    expect(row).toEqual({ valid: true })
  })
})
