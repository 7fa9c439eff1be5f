import { readFileSync, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { Failure } from '../failure.ts'
import { expandHome } from '../files.ts'
import type { Io } from '../io.ts'

/** Text attached to a task, beside its question. */
export interface Attachment {
  name: string
  content: string
}

const MIB = 1024 * 1024
/** The contract's limit for all attachments of a task together, in bytes. */
const LIMIT = 4 * MIB
/** Up to here a refused stdin is read on, only to tell its size. */
const COUNT_LIMIT = 64 * MIB
const SILENCE_MS = 3_000

/**
 * What `-f` names and what is piped in, whole or refused: text only, 4 MiB together. `-f -` waits for stdin as long as it
 * takes; without it, a pipe that stays silent for 3 s is left alone, and `note` hears of it.
 */
export async function attachments(
  io: Io,
  files: string[],
  options: { stdinTaken: boolean; note: (line: string) => void },
): Promise<Attachment[]> {
  const asked = files.includes('-')
  if (asked && options.stdinTaken)
    throw new Failure('usage', 'stdin is the question already; -f - cannot attach it')
  const attached = files.filter((file) => file !== '-').map((file) => readAttached(io, file))
  const piped = options.stdinTaken ? undefined : await pipedText(io, asked, options.note)
  if (piped?.trim()) attached.push({ name: 'stdin', content: piped })
  const total = attached.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0)
  if (total > LIMIT) throw tooLarge('the attached text is', mib(total))
  return attached
}

/** All of stdin, however long it takes to come: for `hai ask -` and tokens. */
export async function readStdin(io: Io): Promise<string> {
  return text('stdin', await readAll(io.stdin))
}

async function pipedText(io: Io, asked: boolean, note: (line: string) => void): Promise<string | undefined> {
  if (!asked && (await io.stdinKind()) !== 'text') return undefined
  if (!asked && !(await speaks(io.stdin))) {
    note(
      `stdin stayed silent for ${SILENCE_MS / 1000} s and is not attached; to wait for it: -f -, to skip it: < /dev/null`,
    )
    return undefined
  }
  return readStdin(io)
}

/** Whether the stream brings its first bytes, or its end, before it counts as silent. */
function speaks(stdin: Readable): Promise<boolean> {
  if (stdin.readableLength > 0 || stdin.readableEnded) return Promise.resolve(true)
  return new Promise((resolve) => {
    const settle = (spoke: boolean) => () => {
      clearTimeout(timer)
      for (const event of ['readable', 'end', 'close']) stdin.off(event, spoken)
      if (!spoke) stdin.destroy()
      resolve(spoke)
    }
    const spoken = settle(true)
    const timer = setTimeout(settle(false), SILENCE_MS)
    for (const event of ['readable', 'end', 'close']) stdin.on(event, spoken)
  })
}

async function readAll(stdin: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size <= LIMIT) chunks.push(bytes)
    if (size > COUNT_LIMIT) throw tooLarge('stdin is', `more than ${mib(COUNT_LIMIT)}`)
  }
  if (size > LIMIT) throw tooLarge('stdin is', mib(size))
  return Buffer.concat(chunks)
}

function readAttached(io: Io, file: string): Attachment {
  const path = resolve(io.cwd, expandHome(file, io.env))
  try {
    const { size } = statSync(path)
    if (size > LIMIT) throw tooLarge(`${file} is`, mib(size))
    return { name: basename(path), content: text(file, readFileSync(path)) }
  } catch (error) {
    if (error instanceof Failure) throw error
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message
    throw new Failure('usage', `cannot attach ${file}: ${why}`, { cause: error })
  }
}

/** Bytes as text; what is not text is refused, as it would reach the model as rubbish. */
function text(name: string, bytes: Buffer): string {
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

function tooLarge(what: string, size: string): Failure {
  return new Failure('usage', `${what} ${size}; at most ${mib(LIMIT)} can be attached`, {
    next: 'attach the part that matters, for example with tail or grep',
  })
}

/** Rounded up, so that what is over a limit never reads as equal to it. */
function mib(bytes: number): string {
  return `${Math.ceil((bytes / MIB) * 100) / 100} MiB`
}
