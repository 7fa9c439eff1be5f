import { createInterface, type Interface } from 'node:readline'
import { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import type { Io } from '../io.ts'
import type { Session } from '../session.ts'
import { HISTORY_MOST, keepInHistory, readHistory } from './chat-history.ts'
import { type Input, PasteReader, Pastes } from './paste.ts'

const PROMPT = '› '
const MORE = '… '
/** Has the terminal mark what is pasted, and no longer. */
const MARKS_PASTES = '\u001b[?2004h'
const MARKS_NONE = '\u001b[?2004l'

/** What is said, one message after the other, until stdin ends: typed at a prompt, or lines of a pipe. */
export async function* messages(session: Session): AsyncGenerator<string> {
  const { io } = session
  if ((await io.stdinKind()) !== 'terminal') {
    yield* pipedMessages(io)
    return
  }
  const prompt = new Prompt(session)
  const marks = io.env.TERM !== 'dumb'
  if (marks) io.stderr.write(MARKS_PASTES)
  try {
    for (;;) {
      const message = await prompt.ask()
      if (message === undefined) return
      yield message
    }
  } finally {
    if (marks) io.stderr.write(MARKS_NONE)
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

/** Asks for one message after the other. While one is answered the terminal is nobody's, so that Ctrl-C works. */
class Prompt {
  #session: Session
  #pastes = new Pastes()
  #reader = new PasteReader()
  #decoder = new StringDecoder('utf8')
  /** What came after the Enter of the message before. */
  #rest: Input[] = []
  /** As they are shown, the newest first. */
  #history: string[]

  constructor(session: Session) {
    this.#session = session
    this.#history = readHistory(session.io.env).map((message) => this.#pastes.fold(message))
  }

  /** Undefined at Ctrl-D. Nothing is a message that was not ended by Enter. */
  ask(): Promise<string | undefined> {
    const { stdin, stderr } = this.#session.io
    const keys = new Keys(stdin)
    const line = createInterface({
      input: keys,
      output: stderr,
      terminal: true,
      history: [...this.#history],
      historySize: HISTORY_MOST,
    })
    const turn = new Turn()
    let message = ''
    let closed = false
    const typed = () => {
      for (let input = this.#rest.shift(); input; input = this.#rest.shift()) {
        if ('keys' in input)
          keys.press(input.keys, () => this.#pastes.before(line.line.slice(0, line.cursor)))
        else line.write(this.#pastes.fold(input.paste))
        if (closed) return
      }
    }
    let ahead = true
    const read = (bytes: Buffer) => {
      this.#rest.push(...this.#reader.read(this.#decoder.write(bytes), { ahead }))
      ahead = false
      typed()
    }
    const end = () => line.close()
    return new Promise((resolve, reject) => {
      line.on('SIGINT', () => this.#forget(line, turn))
      line.on('line', (text) => {
        const said = this.#pastes.unfold(text)
        if (said === undefined) {
          this.#session.note(
            'of what was pasted only its size is shown, which was changed: mend it, or take it out',
          )
          prompt(line, turn)
          line.write(text)
          return
        }
        const whole = turn.add(said)
        if (!whole) return prompt(line, turn)
        message = whole
        line.close()
      })
      line.on('close', () => {
        closed = true
        stdin.off('data', read).off('end', end).pause()
        message ||= turn.end()
        if (message === '') stderr.write('\n')
        else this.#remember(message)
        resolve(message || undefined)
      })
      line.on('error', reject)
      prompt(line, turn)
      typed()
      if (!closed) stdin.on('data', read).on('end', end).resume()
    })
  }

  /** Ctrl-C at the prompt drops what was typed; with nothing typed it says how to leave. */
  #forget(line: Interface, turn: Turn): void {
    const typed = line.line !== '' || turn.begun
    turn.end()
    this.#session.io.stderr.write('\n')
    if (!typed) this.#session.note('Ctrl-D or /exit ends the chat')
    line.write(null, { ctrl: true, name: 'e' })
    line.write(null, { ctrl: true, name: 'u' })
    prompt(line, turn)
  }

  #remember(message: string): void {
    const shown = this.#pastes.fold(message)
    this.#history = [shown, ...this.#history.filter((other) => other !== shown)].slice(0, HISTORY_MOST)
    try {
      keepInHistory(this.#session.io.env, message)
    } catch (error) {
      this.#session.note(
        `this line is not kept for later: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }
}

function prompt(line: Interface, turn: Turn): void {
  line.setPrompt(turn.begun ? MORE : PROMPT)
  line.prompt()
}

/** The keys of a terminal, without what was pasted. */
class Keys extends Readable {
  #terminal: Readable & { setRawMode?: (raw: boolean) => unknown }

  constructor(terminal: Readable) {
    super({ read() {} })
    this.#terminal = terminal
  }

  setRawMode(raw: boolean): void {
    this.#terminal.setRawMode?.(raw)
  }

  /** `together`: how many letters before the cursor are deleted as one. */
  press(keys: string, together: () => number): void {
    for (const [key] of keys.matchAll(/[\u007f\b]|[^\u007f\b]+/g)) {
      const times = key === '\u007f' || key === '\b' ? together() : 1
      this.emit('data', Buffer.from(key.repeat(times)))
    }
  }
}

/** A message that is typed line by line: `\` at a line's end, or an open ``` fence, says that more comes. */
export class Turn {
  #lines: string[] = []
  #fenced = false

  get begun(): boolean {
    return this.#lines.length > 0
  }

  /** The whole message, when this line ends it. Of a text that was pasted the fences are its own. */
  add(line: string): string | undefined {
    if (/^\s*```/.test(line) && !line.includes('\n')) this.#fenced = !this.#fenced
    const goesOn = !this.#fenced && /(^|[^\\])\\$/.test(line)
    this.#lines.push(goesOn ? line.slice(0, -1) : line)
    return goesOn || this.#fenced ? undefined : this.end()
  }

  /** What there is of the message, for when no line follows; the next line begins another. */
  end(): string {
    const message = this.#lines
      .join('\n')
      .replace(/^\s*\n/, '')
      .trimEnd()
    this.#lines = []
    this.#fenced = false
    return message.includes('\n') ? message : message.trim()
  }
}
