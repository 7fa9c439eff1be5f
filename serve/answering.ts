import type { ServerResponse } from 'node:http'
import type { Webhook } from '../cli/call/webhook.ts'
import { failureOf, noticeHeader, type Refusal } from '../f/hai/core/surface/openai_answer.ts'
import { type ChatRequest, chatRequest } from '../f/hai/core/surface/openai_request.ts'
import type { TaskResult } from '../f/hai/core/task/shape.ts'
import { askTask } from './asking.ts'
import type { Form } from './forms.ts'
import { isMistake, problemOf } from './problems.ts'
import { Ended, type Streams } from './streams.ts'
import { Telling } from './telling.ts'

/** Milliseconds until a stream gives a sign of life, at first and from then on. */
export interface Silence {
  first: number
  most: number
}

/** The first sign comes before a proxy may lose its patience, and late enough that most errors have their status. */
const SILENCE: Silence = { first: 5_000, most: 15_000 }

export interface Answering {
  /** As the client sent it. */
  body: unknown
  form: Form
  /** With the caller's own token. */
  webhook: Webhook
  /** The client's `Idempotency-Key`. */
  key: string | undefined
  outgoing: ServerResponse
  /** Of a stream, beside its type. */
  headers: Record<string, string>
  streams: Streams
  silence?: Silence | undefined
  log(line: string): void
}

/** What is still to be sent: a whole answer with its headers, or a refusal; undefined where it went out as a stream, or nobody takes it. */
export type ToSend = { headers: Record<string, string>; body: object } | Refusal | undefined

/** Asks what a client's request asks for, and answers it; rejects with what was refused, as long as nothing was sent. */
export async function answer(answering: Answering): Promise<ToSend> {
  const { form, outgoing, streams } = answering
  const request = chatRequest(form.read(answering.body))
  const { controller, end } = streams.begin()
  const hungUp = () => controller.abort(new Ended('the client hung up'))
  outgoing.once('close', hungUp)
  if (outgoing.destroyed) hungUp()
  try {
    return await (request.stream ? inPieces : atOnce)(answering, request, controller.signal)
  } catch (error) {
    if (outgoing.destroyed) return undefined
    throw error
  } finally {
    outgoing.off('close', hungUp)
    end()
  }
}

async function atOnce(
  { form, webhook, key }: Answering,
  request: ChatRequest,
  signal: AbortSignal,
): Promise<ToSend> {
  const began = performance.now()
  const asked = { webhook, envelope: request.envelope, key, signal, onTaken() {}, onWaiting() {} }
  const task = await askTask(asked)
  const refusal = failureOf(task)
  if (refusal) return refusal
  return { headers: noticeHeader(task), body: form.whole(task, { id: task.id, request, began }) }
}

async function inPieces(answering: Answering, request: ChatRequest, signal: AbortSignal): Promise<ToSend> {
  const { webhook, key } = answering
  const stream = new Stream(answering, request)
  // before the task is left, which takes its time where the server is away as well
  signal.addEventListener('abort', () => stream.begun && stream.fail(problemOf(signal.reason)), {
    once: true,
  })
  try {
    const { envelope } = request
    const task = await askTask({
      ...{ webhook, envelope, key, signal },
      onTaken: (id) => stream.taken(id),
      onText: (text) => stream.telling.grow(text),
      onWaiting: ({ text }) => stream.alive(text),
    })
    const refusal = failureOf(task)
    if (refusal && !stream.begun) return refusal
    if (refusal) stream.fail(refusal)
    else stream.end(task)
  } catch (error) {
    if (!stream.begun) throw error
    const refusal = problemOf(error)
    if (isMistake(refusal)) answering.log(String(error instanceof Error ? error.stack : error))
    stream.fail(refusal)
  } finally {
    stream.stop()
  }
  return undefined
}

/** One answer on its way to one client. */
class Stream {
  readonly telling: Telling
  begun = false
  #answering: Answering
  #request: ChatRequest
  #began = performance.now()
  #frames: ReturnType<Form['frames']> | undefined
  #silence: Silence
  #timer: NodeJS.Timeout
  #spokeAt = 0

  constructor(answering: Answering, request: ChatRequest) {
    this.#answering = answering
    this.#request = request
    this.#silence = answering.silence ?? SILENCE
    this.telling = new Telling((more) => this.#write((frames) => frames.text(more)), { strict: request.bare })
    this.#timer = setTimeout(() => this.#beat(), this.#silence.first)
  }

  taken(id: string): void {
    this.#frames = this.#answering.form.frames({ id, request: this.#request, began: this.#began })
  }

  alive(why?: string): void {
    this.#write((frames) => frames.alive(why))
  }

  end(task: TaskResult): void {
    this.telling.end(task.output ?? '')
    this.#write((frames) => frames.end(task))
    this.#answering.outgoing.end()
  }

  /** In the middle of it, where no status can tell. */
  fail(refusal: Refusal): void {
    this.#write((frames) => frames.failed(refusal))
    this.#answering.outgoing.end()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #beat(): void {
    const { most } = this.#silence
    if (!this.begun || performance.now() - this.#spokeAt >= most) this.alive()
    const quiet = performance.now() - this.#spokeAt
    this.#timer = setTimeout(() => this.#beat(), Math.max(1, most - quiet))
  }

  #write(make: (frames: ReturnType<Form['frames']>) => string): void {
    const { outgoing, headers, form } = this.#answering
    const frames = this.#frames
    if (!frames || outgoing.destroyed || outgoing.writableEnded) return
    this.#spokeAt = performance.now()
    const begins = this.begun ? '' : frames.begin()
    if (!this.begun) outgoing.writeHead(200, { 'content-type': form.type, ...AT_ONCE, ...headers })
    this.begun = true
    outgoing.write(`${begins}${make(frames)}`)
  }
}

/** Nobody in between keeps what comes: a proxy that gathers would make one piece of all. */
const AT_ONCE = { 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' }
