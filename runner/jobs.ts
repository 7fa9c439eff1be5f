import { randomUUID } from 'node:crypto'
import { ApiError } from './api-error.ts'
import type { Identity } from './identity.ts'
import { JobOutput } from './process/output.ts'

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
interface FlowStep {
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
  /** Empty once it is completed. */
  args: Record<string, unknown>
  /** Its arguments as JSON, once it is completed: as objects they take twenty times the memory. */
  keptArgs?: string
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

const KEPT_BYTES = 16 * 1024 * 1024
/** What a job takes in memory beside its texts. */
const JOB_BYTES = 3 * 1024
/** Of more characters arguments are not kept when the job is over; in their place Windmill's word for such. */
const LONGEST_ARGS = 1024 * 1024
const TOO_BIG = JSON.stringify({ reason: 'WINDMILL_TOO_BIG' })

/** All unfinished jobs, and of the finished ones the newest, in 16 MB of memory. */
export class Jobs {
  #jobs = new Map<string, Job>()
  /** What each takes in memory, in the order they finished. */
  #finished = new Map<string, number>()
  #bytes = 0
  #log: (line: string) => void
  readonly shares = new FairShare()

  constructor(log: (line: string) => void) {
    this.#log = log
  }

  /** Undefined when a job of that id exists; 429 when its caller has too many under way. */
  create(request: JobRequest): Job | undefined {
    const id = request.id === undefined ? uuidv7() : ownText(request.id)
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
      path: ownText(request.path),
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
      tag: ownText(request.tag),
      createdAt,
      scheduledFor: request.scheduledFor ?? createdAt,
      parentJob: ownText(request.parentJob ?? ''),
      rootJob: ownText(request.rootJob || request.parentJob || id),
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

  /** Something about the job changed. A watcher that can't bear it ends nobody's job, and is told no more. */
  announce(job: Job): void {
    for (const watcher of job.watchers) {
      try {
        watcher()
      } catch (error) {
        job.watchers.delete(watcher)
        this.#log(`who watches job ${job.id}: ${error instanceof Error ? error.stack : error}`)
      }
    }
  }

  /** Completes the job and forgets the oldest ones that no longer fit. A job completes once. */
  complete(job: Job, outcome: { success: boolean; shaped: boolean; result: string }): void {
    if (job.completedAt) return
    job.completedAt = new Date()
    job.keptArgs = keptArgsOf(job)
    job.args = {}
    job.event = undefined
    job.success = outcome.success
    job.shaped = outcome.shaped
    job.result = outcome.result
    job.settle()
    this.announce(job)
    const characters = outcome.result.length + job.output.bytes + job.keptArgs.length
    this.#remember(job.id, JOB_BYTES + 2 * characters)
  }

  #remember(newest: string, bytes: number): void {
    this.#finished.set(newest, bytes)
    this.#bytes += bytes
    for (const [id, size] of this.#finished) {
      // The newest stays, however big.
      if (this.#bytes <= KEPT_BYTES || id === newest) break
      this.#finished.delete(id)
      this.#jobs.delete(id)
      this.#bytes -= size
    }
  }
}

/** The job's arguments, be it completed or not. */
export function argsOf({ args, keptArgs }: Job): Record<string, unknown> {
  return keptArgs === undefined ? args : JSON.parse(keptArgs)
}

/** What is too deep to be written as JSON is not kept either. */
function keptArgsOf({ args }: Job): string {
  try {
    const text = JSON.stringify(args)
    return text.length > LONGEST_ARGS ? TOO_BIG : text
  } catch (error) {
    if (error instanceof RangeError) return TOO_BIG
    throw error
  }
}

/** A time-ordered UUID (RFC 9562, version 7), its random part from Node's pool of them. */
function uuidv7(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}

interface Share {
  jobs: number
  bytes: number
  streams: number
}

/** What one user may have under way at once; the operator's own schedules and scripts are many. */
const MEMBER: Share = { jobs: 100, bytes: 24 * 1024 * 1024, streams: 50 }
const ADMIN: Share = { jobs: 5_000, bytes: 256 * 1024 * 1024, streams: 1_000 }
const AGAIN_SECONDS = 10

const WORDS: Record<keyof Share, string> = {
  jobs: 'unfinished jobs',
  bytes: 'bytes of arguments in unfinished jobs',
  streams: 'open streams',
}

/** Keeps one user from filling the memory that all live in: 429 for what is more than a fair share. */
class FairShare {
  #users = new Map<string, Share>()

  /** Counts something for a user until the returned function is called, once. */
  take(identity: Identity, more: Partial<Share>): () => void {
    const { user, admin } = identity
    const most = admin ? ADMIN : MEMBER
    const has = this.#users.get(user) ?? { jobs: 0, bytes: 0, streams: 0 }
    const kinds = Object.keys(more) as (keyof Share)[]
    for (const kind of kinds) {
      if (has[kind] + more[kind]! <= most[kind]) continue
      throw new ApiError(
        429,
        `${user} has ${has[kind]} ${WORDS[kind]}, and may have ${most[kind]}; wait for some to end, or cancel them`,
        AGAIN_SECONDS,
      )
    }
    this.#add(user, has, more, 1)
    return () => this.#add(user, this.#users.get(user)!, more, -1)
  }

  #add(user: string, has: Share, more: Partial<Share>, sign: number): void {
    const { jobs = 0, bytes = 0, streams = 0 } = more
    const now = {
      jobs: has.jobs + sign * jobs,
      bytes: has.bytes + sign * bytes,
      streams: has.streams + sign * streams,
    }
    if (now.jobs + now.bytes + now.streams === 0) this.#users.delete(user)
    else this.#users.set(user, now)
  }
}

/** The text as a string of its own: a piece of a longer one, such as of a request's address, keeps all of that in memory. */
function ownText(text: string): string {
  return Buffer.from(text).toString()
}
