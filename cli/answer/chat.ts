import { createInterface, type Interface } from 'node:readline'
import type { Io } from '../io.ts'
import type { Session } from '../session.ts'
import { HISTORY_LINES, keepHistory, readHistory } from './chat-history.ts'
import { Turn } from './turn.ts'

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
