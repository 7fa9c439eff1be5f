import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { readText } from '../files.ts'
import { commandOf } from '../process/table.ts'
import type { EnvironmentMark } from './environment.ts'

/** What `<data_dir>/runner.json` says about the one local stack of a data directory. Its `database_url` is a secret. */
export interface Instance {
  pid: number
  started_at: string
  /** What it does now, as a person reads it: `starting PostgreSQL`, `migrating`, `ready`. */
  phase: string
  ready: boolean
  /** Why it could not start. */
  error?: string
  /** `http://127.0.0.1:<port>`, without `/api`; empty until it listens. */
  endpoint: string
  /** Where chat clients call, `http://127.0.0.1:<port>`; missing until it listens. */
  chat_endpoint?: string
  workspace: string
  token_file: string
  data_dir: string
  /** Empty when HAI_DATABASE_URL names a server that isn't ours. */
  cluster_dir: string
  database_url: string
  /** Where the operator's settings are read. */
  config_dir: string
  /** The names of the files that are read there, without their ending; missing until they have been read. */
  settings?: string[]
  /** What it was started in; missing until the settings have been read. */
  environment?: EnvironmentMark
  /** `chat` serves chat clients, since one has called. */
  pids: { runner: number; postgres: number | null; workers: number[]; chat?: number }
  /** Minutes without a call after which it stops by itself; 0 never. Missing in records of earlier releases. */
  idle_minutes?: number
  version: string
}

type Env = Record<string, string | undefined>

/** Where the local stack keeps everything: HAI_DATA_DIR, else `hai` below XDG_DATA_HOME or ~/.local/share. */
export function dataDirOf(env: Env): string {
  if (env.HAI_DATA_DIR) return resolve(env.HAI_DATA_DIR)
  const dataHome = env.XDG_DATA_HOME
  if (dataHome && isAbsolute(dataHome)) return join(dataHome, 'hai')
  return join(env.HOME || homedir(), '.local', 'share', 'hai')
}

/** Where the operator's own settings are: `hai` below XDG_CONFIG_HOME or ~/.config. */
export function settingsFolder(env: Env): string {
  const home = env.XDG_CONFIG_HOME
  if (home && isAbsolute(home)) return join(home, 'hai')
  return join(env.HOME || homedir(), '.config', 'hai')
}

export function recordFileOf(dataDir: string): string {
  return join(dataDir, 'runner.json')
}

/** While this file is there, the stack of the data directory does not stop for being idle. */
export function keepFileOf(dataDir: string): string {
  return join(dataDir, 'keep')
}

export const isKept = (dataDir: string): boolean => existsSync(keepFileOf(dataDir))

export function logFileOf(dataDir: string): string {
  return join(dataDir, 'logs', 'runner.log')
}

/** The instance whose runner is alive, ready or not; undefined when none is. */
export function readInstance(dataDir: string): Instance | undefined {
  const record = readRecord(dataDir)
  return record && isRunner(record.pid, dataDir) ? record : undefined
}

/** What runner.json says, be its runner alive or not; undefined when there is none or it isn't readable as such. */
export function readRecord(dataDir: string): Instance | undefined {
  const text = readText(recordFileOf(dataDir))
  if (text === undefined) return undefined
  try {
    const record = JSON.parse(text) as Instance | null
    return typeof record?.pid === 'number' ? record : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Whether the process is a runner of this data directory, and not another one that was given an old pid. */
export function isRunner(pid: number, dataDir: string): boolean {
  const command = commandOf(pid)
  if (!command || !/^\S*node\S* (\S.*\/)?runner\.cjs serve\b/.test(command)) return false
  return !command.includes('--data-dir=') || `${command} `.includes(`--data-dir=${dataDir} `)
}
