import { spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { refuseSharedFolder } from '../files.ts'
import { endMarked, MARK, ownerOf } from '../process/mark.ts'
import { commandOf, processes, signal } from '../process/table.ts'
import { projectRoot } from '../root.ts'
import {
  dataDirOf,
  type Instance,
  isRunner,
  keepFileOf,
  logFileOf,
  readInstance,
  readRecord,
  recordFileOf,
} from './file.ts'
import { LOG_LIMIT } from './log.ts'

type Env = Record<string, string | undefined>

const POLL_MS = 15
/** Recovery of a large database may take minutes, but it says so: every sign of life starts this anew. */
const SILENCE_MS = 180_000
/** Doors get 2 s, work 3 s, Postgres its fast shutdown; then it is stuck. */
const STOP_MS = 12_000

/** Starts a runner, or joins one that is starting, and returns when it is ready. */
export async function startInstance(options: {
  env: Env
  progress: (phase: string) => void
  idleMinutes?: number
  wanted?: boolean
}): Promise<Instance> {
  const dataDir = dataDirOf(options.env)
  await nameUnused(dataDir, options)
  let child: StartedRunner | undefined
  let starts = 0
  let phase = ''
  let deadline = Date.now() + SILENCE_MS
  for (;;) {
    const instance = readInstance(dataDir)
    if (instance?.ready) return instance
    if (instance && instance.phase !== phase) {
      phase = instance.phase
      deadline = Date.now() + SILENCE_MS
      options.progress(phase)
    }
    if (child?.exit && child.exit !== 'code 0') throw startFailure(dataDir, child)
    if (!instance && (!child || child.exit)) {
      // A runner that lost the race exits with 0; if the winner then died, try again.
      if (++starts > 3) throw startFailure(dataDir, child)
      child = spawnRunner(dataDir, options)
    }
    if (Date.now() > deadline) {
      throw new Error(
        `the local stack said nothing for 3 minutes after "${phase}"; see ${logFileOf(dataDir)}`,
      )
    }
    await sleep(POLL_MS)
  }
}

/**
 * DATABASE_URL is of another program, or of who set it for hai when hai read it: said where a database of our own would be
 * new, and to whoever asks for the stack, but not at each start.
 */
async function nameUnused(
  dataDir: string,
  { env, progress, wanted }: { env: Env; progress: (line: string) => void; wanted?: boolean },
): Promise<void> {
  if (!env.DATABASE_URL || env.HAI_DATABASE_URL) return
  const { clusterDirOf } = await import('../postgres/cluster.ts')
  if (wanted || !existsSync(clusterDirOf(dataDir)))
    progress('DATABASE_URL is set and not used; HAI_DATABASE_URL is what names a database of hai’s')
}

interface StartedRunner {
  exit?: string
}

function spawnRunner(dataDir: string, options: { env: Env; idleMinutes?: number }): StartedRunner {
  const log = openLog(dataDir)
  const idle = options.idleMinutes === undefined ? [] : [`--idle-minutes=${options.idleMinutes}`]
  const program = join(projectRoot(), 'build', 'runner.cjs')
  const child = spawn(process.execPath, [program, 'serve', `--data-dir=${dataDir}`, ...idle], {
    cwd: dataDir,
    detached: true,
    // it outlives the job that may have started it
    env: { ...options.env, [MARK]: undefined },
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const started: StartedRunner = {}
  child.once('error', (error) => {
    started.exit = error.message
  })
  child.once('exit', (code, name) => {
    started.exit = name ? `signal ${name}` : `code ${code}`
  })
  child.unref()
  return started
}

function openLog(dataDir: string): number {
  refuseSharedFolder(dataDir)
  const file = logFileOf(dataDir)
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT) renameSync(file, `${file}.1`)
    return openSync(file, 'a', 0o600)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new Error(
      `the data directory ${dataDir} is not writable (${reason}); free it or set HAI_DATA_DIR to another folder`,
      { cause: error },
    )
  }
}

function startFailure(dataDir: string, child: StartedRunner | undefined): Error {
  const record = readRecord(dataDir)
  const reason = record?.error ?? lastLine(logFileOf(dataDir)) ?? 'it gave no reason'
  const how = child?.exit ? ` (${child.exit})` : ''
  return new Error(`the local stack could not start${how}: ${reason}; see ${logFileOf(dataDir)}`)
}

function lastLine(file: string): string | undefined {
  return readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) || undefined
}

/** Stops runner, workers, what these started, and Postgres of the data directory, alive or orphaned. True when anything was stopped. */
export async function stopEverything(dataDir: string): Promise<boolean> {
  const record = readRecord(dataDir)
  const runners = processes().filter(({ pid }) => isOwnRunner(pid, dataDir, record))
  for (const { pid } of runners) signal(pid, 'SIGTERM')
  const graceful = await allGone(
    runners.map(({ pid }) => pid),
    STOP_MS,
  )
  if (!graceful) await killAll(runners.map(({ pid }) => pid))
  const workers = await endWorkers(dataDir)
  const { clusterDirOf } = await import('../postgres/cluster.ts')
  const { stopPostmaster } = await import('../postgres/postmaster.ts')
  const cluster = record?.cluster_dir || clusterDirOf(dataDir)
  const postgres = await stopPostmaster(cluster)
  for (const file of [recordFileOf(dataDir), keepFileOf(dataDir)]) rmSync(file, { force: true })
  return runners.length > 0 || workers > 0 || postgres
}

function isOwnRunner(pid: number, dataDir: string, record: Instance | undefined): boolean {
  if (!isRunner(pid, dataDir)) return false
  return pid === record?.pid || `${commandOf(pid)} `.includes(`--data-dir=${dataDir} `)
}

/** Ends the worker processes of the data directory and all that they started; returns how many there were. */
async function endWorkers(dataDir: string): Promise<number> {
  const workers = processes().filter(
    ({ command }) => command.includes('harness.ts') && `${command} `.includes(`--data-dir=${dataDir} `),
  )
  await killAll(workers.map(({ pid }) => pid))
  return workers.length + (await endMarked(ownerOf(dataDir))).length
}

async function killAll(pids: number[]): Promise<void> {
  for (const pid of pids) signal(pid, 'SIGKILL')
  if (!(await allGone(pids, 5_000))) {
    throw new Error(`processes ${pids.join(', ')} survive SIGKILL; end them by hand, then run hai down again`)
  }
}

async function allGone(pids: number[], milliseconds: number): Promise<boolean> {
  const deadline = Date.now() + milliseconds
  while (pids.some((pid) => commandOf(pid) !== undefined)) {
    if (Date.now() > deadline) return false
    await sleep(POLL_MS)
  }
  return true
}
