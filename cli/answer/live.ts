import type { Accepted, TaskEvent, TaskEvents, TaskResult, WaitingOn } from '../../f/hai/core/task/shape.ts'
import { Pace } from '../call/pace.ts'
import type { Webhook } from '../call/webhook.ts'
import { follow, STANDING } from './follow.ts'
import { type Piece, watchJob } from './job-stream.ts'

export interface LiveFollowing {
  id: string
  /** What the inbox said of it just now. */
  accepted?: Accepted | undefined
  /** The last event that is known already; 0 when not given. Of a task under way all must come: they tell its answer. */
  after?: number | undefined
  /** Ends the watch with a rejection. */
  signal: AbortSignal
  /**
   * What was done, once and in order; never the answer's text. Who does without has the end as soon as a job's stream
   * tells it, and looks less often.
   */
  onStep?: ((event: TaskEvent) => void) | undefined
  onNote(line: string): void
  /** What a quiet task waits for. */
  onWaiting(waiting: WaitingOn): void
  /** The whole answer so far, as it grows; without it nothing is streamed. */
  onText?: ((text: string) => void) | undefined
}

/** Watches a task until it ends or waits for approval, with its answer's text as soon as it is written; gives what `follow` gives. */
export async function followLive(
  webhook: Webhook,
  following: LiveFollowing,
): Promise<TaskResult | undefined> {
  const { id, accepted, after, onStep, onNote, onWaiting, onText } = following
  const over = new AbortController()
  const signal = AbortSignal.any([following.signal, over.signal])
  const sparing = onStep === undefined
  const { local } = webhook.target
  const fresh = accepted?.status === 'accepted'
  // the job that was called for it takes it up, as a rule: its end, which costs no look, tells when there is something to see
  const called = fresh ? accepted.job_id : undefined
  const told = called !== undefined
  const pace = new Pace(local, fresh, { sparing, told })
  const answer = new LiveAnswer(onText ?? (() => {}), { trusting: sparing && told })
  const onPiece = (piece: Piece) => answer.stream(piece)
  const jobs = new CurrentJob(webhook, { id, signal, pace, sparing, onPiece })
  const onEvents = (events: TaskEvent[], page: TaskEvents) => {
    if (signal.aborted) return
    for (const event of events) if (event.type !== 'delta') onStep?.(event)
    // Of a task that has ended the result tells all.
    if (!onText || STANDING.includes(page.state)) return
    answer.tell(events)
    jobs.see(events, page)
  }
  if (called !== undefined) jobs.listen(called)
  // where a look is a job, and where the end is heard of, the first one is not wasted
  const patient = fresh && (!local || told)
  try {
    const ended = follow(webhook, {
      id,
      patient,
      after,
      seen: accepted?.seen,
      signal,
      pace,
      onEvents,
      onNote,
      onWaiting,
      // who sees no steps is told at once
      places: sparing,
    })
    return await Promise.race([ended, jobs.failed, ...(sparing ? [jobs.ended] : [])])
  } finally {
    over.abort()
    jobs.leave()
  }
}

interface Heard {
  id: string
  signal: AbortSignal
  pace: Pace
  /** Nobody but the answer is waited for. */
  sparing: boolean
  onPiece: (piece: Piece) => void
}

/** Listens to the job that works on the task now. */
class CurrentJob {
  /** Rejects when listening met an error that is not the connection's. */
  readonly failed: Promise<never>
  /** Resolves when the job says what came of the task. */
  readonly ended: Promise<TaskResult>
  #webhook: Webhook
  #task: Heard
  #jobId: string | undefined
  #hears = false
  #leave = new AbortController()
  #fail: (error: unknown) => void = () => {}
  #end: (outcome: TaskResult) => void = () => {}
  #working = false
  /** A model is asked: what comes next is its text. */
  #calling = false
  #written = false

  constructor(webhook: Webhook, task: Heard) {
    this.#webhook = webhook
    this.#task = task
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
  }

  /** What is answered at once has no step between its start and its end, and is not worth a connection. */
  see(events: TaskEvent[], { state, job_id }: TaskEvents): void {
    for (const { type, data } of events) {
      this.#working = type !== 'claimed' && (this.#working || type !== 'accepted')
      const goesOn = type === 'delta' || data.reads !== undefined
      this.#calling = type === 'step' || (goesOn && this.#calling)
    }
    const { pace, sparing } = this.#task
    const isWorthIt = state === 'running' && (this.#working || sparing)
    if (isWorthIt && job_id && job_id !== this.#jobId) this.listen(job_id)
    // all that is to be seen before the text has been seen, and the stream tells of the text and of its end
    const seen = sparing ? state === 'running' && this.#hears : this.#calling
    if (this.#webhook.target.local) pace.calm(seen && this.#jobId === job_id)
  }

  listen(jobId: string): void {
    this.leave()
    this.#jobId = jobId
    this.#leave = new AbortController()
    this.#hears = true
    const { signal: left } = this.#leave
    const { id, signal, pace, sparing, onPiece } = this.#task
    watchJob(this.#webhook, {
      jobId,
      taskId: id,
      signal: AbortSignal.any([signal, left]),
      onPiece: (piece) => {
        // what was claimed has to be seen before its text
        if (this.#working || this.#written || sparing) pace.stir()
        else pace.wake()
        this.#written = true
        onPiece(piece)
      },
      onEnd: (outcome) => {
        const tells = sparing && outcome?.id === id && STANDING.includes(outcome.state)
        if (tells) this.#end(outcome)
        else pace.wake()
      },
    }).then(() => {
      if (left.aborted) return
      this.#hears = false
      pace.calm(false)
      if (sparing) pace.wake()
    }, this.#fail)
  }

  leave(): void {
    this.#leave.abort()
  }
}

/**
 * Puts an answer together while it is written. Two sources tell of it: the job's stream at once, and `delta` events a
 * little later, which are never wrong. Pieces overlap, come twice, and those of two attempts may meet.
 */
export class LiveAnswer {
  #show: (text: string) => void
  /** The answer so far, of this attempt. */
  #text = ''
  /** The part of it that events have told. */
  #told = ''
  /** Pieces beyond a gap, which an event will fill. */
  #ahead: Piece[] = []
  /** Pieces of the next attempt, whose event has yet to come. */
  #early: Piece[] = []
  #streaming = false
  #claimed = false
  #trusting: boolean

  /**
   * `show` gets the whole answer so far, whenever it has grown or begun anew. `trusting`: what is streamed before an
   * attempt was seen to begin is of the first one, and shown, if need be twice.
   */
  constructor(show: (text: string) => void, { trusting = false } = {}) {
    this.#show = show
    this.#trusting = trusting
  }

  /** What events tell: `claimed` begins an attempt, `delta` is text of it. */
  tell(events: TaskEvent[]): void {
    const begins = events.findLastIndex((event) => event.type === 'claimed')
    if (begins >= 0) {
      this.#claimed = true
      this.#begin()
    }
    for (const { type, text, data } of events.slice(Math.max(0, begins))) {
      if (type === 'delta' && data.at === this.#told.length) this.#add(text)
    }
  }

  /** What the job's stream tells. */
  stream(piece: Piece): void {
    const anew = piece.at === 0
    if (!this.#claimed || this.#early.length > 0 || (anew && this.#streaming)) {
      this.#early = anew ? [piece] : [...this.#early, piece]
      if (this.#trusting && !this.#claimed) this.#foretell()
      return
    }
    this.#streaming ||= anew
    // Until its attempt begins, what comes is the rest of one that is over.
    if (this.#streaming) this.#place(piece)
  }

  #foretell(): void {
    let text = ''
    for (const { at, text: more } of this.#early) if (at === text.length) text += more
    if (text !== '') this.#show(text)
  }

  #begin(): void {
    this.#text = ''
    this.#told = ''
    this.#restream()
  }

  #add(text: string): void {
    this.#told += text
    if (this.#text.startsWith(this.#told)) return
    const agree = this.#told.startsWith(this.#text)
    this.#text = this.#told
    // Otherwise the stream told of another attempt than the events do.
    if (agree) this.#grown()
    else {
      this.#restream()
      this.#show(this.#text)
    }
  }

  /** Begins to believe the stream anew, with what it has told of the next attempt. */
  #restream(): void {
    const early = this.#early
    this.#early = []
    this.#ahead = []
    this.#streaming = false
    for (const piece of early) this.stream(piece)
  }

  #place({ at, text }: Piece): void {
    const have = this.#text.length
    if (at > have) this.#ahead.push({ at, text })
    if (at > have || at + text.length <= have) return
    this.#text += text.slice(have - at)
    this.#grown()
  }

  #grown(): void {
    const ahead = this.#ahead
    this.#ahead = []
    this.#show(this.#text)
    for (const piece of ahead) this.#place(piece)
  }
}
