import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, vi } from 'vitest'
import { type PostgresServer, startPostgres } from '../../../runner/postgres/server.ts'
import { commandOf, processes } from '../../../runner/process/table.ts'
import { drive, installProject, openFolder, removeFolder } from './project.ts'

/** A server that the test's own process supervises, and what its listeners heard. */
export interface Started extends PostgresServer {
  log: string[]
  given: { up?: Error }
}

/** Called at the top of a test file: makes one cluster that holds a note, for tests to copy, and stops what they start. */
export function preparedCluster() {
  let project = ''
  const opened: PostgresServer[] = []
  const prepared = () => join(project, 'prepared')

  async function start(dataDir: string): Promise<Started> {
    const log: string[] = []
    const given: { up?: Error } = {}
    const server = await startPostgres({
      dataDir,
      log: (line) => log.push(line),
      progress: () => {},
      onUnrecoverable: (error) => {
        given.up = error
      },
    })
    opened.push(server)
    return { ...server, log, given }
  }

  beforeAll(async () => {
    project = await openFolder()
    await installProject(project)
    mkdirSync(prepared(), { mode: 0o711 })
    const server = await start(prepared())
    await query(server.url, (sql) => sql`create table note as select 'kept' as text`)
    await server.stop()
  })
  afterEach(async () => {
    for (const server of opened.splice(0)) await server.stop()
  })
  afterAll(() => removeFolder(project))

  /** A data directory with a stopped cluster; removed after the test. */
  async function aDataDir(): Promise<string> {
    const root = await openFolder()
    onTestFinished(() => removeFolder(root))
    const dataDir = join(root, 'my data')
    await promisify(execFile)('cp', ['-a', prepared(), dataDir])
    return dataDir
  }

  /** What a crash of everything leaves: a cluster with a lock file and no process. */
  async function aCrashedDataDir(): Promise<{ dataDir: string; lock: string }> {
    const dataDir = await aDataDir()
    const driver = drive(project, dataDir)
    const { pid } = await driver.outcome
    await driver.kill()
    process.kill(pid!, 'SIGKILL')
    await vi.waitFor(() => expect(commandOf(pid!)).toBeUndefined())
    return { dataDir, lock: join(dataDir, 'pg18', 'postmaster.pid') }
  }

  return {
    get project() {
      return project
    },
    start,
    aDataDir,
    aCrashedDataDir,
  }
}

/** Run statements on a connection of their own. */
export async function query<T>(url: string, run: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    return await run(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** The note of a prepared cluster. */
export async function note(url: string): Promise<string> {
  const rows = await query(url, (sql) => sql<{ text: string }[]>`select text from note`)
  return rows[0]!.text
}

/** The command lines of a cluster's postmaster and backends. */
export function processesOf(clusterDir: string): string[] {
  const options = join(clusterDir, 'postmaster.opts')
  const name = existsSync(options)
    ? /cluster_name=([\w-]+)/.exec(readFileSync(options, 'utf8'))?.[1]
    : undefined
  return processes()
    .map(({ command }) => command)
    .filter((command) => command.includes(`-D ${clusterDir} `) || command.startsWith(`postgres: ${name}:`))
}

/** That no process of the cluster and no lock file is there. */
export function expectNothingLeft(clusterDir: string): void {
  expect(processesOf(clusterDir)).toEqual([])
  expect(existsSync(join(clusterDir, 'postmaster.pid'))).toBe(false)
}
