import { type FakeIo, type Ran, runHai, until } from './run-hai.ts'

/** A command line under way. */
export interface Running {
  io: FakeIo
  ended: Promise<Ran>
  /** Resolves when stdout is just that. */
  shows(text: string): Promise<void>
}

/** Starts one command line in this process. */
export function startHai(
  argv: string[],
  world: { env: Record<string, string>; columns?: number; attended?: boolean; merged?: boolean },
): Running {
  const started: { io?: FakeIo } = {}
  const ended = runHai(argv, { ...world, onIo: (io) => Object.assign(started, { io }) })
  const io = started.io
  if (!io) throw new Error('runHai gave no io')
  return {
    io,
    ended,
    shows: (text) =>
      until(() => io.stdout.text === text, `stdout ${JSON.stringify(text)}`).catch((error) => {
        throw new Error(`${error.message}, but ${JSON.stringify(io.stdout.text)}`)
      }),
  }
}
