import type { ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { ApiError } from '../api-error.ts'
import { argsOf, type Job } from '../jobs.ts'
import type { Call, Stack } from './context.ts'

/** A job as Windmill shows it: a QueuedJob, or a CompletedJob with its result. */
export function jobView(
  job: Job,
  workspace: string,
  detail: 'full' | 'listed' = 'full',
): Record<string, unknown> {
  const common = {
    type: job.completedAt ? 'CompletedJob' : 'QueuedJob',
    workspace_id: workspace,
    id: job.id,
    parent_job: job.parentJob || undefined,
    created_by: job.identity.username,
    created_at: job.createdAt,
    started_at: job.startedAt,
    scheduled_for: job.scheduledFor,
    script_path: job.path,
    schedule_path: job.schedulePath || undefined,
    canceled: job.canceled !== undefined,
    canceled_by: job.canceled?.by,
    canceled_reason: job.canceled?.reason,
    job_kind: job.kind,
    permissioned_as: job.permissionedAs,
    is_flow_step: job.flowStep !== undefined,
    flow_step_id: job.flowStep?.id,
    language: job.flow ? undefined : 'bun',
    email: job.email,
    visible_to_owner: true,
    tag: job.tag,
    worker: job.worker,
  }
  const detailed = detail === 'full' ? detailsOf(job) : {}
  if (!job.completedAt) return { ...common, ...detailed, running: job.startedAt !== undefined }
  const started = job.startedAt ?? job.completedAt
  return {
    ...common,
    ...detailed,
    started_at: started,
    completed_at: job.completedAt,
    duration_ms: job.completedAt.getTime() - started.getTime(),
    success: job.success,
    is_skipped: job.skipped,
    result: detail === 'full' ? JSON.parse(job.result ?? 'null') : undefined,
  }
}

function detailsOf(job: Job): Record<string, unknown> {
  const { flow, output } = job
  return { args: argsOf(job), logs: output.log.text(), raw_flow: flow?.raw, flow_status: flow?.status }
}

/** What a client wants to hear of a job, and how much of it, in characters, it has already. */
export interface Wanted {
  logOffset: number
  streamOffset: number
  noLogs: boolean
  /** The result alone, not the log and at the end not the whole job. */
  onlyResult: boolean
}

/** What is new of a job since the offsets, under Windmill's names; what there is nothing of is undefined. */
interface JobUpdate {
  running: boolean
  completed: boolean
  new_logs: string | undefined
  log_offset: number | undefined
  new_result_stream: string | undefined
  stream_offset: number
  /** Percent. */
  progress: number | undefined
  /** Of a flow. */
  flow_status: object | undefined
}

/** Read from the query. Windmill's `running`, `fast` and `get_progress` are accepted; nothing here depends on them. */
export function wantedBy(call: Call): Wanted {
  return {
    logOffset: offset(call, 'log_offset'),
    streamOffset: offset(call, 'stream_offset'),
    noLogs: call.req.query('no_logs') === 'true',
    onlyResult: call.req.query('only_result') === 'true',
  }
}

export function jobUpdate(job: Job, wanted: Wanted): JobUpdate {
  const { log, stream } = job.output
  const logs = !wanted.noLogs && !wanted.onlyResult
  return {
    running: job.startedAt !== undefined && !job.completedAt,
    completed: job.completedAt !== undefined,
    new_logs: logs ? log.from(wanted.logOffset) || undefined : undefined,
    log_offset: logs ? log.length : undefined,
    new_result_stream: stream.from(wanted.streamOffset) || undefined,
    stream_offset: stream.length,
    progress: job.progress,
    flow_status: job.flow?.status,
  }
}

/** The update as JSON of Windmill's event stream; the last one carries the job, or its result alone. */
function updateEvent(job: Job, update: JobUpdate, wanted: Wanted, workspace: string): string {
  const event = { type: 'update', ...update }
  if (!update.completed) return JSON.stringify(event)
  if (!wanted.onlyResult) {
    const view = jobView(job, workspace)
    return JSON.stringify({ ...event, job: wanted.noLogs ? { ...view, logs: undefined } : view })
  }
  // The result is JSON already, perhaps much of it.
  return `${JSON.stringify(event).slice(0, -1)},"only_result":${job.result ?? 'null'}}`
}

function offset(call: Call, name: string): number {
  const text = call.req.query(name) ?? '0'
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new ApiError(400, `${name} is "${text}"; expected a number of characters, 0 or more`)
}

/** What a script prints at once leaves as one update; the first of a burst doesn't wait. */
const COALESCE_MS = 15
const PING_MS = 10_000
const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
}

/** Answers with a job's updates as they happen, until it is completed or the client hangs up, which the job survives. */
export function streamUpdates(
  stack: Pick<Stack, 'workspace' | 'called' | 'jobs' | 'log'>,
  call: Call,
  job: Job,
  wanted: Wanted,
): Response {
  const alive = () => {
    if (!call.get('identity').job) stack.called()
  }
  const { outgoing } = call.env
  const free = stack.jobs.shares.take(call.get('identity'), { streams: 1 })
  if (outgoing.destroyed) free()
  else outgoing.once('close', free)
  const { workspace, log } = stack
  new UpdateStream({ job, wanted, workspace, outgoing, alive, log }).open()
  return RESPONSE_ALREADY_SENT
}

/** Answers that there is no such job, as an event: Windmill's status is 200 here too. */
export function streamNotFound(call: Call): Response {
  return call.body(frame('{"type":"notfound"}'), 200, HEADERS)
}

interface UpdateStreamOptions {
  job: Job
  wanted: Wanted
  workspace: string
  outgoing: ServerResponse
  /** Called now and then while the client listens. */
  alive: () => void
  log: (line: string) => void
}

/** One client that listens to one job. What it has not got yet stays in the job, so a slow client costs nothing. */
class UpdateStream {
  #options: UpdateStreamOptions
  #wanted: Wanted
  #running: boolean | undefined
  #sentAt = 0
  #timer: NodeJS.Timeout | undefined
  #ping: NodeJS.Timeout | undefined
  #full = false

  constructor(options: UpdateStreamOptions) {
    this.#options = options
    this.#wanted = options.wanted
  }

  open(): void {
    const { job, outgoing } = this.#options
    // It has hung up already, and no event will say so.
    if (outgoing.destroyed) return
    outgoing.writeHead(200, HEADERS)
    outgoing.once('close', this.#forget)
    outgoing.on('drain', this.#drained)
    job.watchers.add(this.#changed)
    this.#ping = setInterval(this.#sendPing, PING_MS)
    this.#send()
  }

  #changed = (): void => {
    if (this.#full) return
    const wait = this.#sentAt + COALESCE_MS - performance.now()
    if (wait <= 0 || this.#options.job.completedAt) this.#send()
    else this.#timer ??= setTimeout(this.#send, wait)
  }

  /** What can't be sent ends this client's stream, and nothing else. */
  #send = (): void => {
    try {
      this.#sendNews()
    } catch (error) {
      const { job, log, outgoing } = this.#options
      log(`the stream of job ${job.id}: ${error instanceof Error ? error.stack : error}`)
      this.#forget()
      outgoing.destroy()
    }
  }

  #sendNews(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const { job, workspace, outgoing } = this.#options
    const update = jobUpdate(job, this.#wanted)
    const { new_logs, new_result_stream, running, completed } = update
    if (!completed && !new_logs && !new_result_stream && running === this.#running) return
    const event = frame(updateEvent(job, update, this.#wanted, workspace))
    if (completed) {
      this.#forget()
      outgoing.end(event)
      return
    }
    this.#full = !outgoing.write(event)
    this.#running = running
    this.#sentAt = performance.now()
    this.#wanted = {
      ...this.#wanted,
      logOffset: update.log_offset ?? this.#wanted.logOffset,
      streamOffset: update.stream_offset,
    }
  }

  #drained = (): void => {
    this.#full = false
    this.#changed()
  }

  #sendPing = (): void => {
    this.#options.alive()
    if (!this.#full) this.#options.outgoing.write(frame('{"type":"ping"}'))
  }

  #forget = (): void => {
    this.#options.job.watchers.delete(this.#changed)
    clearTimeout(this.#timer)
    clearInterval(this.#ping)
  }
}

function frame(json: string): string {
  return `data: ${json}\n\n`
}
