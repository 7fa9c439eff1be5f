import type { Code } from '../f/hai/core/base/errors.ts'
import { withoutPasswords } from '../f/hai/core/base/text.ts'
import type { State } from '../f/hai/core/task/shape.ts'

/** Every exit status, in one place: `hai --help` prints this table. */
export const EXIT_TABLE = [
  ['done', 0, 'done'],
  ['bug', 1, 'a bug in hai, or its output could not be written'],
  ['usage', 2, 'usage, or input that was refused'],
  ['notFound', 3, 'not found'],
  ['denied', 4, 'not allowed'],
  ['unreachable', 5, 'the server cannot be reached, or is too busy'],
  ['dead', 6, 'the task failed for good'],
  ['ended', 7, 'the task was cancelled, has expired or was rejected'],
  ['approval', 8, 'the task waits for approval'],
  ['conflict', 9, 'conflict'],
  ['budget', 10, 'refused for its cost: a cap is reached, or no price is known'],
  ['findings', 11, 'hai doctor or gitops status found something to mend'],
  ['timeout', 124, 'gave up waiting; the task goes on'],
  ['hungUp', 129, 'the terminal was closed; the task goes on'],
  ['interrupted', 130, 'interrupted; the task goes on'],
  ['terminated', 143, 'told to end by SIGTERM; the task goes on'],
] as const

export type Outcome = (typeof EXIT_TABLE)[number][0]

export const EXIT = Object.fromEntries(EXIT_TABLE.map(([name, status]) => [name, status])) as Record<
  Outcome,
  number
>

/** How a command is asked to end: Ctrl-C, by a program such as `timeout` or systemd, by a terminal that was closed. */
export const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export type Interrupt = (typeof INTERRUPTS)[number]

const OF_SIGNAL: Record<Interrupt, Outcome> = {
  SIGHUP: 'hungUp',
  SIGINT: 'interrupted',
  SIGTERM: 'terminated',
}

/** How a command that was asked to end does so, as a shell tells it. */
export const outcomeOf = (signal: Interrupt): Outcome => OF_SIGNAL[signal]

/** Whether it was the caller who had enough, and not the task that ended. */
export const isInterruption = (exit: number): boolean =>
  Object.values(OF_SIGNAL).some((outcome) => EXIT[outcome] === exit)

const OF_CODE: Record<Code, Outcome> = {
  invalid: 'usage',
  unauthorized: 'denied',
  forbidden: 'denied',
  not_found: 'notFound',
  conflict: 'conflict',
  gone: 'notFound',
  budget: 'budget',
  unavailable: 'unreachable',
}

/** The exit status for an error code of the contract; a code this version does not know is a bug. */
export function exitOfCode(code: string): number {
  return EXIT[OF_CODE[code as Code] ?? 'bug']
}

const OF_STATE: Record<State, Outcome> = {
  pending: 'timeout',
  running: 'timeout',
  awaiting_approval: 'approval',
  done: 'done',
  dead: 'dead',
  cancelled: 'ended',
  expired: 'ended',
  rejected: 'ended',
}

/** The exit status for the state in which a task was last seen. A task that died because of a cap or a missing price ends as a call that is refused for the same. */
export function exitOfState(state: State, code?: string): number {
  return EXIT[state === 'dead' && code === 'budget' ? 'budget' : OF_STATE[state]]
}

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
