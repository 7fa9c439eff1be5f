import type { Accepted, State, TaskEvent, TaskResult, WaitingOn } from '../../f/hai/core/task/shape.ts'
import type { Recent } from '../call/recent.ts'
import { EXIT, exitOfCode, exitOfState, Failure, type Interrupt, outcomeOf } from '../failure.ts'
import type { Session } from '../session.ts'
import { environmentNotes } from '../settings/local.ts'
import { prepareMarkdown } from '../show/markdown.ts'
import { eventText, waitingText } from '../show/task.ts'
import { shortId } from '../show/words.ts'
import { STANDING } from './follow.ts'
import { followLive } from './live.ts'
import { AnswerPrinter } from './printer.ts'
import { isTrouble, Progress } from './progress.ts'
import { Receipt } from './receipt.ts'

/** Events after which the text that is being written does not go on, at least for a while. */
const BREAKS = ['claimed', 'retry', 'released', 'rescued']

/** What goes as it should, and only who looks closely wants to see. */
const ROUTINE = ['accepted', 'claimed', 'route', 'step', 'loading', 'step_done']

/** What an answer is not to be read without: it is told whatever is hidden. */
const NOTICES = ['notice', 'cut']

/** What another environment of the stack may be the reason of. */
const UNREACHED = new Set(['no_route', 'unreachable', 'missing', 'invalid', 'certificate'])

export interface WaitOptions {
  /** Shows no more than the answer and what it is not to be read without. */
  quiet?: boolean
  /** Shows each step. */
  verbose?: boolean
  json?: boolean
  /** Seconds. */
  timeout?: number
  /** What the inbox said of it just now. */
  accepted?: Accepted
  /** The last event of a task that has ended which need not be told. */
  after?: number
}

/**
 * Waits for a task: its answer to stdout, under it on stderr who gave it and what it took, and meanwhile what it waits
 * for. Ends with a Failure whose exit status tells how, unless it is done; then with that of `printResult`. Ctrl-C, a
 * signal to end and `timeout` end the waiting, never the task.
 */
export async function waitFor(
  session: Session,
  id: string,
  options: WaitOptions,
): Promise<number | undefined> {
  session.quiet = options.quiet ?? false
  const [webhook] = await Promise.all([session.webhook(), options.json || prepareMarkdown(session)])
  const stop = new AbortController()
  const { signal } = stop
  const printer = new AnswerPrinter(session)
  const teller = new Teller(session, printer, options)
  const ended = followLive(webhook, {
    id,
    accepted: options.accepted,
    after: options.after,
    signal,
    onStep: (event) => teller.step(event),
    onNote: (line) => session.note(line),
    onWaiting: (waiting) => teller.waiting(waiting),
    onText: options.json ? undefined : (text) => teller.text(text),
  })
  try {
    const first = await Promise.race([
      ended.then((result) => ({ result })),
      interruption(session, signal),
      timeUp(options.timeout, signal),
    ]).finally(() => stop.abort())
    session.waited()
    if (typeof first === 'object') {
      const exit = await printResult(session, id, options.json ? 'json' : printer, first.result)
      if (!options.json) teller.receipt(id)
      return exit
    }
    if (first === 'timeout' && options.json) {
      session.printJson(await session.call<TaskResult>('task/result', { id }))
    }
    throw leftRunning(first, id, options.timeout)
  } finally {
    session.waited()
    printer.stop()
  }
}

/** Tells who waits for a task of it: as little as will do. */
class Teller {
  #session: Session
  #printer: AnswerPrinter
  #quiet: boolean
  #step: (event: TaskEvent) => void
  #progress = new Progress()
  #receipt = new Receipt()
  #writes = false
  #troubles = new Set<string>()

  constructor(session: Session, printer: AnswerPrinter, { quiet = false, verbose = false }: WaitOptions) {
    this.#session = session
    this.#printer = printer
    this.#quiet = quiet
    this.#step = stepPrinter(session, printer, (type) =>
      quiet ? NOTICES.includes(type) : verbose || !ROUTINE.includes(type),
    )
    session.waitsFor({ label: 'waiting for a worker', since: Date.now() })
  }

  step(event: TaskEvent): void {
    this.#receipt.tell(event)
    const doing = this.#progress.tell(event)
    if (doing) {
      this.#writes = false
      this.#session.waitsFor(doing)
    }
    this.#step(event)
  }

  text(text: string): void {
    if (!this.#writes) this.#session.waitsFor(this.#progress.writes())
    this.#writes = true
    this.#printer.grow(text)
  }

  /** What passes by itself is shown while it lasts; what does not, once. */
  waiting(waiting: WaitingOn): void {
    this.#session.waitsFor(this.#progress.waits(waiting))
    const name = `${waiting.code} ${waiting.next_step}`
    if (!isTrouble(waiting) || this.#troubles.has(name)) return
    this.#troubles.add(name)
    this.#session.note(waitingText(waiting))
  }

  receipt(id: string): void {
    const line = this.#receipt.line(id)
    if (line && !this.#quiet) this.#session.note(line)
  }
}

/** What a person reads of each way. */
const ENDED: Record<Interrupt, string> = {
  SIGINT: 'interrupted',
  SIGTERM: 'told to end',
  SIGHUP: 'the terminal was closed',
}

function leftRunning(why: 'timeout' | Interrupt, id: string, seconds: number | undefined): Failure {
  const how = why === 'timeout' ? `gave up waiting after ${seconds} s` : ENDED[why]
  const name = shortId(id)
  return new Failure(why === 'timeout' ? why : outcomeOf(why), `${how}; task ${name} goes on`, {
    next: `to pick it up: hai task tail ${name}; to end it: hai task cancel ${name}`,
  })
}

/** Prints each event that `shows`; one that ends the task only when another follows, as the answer tells how it ended. */
function stepPrinter(
  session: Session,
  printer: AnswerPrinter,
  shows: (type: string) => boolean,
): (event: TaskEvent) => void {
  let ending: TaskEvent | undefined
  const print = (event: TaskEvent) => {
    if (!shows(event.type)) return
    const text = eventText(event)
    if (BREAKS.includes(event.type)) session.note(text)
    else printer.step(text)
  }
  const tries = new Tries(print)
  return (event) => {
    if (ending) print(ending)
    ending = STANDING.includes(event.type as State) ? event : undefined
    if (!ending) tries.tell(event)
  }
}

/** What each try begins with. */
const BEGINNINGS = ['claimed', 'route', 'loading', 'step']

/** Tells the tries of a task that is put off: one that comes to the same as the one before it is no news. */
class Tries {
  #print: (event: TaskEvent) => void
  /** Why it was put off last. */
  #reason: string | undefined
  /** How the try at hand began. */
  #begun: TaskEvent[] = []

  constructor(print: (event: TaskEvent) => void) {
    this.#print = print
  }

  tell(event: TaskEvent): void {
    if (this.#reason !== undefined && BEGINNINGS.includes(event.type)) {
      this.#begun.push(event)
      return
    }
    const [, reason] = /^put off: (.*); next try in /s.exec(event.type === 'retry' ? event.text : '') ?? []
    const begun = this.#begun.splice(0)
    if (reason !== undefined && reason === this.#reason) return
    this.#reason = reason
    // an answer is there already, and how it began comes too late
    if (event.type !== 'step_done') for (const one of begun) this.#print(one)
    this.#print(event)
  }
}

function interruption(session: Session, signal: AbortSignal): Promise<Interrupt> {
  return new Promise((resolve) => {
    const off = session.io.onInterrupt(resolve)
    signal.addEventListener('abort', off)
  })
}

function timeUp(seconds: number | undefined, signal: AbortSignal): Promise<'timeout'> {
  return new Promise((resolve) => {
    if (seconds === undefined) return
    const timer = setTimeout(() => resolve('timeout'), seconds * 1000)
    signal.addEventListener('abort', () => clearTimeout(timer))
  })
}

/**
 * Prints a task's answer, or what is left of it, which is asked for unless it is `known`; the exit status of an answer
 * that tells why nothing was changed. A task that is not done is a Failure: what became of it, and the next step.
 */
export async function printResult(
  session: Session,
  id: string,
  how: 'json' | AnswerPrinter,
  known?: TaskResult,
): Promise<number | undefined> {
  const task = known ?? (await session.call<TaskResult>('task/result', { id }))
  await session.touch({ id: task.id })
  await session.touchTodos(todoOf(task.result))
  if (task.state === 'done') await session.answerRead(task.id)
  if (how !== 'json') await prepareMarkdown(session)
  if (how === 'json') session.printJson(task)
  else if (task.output) how.finish(task.output.replace(/\n+$/, ''))
  else if (task.result === undefined || task.result === null) how.partial(task.partial)
  else how.data(JSON.stringify(task.result, null, 2))
  if (task.refused) return exitOfCode(task.refused)
  const exit = exitOfState(task.state, task.error?.code)
  if (exit === EXIT.done) return undefined
  if (UNREACHED.has(task.error?.code ?? ''))
    for (const line of await environmentNotes(session)) session.warn(line)
  throw new Failure(exit, sentence(task), { next: task.error?.next_step ?? nextOf(task) })
}

/** The one todo that hai put down, changed or showed for what was asked. */
function todoOf(result: unknown): Recent[] {
  const { id, body, created_by } = (result ?? {}) as Record<string, unknown>
  return typeof id === 'string' && typeof body === 'string' && typeof created_by === 'string' ? [{ id }] : []
}

function sentence(task: TaskResult): string {
  const name = `task ${shortId(task.id)}`
  if (task.state === 'dead') return task.error?.message ?? `${name} failed for good`
  if (task.state === 'awaiting_approval') return `${name} waits for approval`
  if (task.state === 'pending' || task.state === 'running')
    return `${name} is not finished: it is ${task.state}`
  const how = task.state === 'expired' ? `${name} has expired` : `${name} was ${task.state}`
  return task.error ? `${how}: ${task.error.message}` : how
}

function nextOf(task: TaskResult): string {
  const id = shortId(task.id)
  if (task.state === 'awaiting_approval') return `hai task show ${id}`
  if (task.state === 'pending' || task.state === 'running') return `hai task tail ${id}`
  return `hai task retry ${id}`
}
