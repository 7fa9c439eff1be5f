import type { ServerResponse } from 'node:http'
import type { State, TaskEvent } from '../../../f/hai/core/task/shape.ts'
import type { CannedServer, Door } from '../canned-server.ts'
import { until } from '../run-hai.ts'
import { anAccepted, TASK_ID } from '../samples.ts'

/** A task that a test lets be answered live, step by step, as a worker would. */
export class LiveTask {
  state: State = 'running'
  output: string | undefined
  partial: string | undefined
  jobId = 'job-1'
  /** Where each subscriber began, in the order they came. */
  offsets: number[] = []
  #events: TaskEvent[] = []
  #stream = ''
  #listeners = new Map<ServerResponse, number>()

  constructor() {
    this.event('accepted', 'accepted from cli')
    this.claim(1)
    this.event('route', '→ ollama/llama3: its only model')
  }

  claim(leaseNo: number): void {
    this.event('claimed', `attempt ${leaseNo}`, { lease_no: leaseNo, attempt: leaseNo })
  }

  event(type: string, text: string, data: Record<string, unknown> = {}): void {
    this.#events.push({ seq: this.#events.length + 1, at: '2026-11-22T09:00:00.000Z', type, text, data })
  }

  delta(at: number, text: string): void {
    this.event('delta', text, { at })
  }

  /** A piece of an answer in the job's stream. */
  say(at: number, text: string, id = TASK_ID): void {
    this.#stream += `${JSON.stringify({ id, at, text })}\n`
    for (const response of this.#listeners.keys()) this.#send(response)
  }

  /** Ends the task, while the job that worked on it goes on with others, and says so in its stream. */
  endWithinJob(state: State, output: string): void {
    this.event(state, state)
    this.state = state
    this.output = output
    this.#stream += `${JSON.stringify({ id: TASK_ID, end: true })}\n`
    for (const response of this.#listeners.keys()) this.#send(response)
  }

  get listening(): number {
    return this.#listeners.size
  }

  /** Breaks all connections to the stream in the middle of a frame. */
  cut(): void {
    for (const response of this.#listeners.keys()) {
      response.write('data: {"type":"upd')
      setImmediate(() => response.destroy())
    }
    this.#listeners.clear()
  }

  /** Ends all connections to the stream as Windmill does after a time. */
  timeOut(): void {
    for (const response of this.#listeners.keys()) response.end('data: {"type":"timeout"}\n\n')
    this.#listeners.clear()
  }

  end(state: State, output?: string): void {
    this.event(state, state)
    this.state = state
    this.output = output
    for (const response of this.#listeners.keys()) {
      response.end(`data: ${JSON.stringify({ type: 'update', completed: true, only_result: null })}\n\n`)
    }
    this.#listeners.clear()
  }

  doors(): Record<string, Door> {
    return {
      inbox: () => ({ result: anAccepted() }),
      'task/events': ({ after, with_waiting }) => ({
        result: {
          events: this.#events.filter(({ seq }) => seq > Number(after)),
          state: this.state,
          last_seq: this.#events.length,
          job_id: this.jobId,
          ...(with_waiting ? { waiting_on: null } : {}),
        },
      }),
      'task/result': () => ({
        result: { id: TASK_ID, state: this.state, output: this.output, partial: this.partial },
      }),
      'jobs_u/getupdate_sse/job-1': ({ stream_offset }) => ({
        stream: (response) => this.#listen(response, Number(stream_offset)),
      }),
    }
  }

  #listen(response: ServerResponse, offset: number): void {
    this.offsets.push(offset)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"type":"ping"}\n\n')
    this.#listeners.set(response, offset)
    response.on('close', () => this.#listeners.delete(response))
    this.#send(response)
  }

  #send(response: ServerResponse): void {
    const text = this.#stream.slice(this.#listeners.get(response))
    if (text === '') return
    this.#listeners.set(response, this.#stream.length)
    const update = { type: 'update', new_result_stream: text, stream_offset: this.#stream.length }
    response.write(`data: ${JSON.stringify(update)}\n\n`)
  }

  /** Resolves after so many more looks: what an event tells is known when the look after it has been answered, and another has begun. */
  looks(server: CannedServer, more: number): Promise<void> {
    const before = server.callsOf('task/events').length
    return until(() => server.callsOf('task/events').length >= before + more, `${more} more looks`)
  }
}
