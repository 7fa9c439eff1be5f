import { StringDecoder } from 'node:string_decoder'
import { setTimeout as sleep } from 'node:timers/promises'
import { createParser } from 'eventsource-parser'
import type { TaskResult } from '../../f/hai/core/task/shape.ts'
import { ConnectionError } from '../call/http.ts'
import { longer } from '../call/pace.ts'
import type { Webhook } from '../call/webhook.ts'

/** A piece of a task's answer: where it stands in it, in UTF-16 units, and the text. */
export interface Piece {
  at: number
  text: string
}

export interface Watching {
  jobId: string
  taskId: string
  signal: AbortSignal
  onPiece(piece: Piece): void
  /** No more comes of the task's answer from this job: it says so, perhaps with what came of it, or it is over. */
  onEnd(outcome?: TaskResult): void
}

/** Before a broken connection is made again: short for one that had something to say, or stood for a while. */
const AGAIN_MS = 100
const AGAIN_MOST_MS = 3_000
const STOOD_MS = 5_000

interface Line {
  id?: unknown
  at?: unknown
  text?: unknown
  end?: unknown
  outcome?: TaskResult
}

interface Update {
  type?: string
  new_result_stream?: string | null
  stream_offset?: number | null
  completed?: boolean
}

/**
 * Hands over the text that a job streams about one task, piece by piece, until the job ends. A broken connection is made
 * again where it ended. A server without such streams is no error: the events of the task tell the same, later.
 */
export async function watchJob(webhook: Webhook, watching: Watching): Promise<void> {
  const reader = new UpdateReader(watching)
  const { signal } = watching
  for (let wait = AGAIN_MS; !signal.aborted; wait = longer(wait, AGAIN_MOST_MS, 3)) {
    const before = { offset: reader.offset, at: Date.now() }
    if ((await listen(webhook, watching, reader)) === 'over') return
    if (reader.offset > before.offset || Date.now() - before.at > STOOD_MS) wait = AGAIN_MS
    await pause(wait, signal)
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

async function listen(webhook: Webhook, watching: Watching, reader: UpdateReader): Promise<'over' | 'cut'> {
  const { jobId, signal } = watching
  // else Windmill looks every 3 s whether there is news for the stream
  const query = `stream_offset=${reader.offset}&only_result=true&fast=true`
  const path = `jobs_u/getupdate_sse/${encodeURIComponent(jobId)}?${query}`
  let over = false
  const events = createParser({
    onEvent: ({ data }) => {
      over ||= reader.read(data) === 'over'
    },
  })
  const decoder = new StringDecoder('utf8')
  try {
    const { status, body } = await webhook.open(path, signal)
    if (status !== 200) {
      body.destroy()
      return status >= 500 && status !== 501 ? 'cut' : 'over'
    }
    for await (const chunk of body) {
      events.feed(decoder.write(chunk as Buffer))
      if (over) {
        body.destroy()
        return 'over'
      }
    }
    return 'cut'
  } catch (error) {
    if (signal.aborted) return 'over'
    // Told once, by the calls that ask for events: they meet the same trouble.
    if (error instanceof ConnectionError || (error as NodeJS.ErrnoException).code) return 'cut'
    throw error
  }
}

/** Makes pieces of a job's updates. Its stream is lines of JSON, for all the tasks that the job works on. */
class UpdateReader {
  /** How much of the stream has been read; characters. */
  offset = 0
  #watching: Watching
  #rest = ''

  constructor(watching: Watching) {
    this.#watching = watching
  }

  read(data: string): 'over' | 'more' {
    const update = json<Update>(data)
    if (update?.type === 'notfound' || update?.type === 'error') return 'over'
    if (update?.type !== 'update') return 'more'
    const text = update.new_result_stream ?? ''
    this.offset = update.stream_offset ?? this.offset + text.length
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
    if (!update.completed) return 'more'
    this.#watching.onEnd()
    return 'over'
  }

  #line(line: string): void {
    const piece = json<Line>(line)
    if (piece?.id !== this.#watching.taskId) return
    if (piece.end === true) this.#watching.onEnd(piece.outcome)
    if (typeof piece.at === 'number' && typeof piece.text === 'string') {
      this.#watching.onPiece({ at: piece.at, text: piece.text })
    }
  }
}

/** What a line says; undefined for one that says nothing to us: any script may print such lines. */
function json<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
