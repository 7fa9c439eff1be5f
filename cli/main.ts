import { type Io, processIo } from './io.ts'
import { runProgram } from './program.ts'

/** Runs one command line and resolves with its exit status; everything it says goes through `io`. */
export async function main(argv: string[], io: Io): Promise<number> {
  return runProgram(argv, io)
}

/** The program itself: `main` over this process, ended as soon as its last word is out. */
export async function run(): Promise<void> {
  const io = processIo()
  const status = await main(process.argv.slice(2), io)
  await io.flush()
  process.exit(status)
}
