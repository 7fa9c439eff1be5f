import { ApiError } from '../api-error.ts'
import type { Job } from '../jobs.ts'
import type { Call } from './context.ts'
import { jobView } from './job-view.ts'

/** What a client wants to hear of a job, and how much of it, in characters, it has already. */
export interface Wanted {
  logOffset: number
  streamOffset: number
  noLogs: boolean
  /** The result alone, not the log and at the end not the whole job. */
  onlyResult: boolean
}

/** What is new of a job since the offsets, under Windmill's names; what there is nothing of is undefined. */
export interface JobUpdate {
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
export function updateEvent(job: Job, update: JobUpdate, wanted: Wanted, workspace: string): string {
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
