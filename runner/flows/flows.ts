import { ApiError } from '../api-error.ts'
import type { RunRequest } from '../executor.ts'
import type { Job } from '../jobs.ts'
import { type FlowMeans, FlowRun } from './run.ts'
import { type FlowValue, newStatus, readFlow } from './value.ts'

const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Runs flows: a job for each, which takes no process, and one for each of its steps. */
export class Flows {
  #means: FlowMeans
  #runs = new Map<string, FlowRun>()
  #delayed = new Map<string, NodeJS.Timeout>()

  constructor(means: Omit<FlowMeans, 'submitFlow'>) {
    this.#means = { ...means, submitFlow: (request) => this.submit(request) }
  }

  /** Accepts a run. 404 when there is no such flow, 501 when it needs what is not implemented here. */
  async submit(request: RunRequest): Promise<Job> {
    const flow = this.#means.catalog.flow(request.path)
    if (!flow) throw new ApiError(404, `flow ${request.path} not found`)
    return this.run(readFlow(flow.value, request.path), request)
  }

  /** Accepts a run of this very flow. */
  run(flow: FlowValue, request: RunRequest): Job {
    const { jobs } = this.#means
    const kind = request.kind ?? 'flow'
    const job = jobs.create({ tag: 'flow', ...withoutTag(request), kind, event: undefined })
    if (!job) throw new ApiError(400, `a job with id ${request.id} exists already`)
    const status = newStatus(flow)
    job.flow = { raw: flow, status }
    const run = new FlowRun(this.#means, { job, flow, status })
    const begin = () => {
      this.#delayed.delete(job.id)
      this.#runs.set(job.id, run)
      jobs.start(job, 'flow')
      void run
        .run()
        .then(({ success, result }) => this.#finish(job, success, result))
        .catch((error: Error) => {
          this.#finish(job, false, { error: { name: error.name, message: error.message } })
        })
    }
    const wait = () => {
      const delay = job.scheduledFor.getTime() - Date.now()
      if (delay <= 0) begin()
      else this.#delayed.set(job.id, setTimeout(wait, Math.min(delay, LONGEST_TIMER_MS)))
    }
    wait()
    return job
  }

  /** Ends a flow and the step that runs. */
  cancel(job: Job, by: string, reason: string): void {
    if (job.completedAt || job.canceled) return
    job.canceled = { by, reason }
    const run = this.#runs.get(job.id)
    run?.cancel()
    if (run?.current) this.cancelAny(run.current, by, reason)
    if (run) return
    clearTimeout(this.#delayed.get(job.id))
    this.#delayed.delete(job.id)
    this.#finish(job, false, null)
  }

  /** Ends any job, be it a flow's or a script's. */
  cancelAny(job: Job, by: string, reason: string): void {
    if (job.flow) this.cancel(job, by, reason)
    else this.#means.executor.cancel(job, by, reason)
  }

  /** Ends the flows that wait for their time, as nothing will start them. */
  stop(): void {
    for (const id of this.#delayed.keys()) {
      const job = this.#means.jobs.get(id)
      if (job) this.cancel(job, 'runner', 'the local stack is stopping')
    }
  }

  #finish(job: Job, success: boolean, result: unknown): void {
    this.#runs.delete(job.id)
    const { canceled } = job
    const outcome = canceled
      ? {
          success: false,
          result: {
            error: {
              message: `Job canceled: ${canceled.reason} by ${canceled.by}`,
              name: 'Canceled',
              reason: canceled.reason,
              canceler: canceled.by,
            },
          },
        }
      : { success, result }
    const shaped = isShaped(outcome.result)
    this.#means.jobs.complete(job, {
      success: outcome.success,
      shaped,
      result: JSON.stringify(outcome.result),
    })
  }
}

function isShaped(result: unknown): boolean {
  return (
    typeof result === 'object' &&
    result !== null &&
    Object.keys(result).some((key) => key.startsWith('windmill_'))
  )
}

function withoutTag({ tag, ...request }: RunRequest): Omit<RunRequest, 'tag'> & { tag?: string } {
  return tag ? { ...request, tag } : request
}
