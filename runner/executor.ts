import { randomUUID } from 'node:crypto'
import { ApiError } from './api-error.ts'
import { type Identity, mayRead, type Tokens } from './identity.ts'
import { isOwn, type Script } from './items/bundle.ts'
import type { Catalog } from './items/catalog.ts'
import type { Items } from './items/items.ts'
import { resolveArguments } from './items/references.ts'
import type { Job, JobRequest, Jobs } from './jobs.ts'
import { databaseEnvironment, jobEnvironment } from './process/environment.ts'
import { residentMegabytes } from './process/memory.ts'
import { outcomeOf } from './process/output.ts'
import type { Assignment, Pool } from './process/pool.ts'
import type { WorkerProcess } from './process/process.ts'
import type { Ending, Order } from './process/protocol.ts'

/** Scripts with this tag wait or run long; they never share processes with doors. */
const WORK_TAG = 'hai-work'
/** Whoever rings for these, they do what is due for everybody. */
const RUNG_FOR = new Set(['f/hai/worker/run', 'f/hai/outbox/send'])
const LOOK_AT_MEMORY_MS = 500
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** What the executor knows of a pool. */
export type Queue = Pick<Pool, 'submit' | 'withdraw' | 'patience'>

export interface ExecutorOptions {
  catalog: Catalog
  items: Items
  jobs: Jobs
  tokens: Tokens
  pools: { doors: Queue; work: Queue }
  /** No process is used twice. */
  cold: boolean
  /** A job whose process has more is ended; no limit when not given. */
  memoryMegabytes?: number
  /** What each job gets of the stack's own environment, beside what its process has. */
  named: () => Record<string, string>
  /** Where hai's own scripts find the database. */
  databaseUrl: string
  workspace: string
  endpoint: () => string
  log: (line: string) => void
}

/** A run of a script; the event is made only for a script that has a preprocessor. */
export type RunRequest = Omit<JobRequest, 'tag' | 'event'> & {
  tag?: string
  event?: () => Record<string, unknown>
}

type Args = Record<string, unknown>
type Given = Pick<Order, 'args' | 'event' | 'env'>

interface Running {
  assignment: Assignment
  process?: WorkerProcess
  /** Why the process is being ended, when it is. */
  stopReason?: { name: string; message: string }
  timer?: NodeJS.Timeout
}

/** Runs jobs: finds the script, waits for its time, gives it to a pool, ends it on cancel or timeout. */
export class Executor {
  #options: ExecutorOptions
  #running = new Map<string, Running>()
  #delayed = new Map<string, NodeJS.Timeout>()

  constructor(options: ExecutorOptions) {
    this.#options = options
    if (options.memoryMegabytes) setInterval(() => this.#limitMemory(), LOOK_AT_MEMORY_MS).unref()
  }

  /** Accepts a run. 404 when there is no such script, 400 when the job id is taken. */
  async submit(request: RunRequest): Promise<Job> {
    const script = await this.#options.catalog.script(request.path)
    if (!script) throw new ApiError(404, `script ${request.path} not found`)
    return this.run(script, request)
  }

  /** Accepts a run of this very script, whatever lies at its path. 400 when the job id is taken. */
  run(script: Script, request: RunRequest): Job {
    const event = script.signature?.hasPreprocessor ? request.event?.() : undefined
    const job = this.#options.jobs.create({
      ...request,
      ...(event ? { args: {} } : {}),
      event,
      tag: request.tag ?? script.tag ?? 'bun',
    })
    if (!job) throw new ApiError(400, `a job with id ${request.id} exists already`)
    this.#wait(job, script)
    return job
  }

  /** Ends a job wherever it is. It is completed when its process has stopped; nothing happens to a completed one. */
  cancel(job: Job, by: string, reason: string): void {
    if (job.completedAt || job.canceled) return
    job.canceled = { by, reason }
    const running = this.#running.get(job.id)
    if (running?.process) {
      running.process.end(this.#poolOf(job).patience)
      return
    }
    clearTimeout(this.#delayed.get(job.id))
    this.#delayed.delete(job.id)
    if (running) this.#poolOf(job).withdraw(running.assignment)
    this.#finish(job, { kind: 'crashed', started: false, reason: '' })
  }

  /** Ends the jobs whose time has not come: nothing will run them when the stack is gone. */
  stop(): void {
    for (const [id, timer] of this.#delayed) {
      clearTimeout(timer)
      const job = this.#options.jobs.get(id)
      if (job) this.#finish(job, { kind: 'crashed', started: false, reason: 'the local stack is stopping' })
    }
    this.#delayed.clear()
  }

  #wait(job: Job, script: Script): void {
    const delay = job.scheduledFor.getTime() - Date.now()
    if (delay <= 0) {
      this.#delayed.delete(job.id)
      this.#assign(job, script)
      return
    }
    const timer = setTimeout(() => this.#wait(job, script), Math.min(delay, LONGEST_TIMER_MS))
    this.#delayed.set(job.id, timer)
  }

  /** Whatever goes wrong on the way to a process is the job's end: one without an end is waited for for ever. */
  #assign(job: Job, script: Script): void {
    try {
      this.#hand(job, script)
    } catch (error) {
      this.#running.delete(job.id)
      this.#fail(job, executionError(error))
    }
  }

  #hand(job: Job, script: Script): void {
    const workerGroup = job.tag === WORK_TAG ? 'work' : 'doors'
    const given = this.#resolved(job, this.#environment(job, script, workerGroup))
    const { user, admin } = job.identity
    const assignment: Assignment = {
      user,
      admin,
      shared: job.schedulePath !== '' || RUNG_FOR.has(script.path),
      warm: !this.#options.cold && script.code === undefined && isOwn(script.path),
      output: job.output,
      label: () => labelOf(job),
      begin: (process) => this.#begin(job, { script, workerGroup, ...given }, process),
      preprocessed: (made) => this.#options.jobs.preprocessed(job, made),
      end: (ending) => this.#finish(job, ending),
    }
    this.#running.set(job.id, { assignment })
    this.#poolOf(job).submit(assignment)
  }

  /** What a job finds in its environment, a token of its own among it. */
  #environment(job: Job, script: Script, workerGroup: string): Record<string, string> {
    const { tokens, named, databaseUrl, workspace, endpoint } = this.#options
    const { token, revoke } = tokens.mint(rightsOf(job))
    void job.done.then(revoke)
    return {
      ...named(),
      ...databaseEnvironment(job, script, databaseUrl),
      ...jobEnvironment(job, { endpoint: endpoint(), workspace, token, workerGroup }),
    }
  }

  /** What a script is handed: references in it are replaced here and nowhere else, with the rights of the job's user. */
  #resolved({ args, event, runsAs }: Job, env: Record<string, string>): Given {
    const { BASE_URL: _, ...variables } = env
    const reader = this.#options.items.reader((path) => mayRead(runsAs, path))
    const resolved = (given: Args) => resolveArguments(given, reader, variables)
    // on a server a preprocessor has one argument, the event
    return { args: resolved(args), event: event && (resolved({ event }).event as Args), env }
  }

  #poolOf(job: Job): Queue {
    return job.tag === WORK_TAG ? this.#options.pools.work : this.#options.pools.doors
  }

  #begin(
    job: Job,
    { script, workerGroup, ...given }: { script: Script; workerGroup: string } & Given,
    process: WorkerProcess,
  ): Order {
    const running = this.#running.get(job.id)!
    running.process = process
    clearTimeout(running.timer)
    const end = () => process.end(this.#poolOf(job).patience)
    if (job.canceled) end()
    this.#options.jobs.start(job, `${workerGroup}-${process.pid}`)
    if (script.timeout !== undefined) {
      const seconds = script.timeout
      running.timer = setTimeout(() => {
        if (job.canceled) return
        // as a server marks it
        job.canceled = { by: 'timeout', reason: `duration > ${seconds}` }
        running.stopReason = terminated('timeout after exceeding job-specific duration limit')
        end()
      }, seconds * 1000)
    }
    return {
      id: job.id,
      file: script.file,
      code: script.code,
      path: script.path,
      parameters: script.signature?.parameters,
      ...given,
      mark: `\0end of job ${randomUUID()}\n`,
    }
  }

  #limitMemory(): void {
    const limit = this.#options.memoryMegabytes ?? Number.POSITIVE_INFINITY
    for (const running of this.#running.values()) {
      const { process, stopReason } = running
      if (stopReason || process?.pid === undefined || this.#megabytesOf(process.pid) <= limit) continue
      const message = `the script took more than ${limit} MB of memory; HAI_JOB_MEMORY_MB allows more`
      running.stopReason = { name: 'ExecutionErr', message }
      process.kill()
    }
  }

  /** 0 where it can't be told, as when there are too many open files: no reason to end a job, or the runner. */
  #megabytesOf(pid: number): number {
    try {
      return residentMegabytes(pid)
    } catch (error) {
      this.#options.log(`the memory of process ${pid} can't be read: ${messageOf(error)}`)
      return 0
    }
  }

  #finish(job: Job, ending: Ending): void {
    try {
      this.#conclude(job, ending)
    } catch (error) {
      this.#fail(job, executionError(error))
    }
  }

  #conclude(job: Job, ending: Ending): void {
    const running = this.#running.get(job.id)
    clearTimeout(running?.timer)
    this.#running.delete(job.id)
    if (running?.stopReason) {
      this.#options.log(`ended ${labelOf(job)}: ${running.stopReason.message}`)
      this.#fail(job, running.stopReason)
    } else if (job.canceled) {
      this.#fail(job, cancellation(job, job.canceled))
    } else if (ending.kind === 'finished') {
      this.#options.jobs.complete(job, outcomeOf(ending, job.output.stream.text()))
    } else this.#fail(job, { name: 'ExecutionErr', message: `the script ended early: ${ending.reason}` })
  }

  #fail(job: Job, error: Record<string, unknown>): void {
    this.#options.jobs.complete(job, { success: false, shaped: false, result: JSON.stringify({ error }) })
  }
}

/** Of the job's token: who called stays its name, its rights are its own. */
function rightsOf({ identity, runsAs }: Job): Identity {
  const { username } = identity
  return { ...runsAs, username, scopes: undefined, workspace: undefined }
}

/** One that runs is its worker's to end, and one that waits the server's: they say it in two ways. */
function cancellation(job: Job, { by, reason }: { by: string; reason: string }): Record<string, unknown> {
  if (job.startedAt) return terminated(`cancelled by ${by} (reason: ${reason})`)
  return { message: `Job canceled: ${reason} by ${by}`, name: 'Canceled', reason, canceler: by }
}

function terminated(why: string): { name: string; message: string } {
  return { name: 'ExecutionErr', message: `execution error:\njob process terminated due to ${why}` }
}

function executionError(error: unknown): Record<string, unknown> {
  const name = error instanceof ApiError ? 'InternalErr' : 'ExecutionErr'
  return { name, message: messageOf(error) }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** A job as the log names it, with the tasks of which it has sent text. */
function labelOf(job: Job): string {
  const sent = job.output.stream.text().matchAll(/"id":"([0-9A-HJKMNP-TV-Z]{26})"/g)
  const tasks = [...new Set([...sent].map(([, id]) => id))]
  const which = tasks.length > 0 ? `, ${tasks.length === 1 ? 'task' : 'tasks'} ${tasks.join(' ')}` : ''
  return `${job.path}, job ${job.id}${which}`
}
