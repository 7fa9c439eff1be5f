import type { ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Job } from '../jobs.ts'
import type { Call, Stack } from './context.ts'
import { jobUpdate, updateEvent, type Wanted } from './job-updates.ts'

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
