import { EXIT, isInterruption } from './exit.ts'
import { Failure } from './failure.ts'
import type { Session } from './session.ts'
import { oneLine } from './show/width.ts'

/**
 * Says on stderr what went wrong, in one line and with the next step, and returns the exit status. Only a bug, which
 * is everything but a Failure, may show its stack, and only with HAI_DEBUG=1.
 */
export function report(session: Session, error: unknown): number {
  const { io, paintErr } = session
  const known = error instanceof Failure
  const message = error instanceof Error ? error.message || error.name : String(error)
  const next = known ? error.next : 'this is a bug; HAI_DEBUG=1 shows where'
  const name = known && isInterruption(error.exit) ? 'hai:' : paintErr.red('hai:')
  io.stderr.write(`${name} ${oneLine(message)}\n`)
  if (next) io.stderr.write(`${paintErr.dim('→')} ${oneLine(next)}\n`)
  const exit = known ? error.exit : EXIT.bug
  if (exit === EXIT.bug && io.env.HAI_DEBUG === '1' && error instanceof Error)
    io.stderr.write(`${error.stack}\n`)
  return exit
}
