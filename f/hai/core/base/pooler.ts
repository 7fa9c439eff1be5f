import { isDirect } from './address.ts'
import { again, type Pool, type Sql } from './db.ts'
import { HaiError } from './errors.ts'

const NO_TRANSACTIONS =
  'HAI_DATABASE_URL of this worker leads to a connection pooler that ends a connection where a transaction begins: set pool_mode = transaction there for this database (statement does not do), or give the address of PostgreSQL itself'

/**
 * Throws `unavailable` where transactions don't work: a pooler in statement mode ends whoever begins one, and all that the
 * driver tells of it is that it was closed. Over a session of PostgreSQL's own nothing is tried.
 */
export async function tryTransaction(pool: Sql): Promise<void> {
  // one that is open already works
  if (!('begin' in pool)) return
  const sql = pool as Pool
  const answer = await sql<{ backend: number }[]>`select pg_backend_pid() as backend`
  if (isDirect(answer, answer[0]!.backend)) return
  // on a connection that nobody else waits for, as the driver may lose track of one that is closed under it
  const own = again(sql)
  try {
    await own`begin read only`.simple()
    await own`rollback`.simple()
  } catch (cause) {
    if ((cause as { code?: string }).code !== 'CONNECTION_CLOSED') throw cause
    throw new HaiError('unavailable', NO_TRANSACTIONS, { cause })
  } finally {
    await own.end({ timeout: 0 })
  }
}
