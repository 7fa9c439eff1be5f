import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import type { Interrupt } from '../../cli/failure.ts'
import type { Io, Output, StdinKind } from '../../cli/io.ts'
import { main } from '../../cli/main.ts'
import { commandsIn, refusalOf } from '../support/next-steps.ts'
import { PATIENCE } from '../support/patience.ts'

type Env = Record<string, string>

export interface Ran {
  exit: number
  stdout: string
  stderr: string
}

/** A home folder of its own, so that nothing of the machine's user is read or written. */
export function aHomeFolder(): { path: string; env: Env; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'hai-cli-'))
  return {
    path,
    env: { HOME: path, PATH: process.env.PATH ?? '', TZ: process.env.TZ ?? 'UTC' },
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

interface World {
  env: Env
  stdin?: string
  /** What stdin is when nobody sits at it; a pipe where it has a text. */
  stdinKind?: StdinKind
  /** Makes stdout a terminal of that width. */
  columns?: number
  /** A person sits at stdin and stderr. */
  attended?: boolean
  /** stdout and stderr are one place; so they are when both are a terminal. */
  merged?: boolean
  cwd?: string
}

/** Runs one command line in this process. */
export async function runHai(argv: string[], options: World & { onIo?: (io: FakeIo) => void }): Promise<Ran> {
  const io = new FakeIo(options)
  options.onIo?.(io)
  const exit = await main(argv, io)
  await refuseDeadEnds(io.stderr.text)
  return { exit, stdout: io.stdout.text, stderr: io.stderr.text }
}

/** What the program says to do next can be done: else the test that heard it fails, whatever else it looks for. */
async function refuseDeadEnds(said: string): Promise<void> {
  for (const [, next = ''] of said.matchAll(/^→ (.*)$/gm)) {
    for (const line of commandsIn(next)) {
      const refusal = await refusalOf(line)
      if (refusal) throw new Error(`the next step “hai ${line}” is none: ${refusal}`)
    }
  }
}

class Captured extends Writable {
  text = ''
  isTTY: boolean
  columns: number | undefined

  constructor(columns: number | undefined) {
    super()
    this.isTTY = columns !== undefined
    this.columns = columns
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

/** The CLI's world without a process. */
export class FakeIo implements Io {
  stdout: Captured & Output
  stderr: Captured & Output
  stdin: Readable
  merged: boolean
  env: Env
  cwd: string
  #kind: StdinKind
  #fed: boolean
  #interrupt: ((signal: Interrupt) => void) | undefined

  constructor(options: World) {
    this.stdout = new Captured(options.columns) as Captured & Output
    this.stderr = new Captured(options.attended ? 80 : undefined) as Captured & Output
    this.stdin = options.stdin === undefined ? new PassThrough() : Readable.from([Buffer.from(options.stdin)])
    this.merged = options.merged ?? (options.columns !== undefined && options.attended === true)
    const kind = options.stdinKind ?? (options.stdin === undefined ? 'none' : 'pipe')
    this.#kind = options.attended ? 'terminal' : kind
    this.#fed = Boolean(options.stdin?.trim())
    this.env = { NO_COLOR: '1', ...options.env }
    this.cwd = options.cwd ?? options.env.HOME ?? '/'
  }

  async stdinKind(): Promise<StdinKind> {
    return this.#kind
  }

  isFed(): boolean {
    return this.#fed
  }

  onInterrupt(handler: (signal: Interrupt) => void): () => void {
    this.#interrupt = handler
    return () => {
      this.#interrupt = undefined
    }
  }

  /** Ctrl-C; false while nobody listens for it. */
  interrupt(signal: Interrupt = 'SIGINT'): boolean {
    this.#interrupt?.(signal)
    return this.#interrupt !== undefined
  }
}

export const PROGRAM = join(import.meta.dirname, '../../cli/bin.cjs')

/** Starts the built program. Its stdin is /dev/null unless `stdin` says otherwise. */
export function spawnHai(argv: string[], options: { env: Env; stdin?: 'pipe' | 'ignore'; cwd?: string }) {
  const child = spawn(process.execPath, [PROGRAM, ...argv], {
    env: options.env,
    cwd: options.cwd ?? options.env.HOME,
    stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'],
  })
  const ran = { stdout: '', stderr: '' }
  child.stdout?.on('data', (chunk) => {
    ran.stdout += chunk
  })
  child.stderr?.on('data', (chunk) => {
    ran.stderr += chunk
  })
  const ended = new Promise<Ran>((resolve) => {
    child.on('close', (code, signal) => resolve({ exit: code ?? (signal === 'SIGINT' ? 130 : 128), ...ran }))
  })
  return { child, ran, ended }
}

/** Looks again and again until the condition holds; fails after the deadline. */
export async function until(
  condition: () => boolean,
  what: string,
  milliseconds = PATIENCE.timeout,
): Promise<void> {
  const deadline = Date.now() + milliseconds
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${milliseconds} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
