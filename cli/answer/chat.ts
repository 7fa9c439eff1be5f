import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { readText, stateDirOf, writePrivate } from '../files.ts'
import type { Io } from '../io.ts'
import type { Session } from '../session.ts'

const PROMPT = '› '
const MORE = '… '

/** What is said, one message after the other, until stdin ends: typed at a prompt, or lines of a pipe. */
export async function* messages(session: Session): AsyncGenerator<string> {
  const { io } = session
  if ((await io.stdinKind()) !== 'terminal') {
    yield* pipedMessages(io)
    return
  }
  for (;;) {
    const message = await typedMessage(session)
    if (message === undefined) return
    yield message
  }
}

async function* pipedMessages(io: Io): AsyncGenerator<string> {
  const turn = new Turn()
  for await (const line of createInterface({ input: io.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    const message = turn.add(line)
    if (message) yield message
  }
  const rest = turn.end()
  if (rest) yield rest
}

/** One message from the prompt; undefined at Ctrl-D. While it is answered the terminal is nobody's, so that Ctrl-C works. */
function typedMessage(session: Session): Promise<string | undefined> {
  const { io } = session
  const line = createInterface({
    input: io.stdin,
    output: io.stderr,
    terminal: true,
    history: readHistory(io.env),
    historySize: HISTORY_LINES,
    removeHistoryDuplicates: true,
  })
  line.on('history', (lines: string[]) => remember(session, lines))
  return new Promise((resolve, reject) => {
    const turn = new Turn()
    const said: string[] = []
    line.on('SIGINT', () => forget(session, line, turn))
    line.on('line', (text) => {
      // Lines that come at once were pasted, and belong together.
      const whole = said.length > 0 ? text : turn.add(text)
      if (whole === undefined || (whole === '' && said.length === 0)) return prompt(line, turn)
      if (said.push(whole) === 1) setImmediate(() => line.close())
    })
    line.on('close', () => {
      const message = [...said, turn.end(), line.line].join('\n').trim()
      if (message === '') io.stderr.write('\n')
      resolve(message || undefined)
    })
    line.on('error', reject)
    prompt(line, turn)
  })
}

function prompt(line: Interface, turn: Turn): void {
  line.setPrompt(turn.begun ? MORE : PROMPT)
  line.prompt()
}

/** Ctrl-C at the prompt drops what was typed; with nothing typed it says how to leave. */
function forget(session: Session, line: Interface, turn: Turn): void {
  const typed = line.line !== '' || turn.begun
  turn.end()
  session.io.stderr.write('\n')
  if (!typed) session.note('Ctrl-D or /exit ends the chat')
  line.write(null, { ctrl: true, name: 'e' })
  line.write(null, { ctrl: true, name: 'u' })
  prompt(line, turn)
}

function remember(session: Session, lines: string[]): void {
  try {
    keepHistory(session.io.env, lines)
  } catch (error) {
    session.note(`this line is not kept for later: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** A message that is typed line by line: `\` at a line's end, or an open ``` fence, says that more comes. */
export class Turn {
  #lines: string[] = []
  #fenced = false

  get begun(): boolean {
    return this.#lines.length > 0
  }

  /** The whole message, when this line ends it. */
  add(line: string): string | undefined {
    if (/^\s*```/.test(line)) this.#fenced = !this.#fenced
    const goesOn = !this.#fenced && /(^|[^\\])\\$/.test(line)
    this.#lines.push(goesOn ? line.slice(0, -1) : line)
    return goesOn || this.#fenced ? undefined : this.end()
  }

  /** What there is of the message, for when no line follows; the next line begins another. */
  end(): string {
    const message = this.#lines.join('\n').trim()
    this.#lines = []
    this.#fenced = false
    return message
  }
}

type Env = Record<string, string | undefined>

export const HISTORY_LINES = 500

/** The lines typed into chats on this machine, the newest first. */
export function readHistory(env: Env): string[] {
  return readText(fileOf(env)).split('\n').filter(Boolean).slice(0, HISTORY_LINES)
}

/** Keeps the lines, the newest first, readable by their owner only. */
export function keepHistory(env: Env, lines: string[]): void {
  writePrivate(fileOf(env), lines.map((line) => `${line}\n`).join(''))
}

function fileOf(env: Env): string {
  return join(stateDirOf(env), 'chat-history')
}
