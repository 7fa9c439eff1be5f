import postgres from 'postgres'
import { NAME, passwordOf } from './cluster.ts'

/** Codes of a server that is starting, stopping, full or just gone; the next try may find it well. */
const TRANSIENT = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'CONNECTION_CLOSED', 'CONNECT_TIMEOUT'],
  ...['57P01', '57P02', '57P03', '53300'],
])

/** Whether the server on this port lets us in with the cluster's password; makes our database where it is missing. */
export async function databaseAnswers(clusterDir: string, host: string, port: number): Promise<boolean> {
  const password = passwordOf(clusterDir)
  const sql = postgres({
    ...{ host, port, password, username: NAME, database: 'postgres' },
    ...{ max: 1, connect_timeout: 3, fetch_types: false, connection: { application_name: 'hai-supervisor' } },
  })
  try {
    const found = await sql`select from pg_database where datname = ${NAME}`
    if (found.length === 0) await createDatabase(sql)
    return true
  } catch (error) {
    const { code = '' } = error as { code?: string }
    if (TRANSIENT.has(code)) return false
    throw new Error(`PostgreSQL on port ${port} refuses us: ${(error as Error).message}`, { cause: error })
  } finally {
    await sql.end({ timeout: 1 })
  }
}

async function createDatabase(sql: postgres.Sql): Promise<void> {
  try {
    await sql`create database ${sql(NAME)}`
  } catch (error) {
    // Another starter made it between our two statements.
    if (!['42P04', '23505'].includes((error as { code?: string }).code ?? '')) throw error
  }
}
