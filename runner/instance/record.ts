import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { linked, removeStale, writeAtomically } from '../files.ts'
import { tokenFileOf } from '../identity.ts'
import { projectVersion } from '../root.ts'
import { type Instance, isRunner, readInstance, recordFileOf, settingsFolder } from './file.ts'

/** This process's entry in `runner.json`, which tells everyone else where the stack is and what it does. */
export class InstanceRecord {
  #file: string
  #instance: Instance

  private constructor(instance: Instance) {
    this.#file = recordFileOf(instance.data_dir)
    this.#instance = instance
  }

  /** Makes this process the runner of the data directory; undefined when a live one is there. */
  static claim(dataDir: string, workspace: string, idleMinutes: number): InstanceRecord | undefined {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    const instance = { ...blankInstance(dataDir, workspace), idle_minutes: idleMinutes }
    const file = recordFileOf(dataDir)
    const own = `${file}.${process.pid}.claim`
    writeFileSync(own, render(instance), { mode: 0o600 })
    try {
      while (!linked(own, file)) {
        if (readInstance(dataDir) || !removeStale(file, (text) => isLive(text, dataDir))) return undefined
      }
    } finally {
      rmSync(own)
    }
    return new InstanceRecord(instance)
  }

  get instance(): Instance {
    return this.#instance
  }

  update(change: Partial<Instance>): void {
    this.#instance = { ...this.#instance, ...change }
    writeAtomically(this.#file, render(this.#instance))
  }

  /** Writes the entry again when someone removed it. */
  keep(): void {
    if (!existsSync(this.#file)) writeAtomically(this.#file, render(this.#instance))
  }

  remove(): void {
    rmSync(this.#file, { force: true })
  }
}

function blankInstance(dataDir: string, workspace: string): Instance {
  return {
    pid: process.pid,
    started_at: new Date().toISOString(),
    phase: 'starting',
    ready: false,
    endpoint: '',
    workspace,
    token_file: tokenFileOf(dataDir),
    data_dir: dataDir,
    cluster_dir: '',
    database_url: '',
    config_dir: settingsFolder(process.env),
    pids: { runner: process.pid, postgres: null, workers: [] },
    version: projectVersion(),
  }
}

function render(instance: Instance): string {
  return `${JSON.stringify(instance, null, 2)}\n`
}

function isLive(text: string, dataDir: string): boolean {
  const pid = Number(/"pid": (\d+)/.exec(text)?.[1])
  return pid > 0 && isRunner(pid, dataDir)
}
