import { randomUUID } from 'node:crypto'
import { ApiError } from './api-error.ts'
import type { Bundle, Script } from './bundle.ts'
import { jobEnvironment } from './environment.ts'
import type { Tokens } from './identity.ts'
import type { Job, JobRequest, Jobs } from './jobs.ts'
import type { Assignment, Pool } from './pool.ts'
import type { WorkerProcess } from './process.ts'
import type { Ending, Order } from './protocol.ts'

/** Scripts with this tag wait or run long; they never share processes with doors. */
const WORK_TAG = 'hai-work'
const LONGEST_TIMER_MS = 2 ** 31 - 1

export interface ExecutorOptions {
  bundle: Bundle
  jobs: Jobs
  tokens: Tokens
  pools: { doors: Pool; work: Pool }
  /** No process is used twice. */
  cold: boolean
  workspace: string
  endpoint: () => string
}

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
  }

  /** Accepts a run. 404 when there is no such script, 400 when the job id is taken. */
  async submit(
    request: Omit<JobRequest, 'tag'> & { tag?: string; skipPreprocessor?: boolean },
  ): Promise<Job> {
    const script = await this.#options.bundle.find(request.path)
    if (!script) throw new ApiError(404, `script ${request.path} not found`)
    if (script.signature?.hasPreprocessor && !request.skipPreprocessor) {
      throw new ApiError(501, `not implemented by the local runner: the preprocessor of ${request.path}`)
    }
    const job = this.#options.jobs.create({ ...request, tag: request.tag ?? script.tag ?? 'bun' })
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
      running.process.terminate()
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

  #assign(job: Job, script: Script): void {
    if (!script.signature) {
      const message = `the signature of main in ${script.path} cannot be read: write plain, named parameters`
      this.#fail(job, { name: 'SyntaxError', message })
      return
    }
    const assignment: Assignment = {
      warm: !this.#options.cold && script.path.startsWith('f/hai/'),
      output: job.output,
      begin: (process) => this.#begin(job, script, process),
      end: (ending) => this.#finish(job, ending),
    }
    this.#running.set(job.id, { assignment })
    this.#poolOf(job).submit(assignment)
  }

  #poolOf(job: Job): Pool {
    return job.tag === WORK_TAG ? this.#options.pools.work : this.#options.pools.doors
  }

  #begin(job: Job, script: Script, process: WorkerProcess): Order {
    const { jobs, tokens, workspace, endpoint } = this.#options
    const workerGroup = job.tag === WORK_TAG ? 'work' : 'doors'
    const running = this.#running.get(job.id)!
    running.process = process
    clearTimeout(running.timer)
    if (job.canceled) process.terminate()
    jobs.start(job, `${workerGroup}-${process.pid}`)
    const { token, revoke } = tokens.mint(job.identity)
    void job.done.then(revoke)
    if (script.timeout !== undefined) {
      const seconds = script.timeout
      running.timer = setTimeout(() => {
        running.stopReason = { name: 'Timeout', message: `job timed out after ${seconds}s` }
        process.terminate()
      }, seconds * 1000)
    }
    return {
      id: job.id,
      file: script.file,
      ...spread(job.args, script),
      env: jobEnvironment(job, { endpoint: endpoint(), workspace, token, workerGroup }),
      mark: `\0end of job ${randomUUID()}\n`,
    }
  }

  #finish(job: Job, ending: Ending): void {
    const running = this.#running.get(job.id)
    clearTimeout(running?.timer)
    this.#running.delete(job.id)
    if (job.canceled) {
      const { by, reason } = job.canceled
      const message = `Job canceled: ${reason} by ${by}`
      this.#fail(job, { message, name: 'Canceled', reason, canceler: by })
    } else if (running?.stopReason) this.#fail(job, running.stopReason)
    else if (ending.kind === 'finished') {
      this.#options.jobs.complete(job, withFailure(withStream(ending, job.output.stream.text())))
    } else this.#fail(job, { name: 'ExecutionErr', message: `the script ended early: ${ending.reason}` })
  }

  #fail(job: Job, error: Record<string, unknown>): void {
    this.#options.jobs.complete(job, { success: false, shaped: false, result: JSON.stringify({ error }) })
  }
}

/** Arguments by name in the order of main's parameters; what main doesn't name is dropped. */
function spread(args: Record<string, unknown>, script: Script): Pick<Order, 'args' | 'missing' | 'dates'> {
  const parameters = script.signature?.parameters ?? []
  const positions = parameters.map((_, position) => position)
  return {
    args: parameters.map(({ name }) => (Object.hasOwn(args, name) ? args[name] : null)),
    missing: positions.filter((position) => !Object.hasOwn(args, parameters[position]!.name)),
    dates: positions.filter((position) => parameters[position]!.date),
  }
}

type Finished = Extract<Ending, { kind: 'finished' }>

/** Windmill's rule: what was streamed is the result where there is no other, and `wm_stream` of one that is an object. */
function withStream(ending: Finished, text: string): Finished {
  const { success, result } = ending
  if (!success || text === '') return ending
  const stream = JSON.stringify(text)
  if (result === 'null') return { ...ending, result: stream }
  if (!result.startsWith('{')) return ending
  const comma = result === '{}' ? '' : ','
  return { ...ending, result: `${result.slice(0, -1)}${comma}"wm_stream":${stream}}` }
}

/** A script that returns `wm_failure` failed, and says so in the result that is kept. */
function withFailure(ending: Finished): Omit<Finished, 'kind'> {
  if (!ending.shaped || !ending.success) return ending
  const { wm_failure: failure, ...siblings } = JSON.parse(ending.result) as Record<string, unknown>
  if (failure === undefined) return ending
  const message = typeof failure === 'string' ? failure : JSON.stringify(failure)
  const result = JSON.stringify({ ...siblings, error: { name: 'ManualFailure', message } })
  return { success: false, shaped: true, result }
}
