import { type Ran, spawnHai, until } from '../cli/run-hai.ts'

/** A `hai worker run` of its own process. */
export interface RunningWorker {
  pid: number
  /** All that it has said so far. */
  said(): string
  kill(signal: NodeJS.Signals): void
  /** Nobody reads any more what it says. */
  deafen(): void
  ended: Promise<Ran>
}

/** Starts a worker and waits until the server has let it claim. */
export async function startWorker(env: Record<string, string>, words: string[]): Promise<RunningWorker> {
  const { child, ran, ended } = spawnHai(['worker', 'run', ...words], { env })
  const worker = {
    pid: child.pid!,
    said: () => ran.stderr,
    kill: (signal: NodeJS.Signals) => void child.kill(signal),
    deafen: () => void child.stderr?.destroy(),
    ended,
  }
  try {
    await until(() => ran.stderr.includes(' serves ') || child.exitCode !== null, 'the worker serves')
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  if (child.exitCode !== null) throw new Error(`the worker ended with ${child.exitCode}: ${ran.stderr}`)
  return worker
}
