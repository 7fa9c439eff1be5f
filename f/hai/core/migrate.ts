import { createHash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { inTransaction, type Sql } from './base/db.ts'
import { HaiError } from './base/errors.ts'
import { tryTransaction } from './base/pooler.ts'
import { grantDashboardViews, READER } from './dashboard_views.ts'
import { MIGRATIONS, type Migration } from './migrations.ts'

/** Any fixed number: it only has to be the same for every migrator of one database. */
const MIGRATION_LOCK = 4_747_000
/** Another one for what runs outside of a transaction: its holder waits for those who wait for the first. */
const CONCURRENT_LOCK = 4_747_002

/** Between two looks whether another migrator is done; milliseconds. */
const BUSY_MS = 100

export interface Migrated {
  version: number
  applied: string[]
}

export interface Pending {
  pending: string[]
}

/**
 * Brings the database to the newest schema; safe when two start at once, a no-op when nothing is new.
 * A database newer than this release is left alone: schemas only expand. `conflict` when an applied migration was edited.
 * `reader`, the role of dashboards, is given its rights each time.
 */
export async function migrate(
  sql: Sql,
  migrations: readonly Migration[] = MIGRATIONS,
  reader = READER,
): Promise<Migrated> {
  await tryTransaction(sql)
  await inTransaction(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(${MIGRATION_LOCK})`
    await tx`create schema if not exists hai`
    await tx`
      create table if not exists hai.migration (
        version int primary key,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default now()
      )`
    await compileNothing(tx)
  })
  const applied: string[] = []
  for (const [index, migration] of migrations.entries()) {
    if (await apply(sql, index + 1, migration)) applied.push(migration.name)
  }
  await inTransaction(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(${MIGRATION_LOCK})`
    await grantDashboardViews(tx, reader)
  })
  return { version: migrations.length, applied }
}

/** What a migration would do now: whether it can, which it says by throwing as it would, and the names of what is new. */
export async function pending(sql: Sql, migrations: readonly Migration[] = MIGRATIONS): Promise<Pending> {
  await tryTransaction(sql)
  const [made] = await sql<{ there: boolean }[]>`select to_regclass('hai.migration') is not null as there`
  if (!made?.there) return { pending: migrations.map(({ name }) => name) }
  const known = await Promise.all(migrations.map((one, index) => recorded(sql, index + 1, one)))
  return { pending: migrations.filter((_, index) => !known[index]).map(({ name }) => name) }
}

/**
 * No statement here runs long enough to be worth compiling, and where they are guessed to, the guess costs a second. Set for
 * this role in this database: poolers refuse it as a parameter of a connection.
 */
async function compileNothing(tx: Sql): Promise<void> {
  await tx`
    do $$ begin
      if current_setting('jit')::boolean then
        execute format('alter role %I in database %I set jit = off', current_user, current_database());
      end if;
    end $$`
}

async function apply(sql: Sql, version: number, migration: Migration): Promise<boolean> {
  if (await recorded(sql, version, migration)) return false
  if (migration.concurrent) return applyConcurrently(sql, version, migration)
  return inTransaction(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(${MIGRATION_LOCK})`
    // looked up again under the lock: another migrator may have been quicker
    if (await recorded(tx, version, migration)) return false
    await tx.unsafe(migration.sql)
    await record(tx, version, migration)
    return true
  })
}

/**
 * `create index concurrently` can't run in a transaction: it must be written to be repeatable. Meanwhile the lock is held by
 * a transaction that does nothing else, as a connection pooler keeps no session for us; so this takes two connections.
 */
async function applyConcurrently(sql: Sql, version: number, migration: Migration): Promise<boolean> {
  return inTransaction(sql, async (holder) => {
    // asked again and again: who waited for the lock would hold a snapshot, and the index waits for all of those
    while (!(await tryLock(holder))) await setTimeout(BUSY_MS)
    if (await recorded(sql, version, migration)) return false
    await sql.unsafe(migration.sql)
    await record(sql, version, migration)
    return true
  })
}

/** By the simple protocol: after the other one an open transaction keeps the snapshot of its last statement. */
async function tryLock(tx: Sql): Promise<boolean> {
  const [row] = await tx.unsafe<{ got: boolean }[]>(
    `select pg_try_advisory_xact_lock(${CONCURRENT_LOCK}) as got`,
  )
  return row!.got
}

async function recorded(sql: Sql, version: number, migration: Migration): Promise<boolean> {
  const [row] = await sql<{ checksum: string }[]>`
    select checksum from hai.migration where version = ${version}`
  if (!row) return false
  if (row.checksum !== checksum(migration)) {
    throw new HaiError(
      'conflict',
      `migration ${version} (${migration.name}) was applied with other text; add a new migration instead of editing it`,
    )
  }
  return true
}

async function record(sql: Sql, version: number, migration: Migration): Promise<void> {
  await sql`
    insert into hai.migration (version, name, checksum)
    values (${version}, ${migration.name}, ${checksum(migration)})
    on conflict (version) do nothing`
}

function checksum(migration: Migration): string {
  return createHash('sha256').update(migration.sql).digest('hex')
}
