import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { reportDrift } from '../../../f/hai/core/base/drift.ts'
import { health } from '../../../f/hai/core/health.ts'
import { aTree, objectIn } from '../../cdk8s/configurations.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => db.sql`delete from hai.drift_report`)

const operator = aCaller()
const machine = { name: 'ci', role: 'machine' } as const
const report = (more: object = {}) => ({
  kind: 'windmill' as const,
  target: 'home on https://windmill.example.com',
  compared: 90,
  differences: 2,
  examples: ['changed: script f/hai/inbox', 'missing: schedule f/hai/worker/sweep'],
  ...more,
})
const kept = async () => (await health(db.sql)).drift

describe('a report of drift', () => {
  it('is kept, one of each kind, and the newest counts', async () => {
    await reportDrift(db.sql, report(), machine)
    await reportDrift(db.sql, report({ kind: 'cluster', differences: 0, examples: [] }), operator)
    await reportDrift(db.sql, report({ differences: 0, examples: [] }), machine)
    expect(await kept()).toMatchObject([
      { kind: 'windmill', differences: 0, examples: [], compared: 90, reported_by: 'ci' },
      { kind: 'cluster', differences: 0, reported_by: operator.name },
    ])
  })

  it('changes nothing but its time when it comes twice', async () => {
    const { reported_at: first, ...once } = await reportDrift(db.sql, report(), machine)
    const { reported_at: second, ...twice } = await reportDrift(db.sql, report(), machine)
    expect(twice).toEqual(once)
    expect(Date.parse(second)).toBeGreaterThanOrEqual(Date.parse(first))
    expect(await kept()).toHaveLength(1)
  })

  it('is not taken from a member, whose health does not show one either', async () => {
    const kim = { name: 'kim', role: 'member' } as const
    await expect(reportDrift(db.sql, report(), kim)).rejects.toMatchObject({ code: 'forbidden' })
    await reportDrift(db.sql, report(), machine)
    expect((await health(db.sql, { ...aCaller(), role: 'member' })).drift).toBeUndefined()
  })

  it.each([
    ['kind', { kind: 'laptop' }],
    ['target', { target: '' }],
    ['target', { target: 'a\nb' }],
    ['compared', { compared: 0, differences: 0, examples: [] }],
    ['differences', { differences: -1 }],
    ['differences', { differences: 1.5 }],
    ['examples', { examples: [] }],
    ['examples', { differences: 0 }],
    ['examples', { differences: 30 }],
    ['examples.0', { differences: 1, examples: ['a\0b'] }],
    ['examples.0', { differences: 1, examples: ['x'.repeat(301)] }],
  ])('is refused when %s is not as it must be: %j', async (field, more) => {
    await expect(reportDrift(db.sql, report(more), machine)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(field),
    })
    expect(await kept()).toEqual([])
  })
})

describe('the metric of drift', () => {
  /** The role of CloudNativePG's exporter, as its operator makes it; a role is the whole server's, so this file has one of its own. */
  const role = `exporter_${randomBytes(6).toString('hex')}`
  const logins: postgres.Sql[] = []
  const { data } = objectIn(aTree(), 'ConfigMap', 'hai-metrics') as unknown as {
    data: Record<string, string>
  }
  const { hai_drift } = parse(data['queries.yaml']!)

  async function exporter(url: string): Promise<postgres.Sql> {
    const [there] = await db.sql`select from pg_roles where rolname = ${role}`
    if (!there) {
      await db.sql.unsafe(`create role ${role} login inherit password '${role}'; grant pg_monitor to ${role}`)
    }
    const sql = postgres(url, { username: role, password: role, max: 1, onnotice: () => {} })
    logins.push(sql)
    return sql
  }
  afterAll(async () => {
    await Promise.all(logins.map((sql) => sql.end()))
    await db.sql.unsafe(`drop role if exists ${role}`)
  })

  /** As the exporter asks: read only, with its own search path, and only where the predicate says so. */
  const scraped = (sql: postgres.Sql) =>
    sql.begin('read only', async (tx) => {
      await tx`set local search_path = pg_catalog, public, pg_temp`
      const [there] = await tx.unsafe(hai_drift.predicate_query)
      return there!.there ? [...(await tx.unsafe(hai_drift.query))] : undefined
    })

  it('is what the exporter’s role may read, and all that it may', async () => {
    const sql = await exporter(db.url)
    await reportDrift(db.sql, report(), machine)
    const [row] = (await scraped(sql))!
    expect(row).toMatchObject({ kind: 'windmill', differences: 2 })
    expect(Math.abs(Number(row!.reported) - Date.now() / 1000)).toBeLessThan(60)
    for (const table of ['drift_report', 'task_queue', 'todo', 'config', 'dashboard_task'])
      await expect(sql.unsafe(`select from hai.${table}`)).rejects.toThrow('permission denied')
    const named = hai_drift.metrics.flatMap((one: object) => Object.keys(one))
    expect(named).toEqual(Object.keys(row!))
  })

  it('is not asked of a database without hai', async () => {
    const elsewhere = new URL(db.url)
    elsewhere.pathname = '/postgres'
    expect(await scraped(await exporter(elsewhere.href))).toBeUndefined()
  })
})
