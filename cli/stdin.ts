import { Failure } from './failure.ts'
import type { Io, Output, StdinKind } from './io.ts'

const MIB = 1024 * 1024
/** The contract's limit for all attachments of a task together, in bytes. */
export const STDIN_LIMIT = 4 * MIB
/** Up to here a refused stdin is read on, only to tell its size. */
const COUNT_LIMIT = 64 * MIB
/** A pipe ends with its writer. A socket's other end may be a program that never meant to send anything. */
const SOCKET_SILENCE_MS = 30_000
/** Who looks at a terminal wants to know sooner than who reads a log. */
const TOLD_AFTER_S = { terminal: 1, log: 3 }

export const STDIN_OPTION = [
  '-n, --no-stdin',
  "don't read stdin; in a while read loop it is the loop's",
] as const

export const isPiped = (kind: StdinKind): boolean => kind === 'pipe' || kind === 'socket' || kind === 'file'

/** The words of the command line as one text; a lone `-` is what stdin holds, unless `-n` leaves that alone. */
export async function wordsOf(io: Io, words: string[], reads = true): Promise<string> {
  if (!isDash(words)) return words.join(' ')
  if (!reads) throw new Failure('usage', '- is the text from stdin, and -n leaves that alone')
  return readStdin(io)
}

/** Whether stdin is the text. */
export const isDash = (words: string[]): boolean => words.length === 1 && words[0] === '-'

/** A text of the command line; `-` is what stdin holds, however long that takes to come. */
export async function textOf(io: Io, text: string): Promise<string> {
  return text === '-' ? readStdin(io) : text
}

/** All of stdin, however long it takes to come: UTF-8 text of at most 4 MiB, or refused. */
export async function readStdin(io: Io): Promise<string> {
  const kind = await io.stdinKind()
  if (kind === 'terminal') io.stderr.write('reading stdin; Ctrl-D ends it\n')
  return asText('stdin', await readAll(io, kind, false))
}

/**
 * What is piped in, if anything is. It is waited for, and so shown, as whoever asks without it asks something else; a
 * socket that stays silent for 30 s is refused.
 */
export async function pipedText(io: Io): Promise<string | undefined> {
  const kind = await io.stdinKind()
  return isPiped(kind) ? asText('stdin', await readAll(io, kind, true)) : undefined
}

async function readAll(io: Io, kind: StdinKind, bounded: boolean): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  const waiting = kind === 'terminal' || kind === 'file' ? undefined : new Waiting(io.stderr, bounded)
  const silence =
    bounded && kind === 'socket' ? setTimeout(() => io.stdin.destroy(silent()), SOCKET_SILENCE_MS) : undefined
  try {
    for await (const chunk of io.stdin) {
      clearTimeout(silence)
      const bytes = Buffer.from(chunk)
      size += bytes.length
      waiting?.hears(size)
      if (size <= STDIN_LIMIT) chunks.push(bytes)
      if (size > COUNT_LIMIT) throw tooLarge('stdin is', `more than ${mib(COUNT_LIMIT)}`)
    }
  } finally {
    clearTimeout(silence)
    waiting?.stop()
  }
  if (size > STDIN_LIMIT) throw tooLarge('stdin is', mib(size))
  return Buffer.concat(chunks)
}

function silent(): Failure {
  return new Failure(
    'usage',
    `stdin is open, and nothing came from it for ${SOCKET_SILENCE_MS / 1000} s; nothing was sent`,
    { next: '-n leaves it alone; with -f - it is waited for' },
  )
}

/** Shows that stdin is waited for: on a terminal a line that counts and goes away, elsewhere one that is said once. */
class Waiting {
  #out: Output
  #spare: boolean
  #since = Date.now()
  #size = 0
  #shown = false
  #timer: NodeJS.Timeout

  /** `spare`: it would also go without. */
  constructor(out: Output, spare: boolean) {
    this.#out = out
    this.#spare = spare
    this.#timer = setInterval(() => this.#tell(), 1000)
  }

  hears(size: number): void {
    this.#size = size
  }

  stop(): void {
    clearInterval(this.#timer)
    if (this.#shown && this.#out.isTTY) this.#out.write('\r\x1b[K')
  }

  #tell(): void {
    const seconds = Math.round((Date.now() - this.#since) / 1000)
    const come = this.#size > 0 ? `, ${Math.ceil(this.#size / 1024)} KiB so far` : ''
    if (this.#out.isTTY) {
      if (seconds < TOLD_AFTER_S.terminal) return
      const how = this.#spare ? '; to go without it: Ctrl-C, and -n' : ''
      this.#out.write(`\r\x1b[Kwaiting for the end of stdin, ${seconds} s${come}${how}`)
    } else {
      if (seconds < TOLD_AFTER_S.log || this.#shown) return
      this.#out.write(`waiting for the end of stdin${come}${this.#spare ? '; to go without it: -n' : ''}\n`)
    }
    this.#shown = true
  }
}

/** Bytes as text; what is not text is refused, as it would reach the model as rubbish. */
export function asText(name: string, bytes: Buffer): string {
  if (bytes.includes(0)) throw notText(name)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) throw notText(name)
    throw error
  }
}

function notText(name: string): Failure {
  return new Failure('usage', `${name} is not UTF-8 text; attach text only`)
}

export function tooLarge(what: string, size: string): Failure {
  return new Failure('usage', `${what} ${size}; at most ${mib(STDIN_LIMIT)} can be attached`, {
    next: 'attach the part that matters, for example with tail or grep',
  })
}

/** Rounded up, so that what is over a limit never reads as equal to it. */
export function mib(bytes: number): string {
  return `${Math.ceil((bytes / MIB) * 100) / 100} MiB`
}
