import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, writeSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { EXIT, INTERRUPTS, type Interrupt } from './failure.ts'

/** A stream that may be a terminal, as process.stdout is. */
export type Output = Writable & { isTTY?: boolean; columns?: number }

/** `none` is /dev/null, or closed. */
export type StdinKind = 'terminal' | 'pipe' | 'socket' | 'file' | 'none'

/** Everything the CLI takes from its process, so that tests can run it without one. */
export interface Io {
  stdout: Output
  stderr: Output
  stdin: Readable
  /** Whether stdout and stderr are one place: a terminal, or a file or pipe that both go into. */
  readonly merged: boolean
  /** Known without opening stdin, which costs milliseconds. */
  stdinKind(): Promise<StdinKind>
  /** Whether something lies in stdin that was piped to this very process. What it takes from there is lost. */
  isFed(): boolean
  env: Record<string, string | undefined>
  cwd: string
  /** Calls `handler` at the first Ctrl-C, or other request to end, from now on; the returned function takes it back. */
  onInterrupt(handler: (signal: Interrupt) => void): () => void
}

/** The real process. A reader that went away (`hai task ls | head`) ends it quietly. */
export function processIo(): Io & { flush(): Promise<void> } {
  const opened = new Map<'stdout' | 'stderr', Output>()
  // Each of them costs milliseconds to open, so it is opened when it is first used.
  const open = (name: 'stdout' | 'stderr'): Output => {
    const stream = opened.get(name) ?? process[name].on('error', name === 'stdout' ? leave : goOn)
    opened.set(name, stream)
    return stream
  }
  return {
    get stdout() {
      return open('stdout')
    },
    get stderr() {
      return open('stderr')
    },
    get stdin() {
      return process.stdin
    },
    get merged() {
      return isOnePlace()
    },
    stdinKind,
    isFed,
    env: process.env,
    cwd: process.cwd(),
    onInterrupt(handler) {
      for (const signal of INTERRUPTS) process.once(signal, handler)
      return () => {
        for (const signal of INTERRUPTS) process.off(signal, handler)
      }
    },
    async flush() {
      await Promise.all([...opened.values()].map(flushed))
    },
  }
}

function isOnePlace(): boolean {
  try {
    const [out, err] = [fstatSync(1), fstatSync(2)]
    return out.dev === err.dev && out.ino === err.ino
  } catch (error) {
    // one of them is closed
    if ((error as NodeJS.ErrnoException).code === 'EBADF') return false
    throw error
  }
}

/** A reader may go away when it has enough; whatever else is wrong is told where it still can be. */
function leave(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0)
  // the terminal was closed
  if (error.code === 'EIO') process.exit(EXIT.hungUp)
  const why = error.code === 'ENOSPC' ? 'no space left on device' : error.message
  try {
    writeSync(2, `hai: cannot write: ${why}\n`)
  } catch {
    // nothing can be written there either: the exit code alone tells
  }
  process.exit(1)
}

/** Remarks that can't be written are no reason to withhold the result and how it ended. */
function goOn(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE' || error.code === 'EIO') leave(error)
}

async function stdinKind(): Promise<StdinKind> {
  const { isatty } = await import('node:tty')
  if (isatty(0)) return 'terminal'
  try {
    const stdin = fstatSync(0)
    return stdin.isFIFO() ? 'pipe' : stdin.isSocket() ? 'socket' : stdin.isFile() ? 'file' : 'none'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBADF') return 'none'
    throw error
  }
}

const PEEKED = 4096

/**
 * A loop's file and a script that is read from stdin are the shell's own, which has it too; only what is another's than
 * the parent's was meant for this process. Where that can't be known (without /proc) nothing was.
 */
function isFed(): boolean {
  try {
    const stdin = fstatSync(0)
    if (!stdin.isFIFO() && !stdin.isFile()) return false
    if (readlinkSync('/proc/self/fd/0') === readlinkSync(`/proc/${process.ppid}/fd/0`)) return false
    const again = openSync('/proc/self/fd/0', constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const bytes = Buffer.alloc(PEEKED)
      return bytes.subarray(0, readSync(again, bytes)).toString().trim() !== ''
    } finally {
      closeSync(again)
    }
  } catch {
    return false
  }
}

function flushed(stream: Output): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}
