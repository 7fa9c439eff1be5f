import type {
  State,
  TaskEvent,
  TaskEvents,
  TaskResult,
  TaskView,
  WaitingOn,
} from '../../f/hai/core/task/shape.ts'
import type { Pace } from '../call/pace.ts'
import type { Webhook } from '../call/webhook.ts'
import { EXIT, Failure } from '../failure.ts'
import { shortId } from '../show/words.ts'

export interface Following {
  id: string
  /** Nothing is to be seen yet: the first look is after a pause. */
  patient: boolean
  /** The last event that is known already; 0 when not given. */
  after?: number | undefined
  /** What a first look would give, where that is known. */
  seen?: TaskEvents | undefined
  /** Ends the watch with a rejection. */
  signal: AbortSignal
  /** When to look again. */
  pace: Pace
  /** Events that were not handed over before, and the answer that brought them. */
  onEvents(events: TaskEvent[], answer: TaskEvents): void
  onNote(line: string): void
  /** What a quiet task waits for. */
  onWaiting(waiting: WaitingOn): void
  /** Its place in a queue is told with the first look, and whenever it is another. */
  places?: boolean | undefined
}

/** States in which nothing more happens without a person. */
export const STANDING: readonly State[] = [
  'done',
  'dead',
  'cancelled',
  'expired',
  'rejected',
  'awaiting_approval',
]
const PAGE = 1000
/** A place in a queue, which is told at once and whenever it is another. */
const PLACES: (string | undefined)[] = ['lane_full', 'behind']
/** Without an event for so long, the task is asked what it waits for. */
const QUIET_MS = 1_000
const QUIET_AGAIN_MS = 3_000
/** How long a server may be away before the watch ends. */
const AWAY_MS = 120_000

/**
 * Watches a task until it ends or waits for approval, and gives what came of it; servers before this release don't say.
 * Every event is handed over once and in order, also across lost connections: the cursor is the last event's `seq`.
 */
export async function follow(webhook: Webhook, following: Following): Promise<TaskResult | undefined> {
  const { id, patient, signal, pace } = following
  const connection = new Connection(following)
  const silence = new Silence(following)
  let { after = 0, seen } = following
  if (patient && !seen) await pace.pause(signal)
  for (;;) {
    signal.throwIfAborted()
    const asks = following.places || silence.isDue()
    const page = { id, after, limit: PAGE, with_result: true, with_waiting: asks }
    const look = () => webhook.call<TaskEvents>('task/events', page)
    const answer: TaskEvents | undefined = seen ?? (await connection.attempt(look))
    seen = undefined
    if (answer) {
      const fresh = answer.events.filter(({ seq }) => seq > after)
      after = fresh.at(-1)?.seq ?? after
      following.onEvents(fresh, answer)
      if (fresh.some(({ type }) => type !== 'delta')) pace.reset()
      if (answer.events.length === PAGE) continue
      if (STANDING.includes(answer.state)) return answer.outcome
      const due = silence.isOver(answer.events.length)
      const { waiting_on } = answer
      // servers before this release tell it only there
      if (asks && waiting_on === undefined) {
        const task = due && (await connection.attempt(() => webhook.call<TaskView>('task/show', { id })))
        if (task) silence.explain(task.waiting_on)
      } else if (due || PLACES.includes(waiting_on?.code)) silence.explain(waiting_on)
    }
    await pace.pause(signal)
  }
}

/** Says, once per reason, what a quiet task waits for. */
class Silence {
  #following: Following
  #askAt = Date.now() + QUIET_MS
  #said = ''

  constructor(following: Following) {
    this.#following = following
  }

  /** Whether it is time to ask what the task waits for. */
  isDue(): boolean {
    return Date.now() >= this.#askAt
  }

  /** The same, once an answer has come with so many events. */
  isOver(events: number): boolean {
    if (events > 0) this.#askAt = Date.now() + QUIET_MS
    if (!this.isDue()) return false
    this.#askAt = Date.now() + QUIET_AGAIN_MS
    return true
  }

  explain(waiting: WaitingOn | null | undefined): void {
    if (!waiting || waiting.text === this.#said) return
    this.#said = waiting.text
    this.#following.onWaiting(waiting)
  }
}

/** Sits out a server that is away for a while. */
class Connection {
  #following: Following
  #lostAt: number | undefined

  constructor(following: Following) {
    this.#following = following
  }

  /** What the call returns; undefined while the server is away. */
  async attempt<T>(call: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await call()
      if (this.#lostAt !== undefined) this.#following.onNote('connected again')
      this.#lostAt = undefined
      return answer
    } catch (error) {
      if (!(error instanceof Failure) || error.exit !== EXIT.unreachable) throw error
      if (this.#lostAt === undefined) this.#following.onNote(`${error.message}; trying again`)
      this.#lostAt ??= Date.now()
      if (Date.now() - this.#lostAt < AWAY_MS) return undefined
      error.next = `the task goes on; later: hai task tail ${shortId(this.#following.id)}`
      throw error
    }
  }
}
