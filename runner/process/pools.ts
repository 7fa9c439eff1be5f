import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Bundle } from '../items/bundle.ts'
import { bunBinary, projectRoot } from '../root.ts'
import { workerEnvironment } from './environment.ts'
import { Pool, type PoolOptions } from './pool.ts'
import { WorkerProcess } from './process.ts'

export interface Pools {
  doors: Pool
  work: Pool
}

/** What a person waits for. A process loads these at once, so that not even the first call has to. */
const PRELOADED = {
  doors: ['f/hai/inbox', 'f/hai/task/events', 'f/hai/home', 'f/hai/todo/list'],
  work: ['f/hai/worker/run'],
}

/** Doors answer people and never wait; work may block for minutes. Neither ever takes a process from the other. */
export function createPools(options: {
  env: NodeJS.ProcessEnv
  dataDir: string
  bundle: Bundle
  /** No process is used twice, and none is ahead of its job. */
  cold: boolean
  changed: () => void
  log: (line: string) => void
}): Pools {
  const { env, dataDir, bundle, cold, changed, log } = options
  const cwd = join(dataDir, 'scratch')
  mkdirSync(cwd, { recursive: true, mode: 0o700 })
  const start = {
    bun: bunBinary(),
    harness: join(projectRoot(), 'runner', 'process', 'harness.ts'),
    dataDir,
    cwd,
    env: workerEnvironment(env),
  }
  const pool = (name: string, preload: string[], size: Limits) => {
    return new Pool({
      name,
      ...size,
      spawn: () => new WorkerProcess({ ...start, preload, name: randomUUID() }),
      stamp: () => bundle.stamp(),
      changed,
      log,
    })
  }
  const files = (paths: string[]) => {
    return cold ? [] : paths.map((path) => join(bundle.root, `${path}.ts`)).filter((file) => existsSync(file))
  }
  return {
    doors: pool('doors', files(PRELOADED.doors), {
      ...limits(2, 4, number(env, 'HAI_DOOR_PROCESSES', 4)),
      ...{ reserved: 0, patience: 0 },
    }),
    // jobs that wait for tasks are never so many that those which do them, or look after them, have no place
    work: pool('work', files(PRELOADED.work), {
      ...limits(1, 4, number(env, 'HAI_WORK_PROCESSES', 8)),
      ...{ reserved: 2, patience: WORK_PATIENCE_MS },
    }),
  }
}

/** As MAX_WAIT_FOR_SIGINT of the worker group for work, which the manifests set: a task at hand is given back. */
const WORK_PATIENCE_MS = 10_000

type Limits = Pick<PoolOptions, 'min' | 'keep' | 'max' | 'reserved' | 'patience'>

function limits(min: number, keep: number, max: number): Pick<Limits, 'min' | 'keep' | 'max'> {
  return { min: Math.min(min, max), keep: Math.min(keep, max), max }
}

function number(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const text = env[name]
  if (!text) return fallback
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 64) return value
  throw new Error(`${name} is "${text}"; expected a whole number of processes from 1 to 64`)
}
