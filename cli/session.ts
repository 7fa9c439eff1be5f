import pc from 'picocolors'
import { connect, profileOf } from './call/connection.ts'
import { answerRead, lookedNow, newsSince } from './call/looked.ts'
import type { Profile } from './call/profile.ts'
import { type Kind, type Recent, recall, remember, rememberList } from './call/recent.ts'
import { keepSuggestions } from './call/suggestions.ts'
import { zoned } from './call/time-zone.ts'
import type { Webhook } from './call/webhook.ts'
import { EXIT, Failure, isInterruption } from './failure.ts'
import type { Io, Output } from './io.ts'
import { type Doing, SignOfLife } from './show/sign-of-life.ts'
import { oneLine } from './show/width.ts'

type Colors = ReturnType<typeof pc.createColors>
type Env = Record<string, string | undefined>

/** Whoever writes a text to stdout piece by piece, and may be in the middle of a line. */
export interface OpenText {
  /** Ends its line where something else is to be written below it. */
  makeRoom(): void
  /** The column in which its line ends on the screen; 0 when it has ended, undefined when that is not known. */
  column(): number | undefined
}

/** One run of `hai`: its streams, its profile, and the connection, made when a command first needs it. */
export class Session {
  readonly io: Io
  #paint: Colors | undefined
  #paintErr: Colors | undefined
  /** The exit status that the command chose. */
  exit = 0
  /** What `--profile` said. */
  profileFlag: string | undefined
  /** Nothing is to be shown but the result and what it is not to be read without. */
  quiet = false
  /** What is being written to stdout. */
  openText: OpenText | undefined
  #signOfLife: SignOfLife | undefined
  #profile: Promise<Profile> | undefined
  #webhook: Promise<Webhook> | undefined

  constructor(io: Io) {
    this.io = io
  }

  /** Colours for stdout; they do nothing where no terminal is. */
  get paint(): Colors {
    this.#paint ??= pc.createColors(coloured(this.io.stdout, this.io.env))
    return this.#paint
  }

  /** Colours for stderr. */
  get paintErr(): Colors {
    this.#paintErr ??= pc.createColors(coloured(this.io.stderr, this.io.env))
    return this.#paintErr
  }

  /** The terminal's width; undefined when stdout is none, and text goes out whole. */
  get columns(): number | undefined {
    return this.io.stdout.isTTY ? (this.io.stdout.columns ?? 80) : undefined
  }

  /** Tells on stderr what is waited for, when that takes a while. */
  get signOfLife(): SignOfLife {
    const { stderr, env } = this.io
    const wipes = stderr.isTTY && env.TERM !== 'dumb'
    this.#signOfLife ??= new SignOfLife({
      columns: wipes ? (stderr.columns ?? 80) : undefined,
      paint: (text) => this.paintErr.dim(text),
      write: (text) => stderr.write(text),
      note: (line) => this.note(line),
      column: () => (this.io.stdout.isTTY && this.openText ? this.openText.column() : 0),
    })
    return this.#signOfLife
  }

  /** What is waited for from now on; nothing is said where all is to be quiet. */
  waitsFor(doing: Doing): void {
    if (!this.quiet) this.signOfLife.tell(doing)
  }

  /** Nothing is waited for any more. */
  waited(): void {
    this.#signOfLife?.stop()
  }

  /** Takes what is only for now from the screen: something is shown. */
  shows(): void {
    this.#signOfLife?.heard()
  }

  /** Writes to stderr on a line of its own. */
  #say(text: string): void {
    this.shows()
    this.openText?.makeRoom()
    this.io.stderr.write(text)
  }

  /** Writes lines of the result to stdout. */
  print(...lines: string[]): void {
    this.shows()
    for (const line of lines) this.io.stdout.write(`${line}\n`)
  }

  /** Writes the webhook's result to stdout, exactly as it came. */
  printJson(result: unknown): void {
    this.print(JSON.stringify(result, null, 2))
  }

  /** Writes a remark to stderr: progress, a step, a hint. Never part of the result. */
  note(line: string): void {
    this.#say(`${this.paintErr.dim(oneLine(line))}\n`)
  }

  /** Writes what must be seen to stderr, also where steps are hidden. */
  warn(line: string): void {
    this.#say(`${this.paintErr.yellow('!')} ${oneLine(line)}\n`)
  }

  /**
   * Says on stderr what went wrong, in one line and with the next step, and returns the exit status. Only a bug, which
   * is everything but a Failure, may show its stack, and only with HAI_DEBUG=1.
   */
  report(error: unknown): number {
    this.waited()
    const { stderr, env } = this.io
    const known = error instanceof Failure
    const message = error instanceof Error ? error.message || error.name : String(error)
    const next = known ? error.next : 'this is a bug; HAI_DEBUG=1 shows where'
    const name = known && isInterruption(error.exit) ? 'hai:' : this.paintErr.red('hai:')
    this.#say(`${name} ${oneLine(message)}\n`)
    if (next) stderr.write(`${this.paintErr.dim('→')} ${oneLine(next)}\n`)
    const exit = known ? error.exit : EXIT.bug
    if (exit === EXIT.bug && env.HAI_DEBUG === '1' && error instanceof Error) stderr.write(`${error.stack}\n`)
    return exit
  }

  profile(): Promise<Profile> {
    this.#profile ??= profileOf(this.io, this.profileFlag)
    return this.#profile
  }

  /** The connection to the chosen profile; names the profile when it isn't the one in use. */
  webhook(): Promise<Webhook> {
    const since = Date.now()
    this.#webhook ??= this.profile().then((profile) => {
      if (!profile.local && !profile.usual) this.note(`profile ${profile.name}`)
      return connect(this.io, profile, {
        note: (line) => this.note(line),
        progress: (phase) => this.waitsFor({ label: `starting the local stack: ${phase}`, since }),
      }).finally(() => this.waited())
    })
    return this.#webhook
  }

  /** Runs a door of the chosen profile. */
  async call<T>(path: string, args: object, options: { once?: boolean } = {}): Promise<T> {
    const result = await (await this.webhook()).call<T>(path, zoned(path, args, this.io.env), options)
    await this.saw(path, args, result)
    return result
  }

  /** Keeps what an answer shows for the shell's completion. */
  async saw(path: string, args: object, result: unknown): Promise<void> {
    keepSuggestions(this.io.env, (await this.profile()).name, { path, args, result })
  }

  /** The id meant on the command line: `@` and `@2` are recent tasks, a number is a row of the list last shown. */
  async taskId(text: string): Promise<string> {
    return (await this.recent('task', text))?.id ?? text
  }

  /** The same of todos. */
  async todoId(text: string): Promise<string> {
    return (await this.recent('todo', text))?.id ?? text
  }

  /** The recent task, or todo, meant by `@`, `@2` or the number of a row; undefined for an id. */
  async recent(kind: Kind, text: string): Promise<Recent | undefined> {
    return recall(this.io.env, (await this.profile()).name, kind, text)
  }

  /** Makes a task `@`. Its being forgotten is no reason to fail what was asked, only to say so. */
  async touch(task: Recent): Promise<void> {
    await this.#keep('@ does not know this task', (profile) =>
      remember(this.io.env, profile, 'task', [recentOf(task)]),
    )
  }

  /** Makes the first of these todos `@`, and those after it `@2` and so on. */
  async touchTodos(todos: Recent[]): Promise<void> {
    if (todos.length === 0) return
    await this.#keep('@ does not know this todo', (profile) =>
      remember(this.io.env, profile, 'todo', todos.map(recentOf)),
    )
  }

  /** Keeps what a list on a terminal has just shown, whose rows are named by their numbers from now on. */
  async listed(kind: Kind, rows: Recent[]): Promise<void> {
    if (this.columns === undefined) return
    await this.#keep('the numbers of these rows are not known', (profile) =>
      rememberList(this.io.env, profile, kind, rows.map(recentOf)),
    )
  }

  /** Takes down that a person has read a task's answer here: it is no news then. */
  async answerRead(id: string): Promise<void> {
    if (this.columns === undefined) return
    await this.#keep('this answer will be told as news', (profile) => answerRead(this.io.env, profile, id))
  }

  /** What was seen from here before, for `home` to leave out. */
  async newsSince(): Promise<{ looked_at?: string; read: string[] }> {
    return newsSince(this.io.env, (await this.profile()).name)
  }

  /** Takes down that a person has looked at what was there at this time. */
  async lookedNow(as_of: string): Promise<void> {
    await this.#keep('the same will be told as news again', (profile) =>
      lookedNow(this.io.env, profile, as_of),
    )
  }

  async #keep(otherwise: string, work: (profile: string) => void): Promise<void> {
    try {
      work((await this.profile()).name)
    } catch (error) {
      this.note(`${otherwise}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  async close(): Promise<void> {
    this.waited()
    const webhook = await this.#webhook?.catch(() => undefined)
    webhook?.close()
  }

  /** A command's action: its return value is the exit status, nothing is 0. */
  run<A extends unknown[]>(
    action: (...args: A) => Promise<number | undefined>,
  ): (...args: A) => Promise<void> {
    return async (...args) => {
      this.exit = (await action(...args)) ?? 0
    }
  }

  /** Whether a person can be asked something. */
  async onTerminal(): Promise<boolean> {
    return Boolean(this.io.stderr.isTTY) && (await this.io.stdinKind()) === 'terminal'
  }

  /** Refuses what needs a person at a terminal when there is none. */
  async requireTerminal(message: string, next: string): Promise<void> {
    if (!(await this.onTerminal())) throw new Failure('usage', message, { next })
  }
}

const recentOf = ({ id, conversation_id }: Recent): Recent =>
  conversation_id === undefined ? { id } : { id, conversation_id }

function coloured(stream: Output, env: Env): boolean {
  return Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== 'dumb'
}
