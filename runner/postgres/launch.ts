import type { ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { NAME, passwordOf } from './cluster.ts'
import {
  clearRemains,
  HOST,
  lastWords,
  runningPostmaster,
  type Spawned,
  type Startup,
  spawnPostmaster,
} from './postmaster.ts'

/** A postmaster that accepts connections. `child` is set when we spawned it; else it was adopted. */
export interface Ready {
  pid: number
  port: number
  child: ChildProcess | undefined
}

/** `port` is a wish unless `fixed`. Aborting `signal` ends the wait, not a postmaster that was spawned. */
interface Terms {
  port: number | undefined
  fixed: boolean
  signal: AbortSignal
  progress: (phase: string) => void
}

const PATIENCE_MS = 10 * 60_000
const CONTENTION_MS = 60_000
const PROGRESS_MS = 2000

const PORT_TAKEN = /could not create any TCP\/IP sockets/
const CONTENDED = /lock file "postmaster.pid" (already exists|is empty)|pre-existing shared memory block/

/**
 * Adopt the postmaster that runs on the cluster, or start one, and wait until its database answers, also through a long crash
 * recovery. Safe when others do the same: PostgreSQL's own lock lets one postmaster live, and all adopt that one.
 */
export async function launch(startup: Startup, terms: Terms): Promise<Ready> {
  const began = performance.now()
  let reported = began
  let mine: Spawned | undefined
  const answers = (port: number) =>
    databaseAnswers(startup.clusterDir, HOST, port).catch((error) => {
      mine?.child.kill('SIGINT')
      throw error
    })
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 100)) {
    terms.signal.throwIfAborted()
    const running = runningPostmaster(startup.clusterDir)
    if (running?.state === 'ready' && (await answers(running.port))) {
      const child = mine?.child.pid === running.pid ? mine.child : undefined
      return { pid: running.pid, port: running.port, child }
    }
    const waited = performance.now() - began
    if (!running && (!mine || mine.ended())) mine = await spawnNext(startup, terms, mine, waited)
    if (waited > PATIENCE_MS) throw new Error(tooLong(running?.state, startup.logFile))
    if (performance.now() - reported > PROGRESS_MS) {
      reported = performance.now()
      terms.progress(`${waitingFor(running?.state)} (${Math.round(waited / 1000)} s)`)
    }
    await delay(pause)
  }
}

/** The first process, or the one after `failed`; throws when another try cannot help. */
async function spawnNext(startup: Startup, terms: Terms, failed: Spawned | undefined, waited: number) {
  const report = failed?.report() ?? ''
  const portTaken = PORT_TAKEN.test(report)
  const contended = CONTENDED.test(report) && waited < CONTENTION_MS
  if (failed && !contended && (terms.fixed || !portTaken)) throw new Error(explain(startup, failed, report))
  clearRemains(startup.clusterDir)
  if (!failed) terms.progress('starting PostgreSQL')
  const port = terms.fixed && terms.port ? terms.port : await freePort(portTaken ? undefined : terms.port)
  return spawnPostmaster(startup, port)
}

function explain({ clusterDir, logFile }: Startup, { child, port }: Spawned, report: string): string {
  if (report.includes('No space left on device')) {
    return `PostgreSQL did not start: the disk that holds ${clusterDir} is full; free some space and start again`
  }
  if (PORT_TAKEN.test(report)) return `PostgreSQL did not start: port ${port} is taken by another program`
  const how = child.signalCode ? `was ended by ${child.signalCode}` : 'did not start'
  return `PostgreSQL ${how}: ${lastWords(report)}\nThe whole story is in ${logFile}`
}

/** A recovery that is under way is left to go on: the next start adopts it, where a new one would begin again. */
function tooLong(state: string | undefined, logFile: string): string {
  return `${waitingFor(state)} for 10 minutes already; look into ${logFile}, and start again later`
}

function waitingFor(state: string | undefined): string {
  if (state === 'starting') return 'PostgreSQL is starting, perhaps recovering from a crash'
  if (state === 'stopping') return 'an earlier PostgreSQL is still stopping'
  if (state === 'ready') return 'PostgreSQL runs, but does not answer yet'
  return 'waiting for PostgreSQL'
}

/** The preferred port if nobody has it, else any free one. */
async function freePort(preferred: number | undefined): Promise<number> {
  return (preferred && (await bound(preferred))) || (await bound(0)) || 0
}

function bound(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(port, HOST, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined))
    })
  })
}

/** Codes of a server that is starting, stopping, full or just gone; the next try may find it well. */
const TRANSIENT = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'CONNECTION_CLOSED', 'CONNECT_TIMEOUT'],
  ...['57P01', '57P02', '57P03', '53300'],
])

/** Whether the server on this port lets us in with the cluster's password; makes our database where it is missing. */
async function databaseAnswers(clusterDir: string, host: string, port: number): Promise<boolean> {
  const password = passwordOf(clusterDir)
  const sql = postgres({
    host,
    port,
    password,
    username: NAME,
    database: 'postgres',
    max: 1,
    connect_timeout: 3,
    fetch_types: false,
    connection: { application_name: 'hai-supervisor' },
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
