import { dataDirOf, type Instance, readInstance } from './instance-file.ts'

/** What the CLI asks of a stack without waiting for anything is read from its file. */
export { dataDirOf, type Instance, logFileOf, readInstance } from './instance-file.ts'

type Env = Record<string, string | undefined>

/** The ready instance of this environment's data directory; starts one when there is none. Callers may race. */
export async function ensureRunning(options: {
  env: Env
  progress: (phase: string) => void
  /** Stops by itself after so many minutes without a call; 0 never. 30 when not given. */
  idleMinutes?: number
}): Promise<Instance> {
  const running = readInstance(dataDirOf(options.env))
  if (running?.ready) return running
  const { startInstance } = await import('./lifecycle.ts')
  return startInstance(options)
}

/**
 * Stops the runner, its worker processes and its Postgres, also what a killed one left behind, and removes
 * runner.json. True when anything was running.
 */
export async function stopInstance(options: { env: Env }): Promise<boolean> {
  const { stopEverything } = await import('./lifecycle.ts')
  return stopEverything(dataDirOf(options.env))
}
