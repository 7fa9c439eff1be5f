import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { afterAll, beforeAll, inject } from 'vitest'
import { connect, type Pool } from '../../f/hai/core/base/db.ts'

/** A migrated database of one test file's own. Its fields can be read once tests run, not while the file is collected. */
export interface TestDatabase {
  /** The pool that most tests share. */
  readonly sql: Pool
  readonly url: string
  /** One more pool, with connections of its own; closed with the others. */
  open(options?: { applicationName?: string; max?: number }): Pool
}

/** Called at the top of a test file: clones the template before its tests, and drops the clone after them. */
export function testDatabase(): TestDatabase {
  const name = aName()
  const pools: Pool[] = []
  const url = databaseUrl(name)
  const open: TestDatabase['open'] = (options) => {
    // as doors do once they know that no pooler is between
    const pool = connect({ url }, { prepare: true, ...options })
    pools.push(pool)
    return pool
  }
  let sql: Pool | undefined

  beforeAll(async () => {
    await create(name)
    sql = open({ max: 10 })
  })
  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.end({ timeout: 5 })))
    await drop(name)
  })
  return {
    get sql() {
      if (!sql) throw new Error('the test database is made in beforeAll; use it inside a test or a hook')
      return sql
    },
    url,
    open,
  }
}

/** The same for what closes by itself all that it opens, and drops the database then. */
export async function aDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const name = aName()
  await create(name)
  return { url: databaseUrl(name), drop: () => drop(name) }
}

const aName = () => `test_${randomBytes(6).toString('hex')}`

const create = (name: string) =>
  administer((admin) => admin`create database ${admin(name)} template ${admin(inject('templateDatabase'))}`)

const drop = (name: string) =>
  administer((admin) => admin`drop database if exists ${admin(name)} with (force)`)

function databaseUrl(name: string): string {
  const url = new URL(inject('databaseUrl'))
  url.pathname = `/${name}`
  return url.href
}

async function administer(statement: (admin: postgres.Sql) => Promise<unknown>): Promise<void> {
  const admin = postgres(inject('databaseUrl'), { max: 1, onnotice: () => {} })
  try {
    await statement(admin)
  } finally {
    await admin.end()
  }
}
