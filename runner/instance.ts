import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  dataDirOf,
  type Instance,
  keepFileOf,
  logFileOf,
  readInstance,
  settingsFolder,
} from './instance/file.ts'

/** What the CLI asks of a stack without waiting for anything is read from its file. */
export { differencesFrom, emptyReferences, programOnlyHere } from './instance/environment.ts'
export { dataDirOf, type Instance, isKept, logFileOf, readInstance } from './instance/file.ts'
export { misnamedFiles, unknownFiles } from './instance/misnamed.ts'
export { endOwnAndAbandoned, endOwnNow, MARK, ownMark } from './process/mark.ts'

type Env = Record<string, string | undefined>

/** Where a local stack keeps what. */
export interface Folders {
  data_dir: string
  /** The database itself; null when it is on a server of somebody else's, or not made yet. */
  cluster_dir: string | null
  /** Copies of PostgreSQL's programs, where its own place can't be used; null when there are none. */
  programs_dir: string | null
  /** The operator's settings. */
  config_dir: string
  logs_dir: string
}

/** The folders of the local stack that runs, or that ran last. */
export async function foldersOf(env: Env): Promise<Folders> {
  const { clusterDirOf, programsDirOf } = await import('./postgres/cluster.ts')
  const data_dir = dataDirOf(env)
  const instance = readInstance(data_dir)
  const cluster = instance?.ready ? instance.cluster_dir : clusterDirOf(data_dir)
  return {
    data_dir,
    cluster_dir: cluster && existsSync(cluster) ? cluster : null,
    programs_dir: programsDirOf(data_dir) ?? null,
    config_dir: instance?.config_dir ?? settingsFolder(env),
    logs_dir: dirname(logFileOf(data_dir)),
  }
}

/** The ready instance of this environment's data directory; starts one when there is none. Callers may race. */
export async function ensureRunning(options: {
  env: Env
  progress: (phase: string) => void
  /** Stops by itself after so many minutes without a call; 0 never. 30 when not given. */
  idleMinutes?: number
  /** Somebody asked for the stack itself, and not for what needs it. */
  wanted?: boolean
}): Promise<Instance> {
  const running = readInstance(dataDirOf(options.env))
  if (running?.ready) return running
  const { startInstance } = await import('./instance/lifecycle.ts')
  return startInstance(options)
}

/** From now on the stack of this environment, be it up or not, doesn't stop for being idle, until `stopInstance`. */
export function keepInstance({ env }: { env: Env }): void {
  const dataDir = dataDirOf(env)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  writeFileSync(keepFileOf(dataDir), '')
}

/**
 * Stops the runner, its worker processes and its Postgres, also what a killed one left behind, and removes
 * runner.json. True when anything was running.
 */
export async function stopInstance(options: { env: Env }): Promise<boolean> {
  const { stopEverything } = await import('./instance/lifecycle.ts')
  return stopEverything(dataDirOf(options.env))
}
