import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import type { TestProject } from 'vitest/node'
import { connect } from '../../f/hai/core/base/db.ts'
import { migrate } from '../../f/hai/core/migrate.ts'
import { clusterDirOf } from '../../runner/postgres/cluster.ts'
import { stopPostmaster } from '../../runner/postgres/postmaster.ts'
import { startPostgres } from '../../runner/postgres/server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The server of this run, and the migrated database in it that test databases are cloned from. */
    databaseUrl: string
    templateDatabase: string
  }
}

const PREFIX = 'hai-test-'
const FAST = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' }

/** A server for tests, and what ends it. */
export interface TestServer {
  url: string
  stop(): Promise<void>
}

/** One server and one migrated template for the whole run: `HAI_TEST_DATABASE_URL`, or an embedded PostgreSQL of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const url = process.env.HAI_TEST_DATABASE_URL
  return provide(project, url ? { url, stop: async () => {} } : await embedded())
}

/** Makes the template on a server, and lets a project's tests know both. What it returns ends both. */
export async function provide(project: TestProject, { url, stop }: TestServer): Promise<() => Promise<void>> {
  const template = `hai_template_${process.pid}`
  const admin = postgres(url, { max: 1, onnotice: () => {} })
  const teardown = async () => {
    await admin`drop database if exists ${admin(template)}`
    await admin.end()
    await stop()
  }
  try {
    await admin`create database ${admin(template)}`
    await migrateTemplate(url, template)
    // Nobody may be connected to the source of a clone, autovacuum included.
    await admin`alter database ${admin(template)} allow_connections false`
  } catch (error) {
    await teardown()
    throw error
  }
  project.provide('databaseUrl', url)
  project.provide('templateDatabase', template)
  return teardown
}

async function migrateTemplate(server: string, template: string): Promise<void> {
  const url = new URL(server)
  url.pathname = `/${template}`
  const sql = connect({ url: url.href })
  try {
    await migrate(sql)
  } finally {
    await sql.end()
  }
}

async function embedded(): Promise<TestServer> {
  await removeAbandoned()
  const dataDir = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`))
  // Passable for the account that PostgreSQL gets under root, so that the cluster is in here too.
  await chmod(dataDir, 0o711)
  const server = await startPostgres({
    dataDir,
    settings: FAST,
    log: () => {},
    progress: () => {},
    onUnrecoverable: (error) => {
      throw error
    },
  })
  const stop = async () => {
    await server.stop()
    await rm(dataDir, { recursive: true })
  }
  return { url: server.url, stop }
}

/** Stop and remove what earlier runs left that were killed. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const runner = /^hai-test-(\d+)-/.exec(name)?.[1]
    if (!runner || isAlive(Number(runner))) continue
    const dataDir = join(tmpdir(), name)
    await stopPostmaster(clusterDirOf(dataDir))
    await rm(dataDir, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
