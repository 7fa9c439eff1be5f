import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readInstance } from '../../runner/instance.ts'
import type { CannedServer } from './canned-server.ts'
import { until } from './run-hai.ts'

export interface LocalStack {
  dataDir: string
  pid: number | undefined
  /** What HAI_* must be for a CLI to take it for the stack of this machine. */
  env: Record<string, string>
  stop(): void
}

/** A process that looks like a runner, and its record, which leads to the canned server. */
export async function aLocalStack(home: string, server: CannedServer): Promise<LocalStack> {
  const dataDir = join(home, 'data')
  mkdirSync(dataDir)
  const program = join(home, 'runner.cjs')
  writeFileSync(program, 'setInterval(() => {}, 1000)')
  const runner = spawn(process.execPath, [program, 'serve', `--data-dir=${dataDir}`], { stdio: 'ignore' })
  writeFileSync(join(dataDir, 'token'), server.token, { mode: 0o600 })
  const record = {
    pid: runner.pid,
    started_at: new Date().toISOString(),
    phase: 'ready',
    ready: true,
    endpoint: server.endpoint,
    workspace: server.workspace,
    token_file: join(dataDir, 'token'),
    data_dir: dataDir,
    cluster_dir: '',
    database_url: 'postgresql://hai:secret@127.0.0.1:5433/hai',
    pids: { runner: runner.pid, postgres: null, workers: [7, 8] },
    version: '0.1.0',
  }
  writeFileSync(join(dataDir, 'runner.json'), JSON.stringify(record))
  await until(() => readInstance(dataDir) !== undefined, 'the process')
  return { dataDir, pid: runner.pid, env: { HAI_DATA_DIR: dataDir }, stop: () => runner.kill('SIGKILL') }
}
