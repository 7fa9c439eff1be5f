import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { MARK, ownerOf } from './mark.ts'
import type { JobOutput, OutputPipe } from './output.ts'
import type { Answer, Ending, Order } from './protocol.ts'
import { signal } from './table.ts'

export interface ProcessOptions {
  bun: string
  harness: string
  /** On the command line, so that a process shows whose it is. */
  dataDir: string
  cwd: string
  env: Record<string, string>
  /** Of all worker processes of the data directory it alone has this name. */
  name: string
  /** Scripts that are loaded before the first job asks for them. */
  preload: string[]
}

interface Run {
  order: Order
  stdout: OutputPipe
  stderr: OutputPipe
  started: boolean
  /** When it last printed something; milliseconds of the runner's clock. */
  heardAt: number
  waiting?: boolean
  ending?: Ending
  preprocessed: (args: Record<string, unknown>) => void
  resolve: (ending: Ending) => void
}

/** A script that closed or replaced its own stdout never sends the mark. */
const MARK_WAIT_MS = 250

/** One Bun process that runs jobs one after another. It belongs to a group of its own, ended as a whole. */
export class WorkerProcess {
  readonly pid: number | undefined
  readonly name: string
  /** Settles when the process is gone. */
  readonly gone: Promise<void>
  /** No job was run in it. */
  fresh = true
  /** It must not get another job. */
  spent = false
  /** How it ended, when nobody here ended it. */
  lost: string | undefined
  #child: ChildProcess
  #run: Run | undefined
  #answers: Buffer[] = []
  #header: Extract<Answer, { type: 'ended' }> | undefined
  #killer: NodeJS.Timeout | undefined
  /** Somebody here wants it to end. */
  #dismissed = false

  constructor(options: ProcessOptions) {
    const flags = ['--no-orphans', '--no-install', '--no-env-file']
    const words = [...flags, options.harness, `--data-dir=${options.dataDir}`, ...options.preload]
    this.#child = spawn(options.bun, words, {
      cwd: options.cwd,
      env: { ...options.env, [MARK]: `${ownerOf(options.dataDir)}/${options.name}` },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    })
    this.pid = this.#child.pid
    this.name = options.name
    const answers = this.#child.stdio[3] as Readable
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#output('stdout', chunk))
    this.#child.stderr?.on('data', (chunk: Buffer) => this.#output('stderr', chunk))
    answers.on('data', (chunk: Buffer) => this.#read(chunk))
    // A write to a process that just died; its exit tells the story.
    this.#child.stdin?.on('error', () => undefined)
    this.gone = new Promise((resolve) => this.#watchExit(resolve))
  }

  get busy(): boolean {
    return this.#run !== undefined
  }

  /** Runs one job; what it prints goes to the output. Rejects when the order can't be written as JSON, and for nothing else. */
  async run(
    order: Order,
    output: JobOutput,
    preprocessed: (args: Record<string, unknown>) => void,
  ): Promise<Ending> {
    this.fresh = false
    const line = `${JSON.stringify(order)}\n`
    return new Promise((resolve) => {
      const pipes = output.pipes(order.mark)
      this.#run = { order, ...pipes, started: false, heardAt: performance.now(), preprocessed, resolve }
      if (this.spent) this.#settle({ kind: 'crashed', started: false, reason: 'its process was gone' })
      else this.#child.stdin?.write(line)
    })
  }

  /** Ends the process as a worker does: at once, or so many milliseconds after a SIGINT that it did not end at. */
  end(patience: number): void {
    if (patience === 0) {
      this.kill()
      return
    }
    this.spent = true
    this.#dismissed = true
    // to itself alone: what it started is its own to end
    if (this.pid !== undefined && this.#isAlive()) signal(this.pid, 'SIGINT')
    clearTimeout(this.#killer)
    this.#killer = setTimeout(() => this.kill(), patience)
  }

  /** Ends the process and all it started, now. */
  kill(): void {
    this.spent = true
    this.#dismissed = true
    if (this.pid !== undefined && this.#isAlive()) signal(-this.pid, 'SIGKILL')
  }

  #isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  #watchExit(resolve: () => void): void {
    const end = (how: string) => {
      const reason = `its process ${how}`
      this.spent = true
      if (!this.#dismissed) this.lost = how
      clearTimeout(this.#killer)
      // Anything it started would hold the log's pipes and live on.
      if (this.pid !== undefined) signal(-this.pid, 'SIGKILL')
      const finish = () => {
        clearTimeout(patience)
        if (this.#run)
          this.#settle(this.#run.ending ?? { kind: 'crashed', started: this.#run.started, reason })
        resolve()
      }
      // The pipes may still hold its last words.
      const patience = setTimeout(finish, MARK_WAIT_MS)
      this.#child.once('close', finish)
    }
    this.#child.once('error', (error) => end(`could not start: ${error.message}`))
    this.#child.once('exit', (code, name) => {
      end(name ? `was ended by ${name}` : `exited with code ${code}`)
    })
  }

  #output(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    const run = this.#run
    if (!run) return
    run[stream].push(chunk)
    run.heardAt = performance.now()
    this.#settleWhenComplete()
  }

  #read(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const line = Buffer.concat([...this.#answers, chunk.subarray(start, end)]).toString()
      this.#answers = []
      start = end + 1
      this.#answer(line)
    }
    if (start < chunk.length) this.#answers.push(chunk.subarray(start))
  }

  #answer(line: string): void {
    const run = this.#run
    if (!run || run.ending) return
    if (this.#header) {
      run.ending = {
        kind: 'finished',
        success: this.#header.success,
        shaped: this.#header.shaped,
        result: line,
      }
      this.#header = undefined
      this.#settleWhenComplete()
      return
    }
    const answer = parseAnswer(line)
    if (answer?.id !== run.order.id) {
      run.ending = { kind: 'crashed', started: run.started, reason: 'it wrote to file descriptor 3' }
      this.kill()
    } else if (answer.type === 'started') run.started = true
    else if (answer.type === 'preprocessed') run.preprocessed(answer.args)
    else this.#header = answer
  }

  #settleWhenComplete(): void {
    const run = this.#run
    if (!run?.ending) return
    if (run.stdout.ended && run.stderr.ended) {
      this.#settle(run.ending)
      return
    }
    if (!run.waiting) this.#awaitMarks(run)
  }

  /** As long as output comes the marks may still follow; after the timer what has arrived meanwhile is read first. */
  #awaitMarks(run: Run): void {
    run.waiting = true
    const look = () => {
      if (this.#run !== run || !run.ending) return
      if (performance.now() - run.heardAt < MARK_WAIT_MS) {
        this.#awaitMarks(run)
        return
      }
      this.kill()
      this.#settle(run.ending)
    }
    setTimeout(() => setImmediate(look), MARK_WAIT_MS).unref()
  }

  #settle(ending: Ending): void {
    const run = this.#run
    if (!run) return
    this.#run = undefined
    run.stdout.end()
    run.stderr.end()
    run.resolve(ending)
  }
}

function parseAnswer(line: string): Answer | undefined {
  try {
    return JSON.parse(line) as Answer
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
