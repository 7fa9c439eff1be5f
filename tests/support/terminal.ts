import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import xterm from '@xterm/headless'
import { expect, onTestFinished } from 'vitest'
import { bunBinary } from '../../runner/root.ts'

/** A program in a terminal of its own, as a person has it before them. */
export interface Terminal {
  /** Types that, as it stands: `\r` is Enter. */
  type(keys: string): void
  /** Pastes that, marked as pasted where the program asked for it. */
  paste(text: string): void
  /** The lines that are seen now, without blanks at their ends and empty lines at the end. */
  screen(): string
  /** All lines since the beginning, those that have been scrolled out of sight too. */
  all(): string
  /** Waits until that is seen. */
  shows(what: string | RegExp): Promise<void>
  /** Its exit code, once it has ended. */
  ended: Promise<number>
}

/** Runs a command line in a terminal of its own; it is killed when the test is over. */
export function openTerminal(
  command: string[],
  {
    env,
    cwd,
    columns = 80,
    rows = 24,
  }: { env: Record<string, string>; cwd?: string; columns?: number; rows?: number },
): Terminal {
  const terminal = new xterm.Terminal({ cols: columns, rows, scrollback: 10_000, allowProposedApi: true })
  const what = JSON.stringify({ command, env, cwd, columns, rows })
  const child = spawn(bunBinary(), [join(import.meta.dirname, 'terminal-process.mjs'), what], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  child.stdin.on('error', () => {})
  child.stdout.on('data', (bytes: Buffer) => terminal.write(bytes))
  // it asks the terminal about itself, and waits for the answer
  terminal.onData((answer) => void child.stdin.write(answer))
  const lines = (from: number) => {
    const { length } = terminal.buffer.active
    const found = Array.from({ length: length - from }, (_, at) =>
      terminal.buffer.active.getLine(from + at)!.translateToString(true),
    )
    return found.join('\n').trimEnd()
  }
  const screen = () => lines(terminal.buffer.active.baseY)
  return {
    type: (keys) => void child.stdin.write(keys),
    paste: (text) => {
      const typed = text.replaceAll(/\r?\n/g, '\r')
      const marked = terminal.modes.bracketedPasteMode
      child.stdin.write(marked ? `\x1b[200~${typed}\x1b[201~` : typed)
    },
    screen,
    all: () => lines(0),
    shows: (sought) =>
      expect
        .poll(screen)
        .toEqual(
          typeof sought === 'string' ? expect.stringContaining(sought) : expect.stringMatching(sought),
        ),
    ended: once(child, 'close').then(([code]) => {
      return new Promise<number>((resolve) => terminal.write('', () => resolve(code)))
    }),
  }
}
