import { withoutPasswords } from '../f/hai/core/base/text.ts'
import { EXIT, type Outcome } from './exit.ts'

/** An error that is the user's to act on: one line, the exit status, and what to do next. */
export class Failure extends Error {
  exit: number
  next: string | undefined
  code: string | undefined
  details: Record<string, unknown>

  constructor(
    outcome: Outcome | number,
    message: string,
    options: ErrorOptions & { next?: string; code?: string; details?: Record<string, unknown> } = {},
  ) {
    super(withoutPasswords(message), options)
    this.name = 'Failure'
    this.exit = typeof outcome === 'number' ? outcome : EXIT[outcome]
    this.next = options.next && withoutPasswords(options.next)
    this.code = options.code
    this.details = options.details ?? {}
  }
}
