import { randomUUID } from 'node:crypto'
import { FairShare } from './fair-share.ts'
import type { Identity } from './identity.ts'
import { JobOutput } from './job-output.ts'

/** Windmill's names for what a job runs. */
export type JobKind =
  | 'script'
  | 'preview'
  | 'flow'
  | 'flowpreview'
  | 'flowscript'
  | 'dependencies'
  | 'flowdependencies'

/** Of which flow a job is a step. */
export interface FlowStep {
  /** The flow's job, and that of the outermost flow. */
  flowJob: string
  rootFlowJob: string
  flowPath: string
  id: string
}

/** What the caller asks for. */
export interface JobRequest {
  id?: string
  /** A script's when not given. */
  kind?: JobKind
  path: string
  args: Record<string, unknown>
  /** Of the body that brought them, as far as one did. */
  bytes?: number
  /** What a preprocessor will make the arguments of. */
  event?: Record<string, unknown>
  identity: Identity
  /** It has this one's rights, whoever calls. */
  owner?: Identity
  flowStep?: FlowStep
  tag: string
  /** When it may begin; now when not given. */
  scheduledFor?: Date
  parentJob?: string
  rootJob?: string
  schedulePath?: string
}

/** One run of a script, from its request on. */
export interface Job {
  id: string
  kind: JobKind
  path: string
  args: Record<string, unknown>
  event?: Record<string, unknown>
  identity: Identity
  /** Given where its rights are those of one who doesn't call. */
  owner?: Identity
  /** Whose rights it has. */
  runsAs: Identity
  /** Of whose rights it has. */
  email: string
  permissionedAs: string
  flowStep?: FlowStep
  /** Of a flow: what it consists of, and how far it is. */
  flow?: { raw: object; status: object }
  /** Percent, as the script reports it. */
  progress?: number
  /** What the steps of a flow keep for each other. */
  userStates: Map<string, unknown>
  /** A flow that stopped early because a step said so. */
  skipped: boolean
  tag: string
  createdAt: Date
  scheduledFor: Date
  parentJob: string
  rootJob: string
  schedulePath: string
  startedAt?: Date
  completedAt?: Date
  worker?: string
  canceled?: { by: string; reason: string }
  success?: boolean
  /** JSON, as it is stored and sent. */
  result?: string
  /** The result shapes the response of the sync route. */
  shaped: boolean
  output: JobOutput
  /** Called at once when it was started, printed something or was completed. */
  watchers: Set<() => void>
  /** Settles when the job is completed. */
  done: Promise<void>
  /** Called once, by the store. */
  settle: () => void
}

const KEPT_JOBS = 10_000
const KEPT_BYTES = 64 * 1024 * 1024

/** All unfinished jobs, and the newest 10,000 finished ones with at most 64 MB of arguments, results and output. */
export class Jobs {
  #jobs = new Map<string, Job>()
  /** In the order they finished. */
  #finished = new Map<string, number>()
  #bytes = 0
  readonly shares = new FairShare()

  /** Undefined when a job of that id exists; 429 when its caller has too many under way. */
  create(request: JobRequest): Job | undefined {
    const id = request.id ?? uuidv7()
    if (this.#jobs.has(id)) return undefined
    const free = this.shares.take(request.identity, { jobs: 1, bytes: request.bytes ?? 0 })
    const createdAt = new Date()
    let settle = () => {}
    const done = new Promise<void>((resolve) => {
      settle = resolve
    })
    const runsAs = request.owner ?? request.identity
    const job: Job = {
      id,
      kind: request.kind ?? 'script',
      path: request.path,
      args: request.args,
      event: request.event,
      identity: request.identity,
      owner: request.owner,
      runsAs,
      email: runsAs.email,
      permissionedAs: `u/${runsAs.user}`,
      flowStep: request.flowStep,
      skipped: false,
      userStates: new Map(),
      tag: request.tag,
      createdAt,
      scheduledFor: request.scheduledFor ?? createdAt,
      parentJob: request.parentJob ?? '',
      rootJob: request.rootJob || request.parentJob || id,
      schedulePath: request.schedulePath ?? '',
      shaped: false,
      output: new JobOutput(() => this.announce(job)),
      watchers: new Set(),
      done,
      settle,
    }
    this.#jobs.set(id, job)
    void done.then(free)
    return job
  }

  get(id: string): Job | undefined {
    return this.#jobs.get(id)
  }

  /** Newest first. */
  list(): Job[] {
    return [...this.#jobs.values()].reverse()
  }

  /** Its preprocessor has run: these are its arguments. What it was called with is kept no longer. */
  preprocessed(job: Job, args: Record<string, unknown>): void {
    job.args = args
    job.event = undefined
  }

  /** A process has taken the job. */
  start(job: Job, worker: string): void {
    job.startedAt = new Date()
    job.worker = worker
    this.announce(job)
  }

  /** Something about the job changed. */
  announce(job: Job): void {
    for (const watcher of job.watchers) watcher()
  }

  /** Completes the job and forgets the oldest ones that no longer fit. A job completes once. */
  complete(job: Job, outcome: { success: boolean; shaped: boolean; result: string }): void {
    if (job.completedAt) return
    job.completedAt = new Date()
    job.event = undefined
    job.success = outcome.success
    job.shaped = outcome.shaped
    job.result = outcome.result
    job.settle()
    this.announce(job)
    const bytes = outcome.result.length + job.output.bytes + sizeOf(job.args)
    this.#finished.set(job.id, bytes)
    this.#bytes += bytes
    for (const [id, size] of this.#finished) {
      const fits = this.#finished.size <= KEPT_JOBS && this.#bytes <= KEPT_BYTES
      // The newest stays, however big.
      if (fits || id === job.id) break
      this.#finished.delete(id)
      this.#jobs.delete(id)
      this.#bytes -= size
    }
  }
}

/** In characters of JSON. What is too deep to be written as such counts for all there is room for, and is forgotten first. */
function sizeOf(args: Record<string, unknown>): number {
  try {
    return JSON.stringify(args).length
  } catch (error) {
    if (error instanceof RangeError) return KEPT_BYTES
    throw error
  }
}

/** A time-ordered UUID (RFC 9562, version 7), its random part from Node's pool of them. */
function uuidv7(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
