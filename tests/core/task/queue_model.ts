import { PRIORITY_SHIFT } from '../../../f/hai/core/task/envelope.ts'
import { LEASE_SECONDS } from '../../../f/hai/core/task/lease.ts'
import type { Priority, State } from '../../../f/hai/core/task/shape.ts'

/** Seconds; far enough from each other that a run's own duration never matters. */
export const TTL = 1800
export const RETRY_AFTER = 10
export const SLOTS = 2
const FREE_SUSPENDS = 3

/** What an operation comes to: a value, or the code of its refusal. */
export type Outcome = string

export interface Token {
  task: number
  lease_no: number
  /** The database's; the model's are numbers only. */
  lease_token?: string
}

export interface ModelTask {
  state: State
  priority: Priority
  key: string | null
  ttl: boolean
  /** Of a chat: which question, and who waits: by a name, without one, or nobody any more. */
  question: number | null
  waits: 'named' | 'unnamed' | 'nobody'
  max_attempts: number
  attempt: number
  next_attempt: boolean
  suspends: number
  lease_no: number
  claim_at: number
  expires_at: number
  events: string[]
  steps: Map<number, { state: 'started' | 'finished' | 'unknown'; lease_no: number; once: boolean }>
}

const OPEN: State[] = ['pending', 'running', 'awaiting_approval']

/** The queue in plain words and with no database: what every operation must come to. */
export class QueueModel {
  tasks: ModelTask[] = []
  leases = new Map<number, { lease_no: number; until: number }>()
  tokens: Token[] = []
  now = 0
  ticks = 0
  last_sweep: number | null = null
  woke_at: number | null = null

  /** Later operations are later, also within one second. */
  time(): number {
    this.ticks += 1
    return this.now + this.ticks * 1e-6
  }

  isLeft = (task: ModelTask) => task.waits === 'nobody'

  /** As what it ends when its time is over. */
  over = (task: ModelTask): State => (this.isLeft(task) ? 'cancelled' : 'expired')

  isOver = (task: ModelTask) =>
    (task.ttl || this.isLeft(task)) && OPEN.includes(task.state) && task.expires_at <= this.now

  enqueue(given: { priority: Priority; key: string | null; ttl: boolean; max_attempts: number }): Outcome {
    const first = this.tasks.findIndex((task) => task.key !== null && task.key === given.key)
    // the digest holds the priority, and no other thing that differs here
    if (first >= 0) return this.tasks[first]!.priority === given.priority ? `duplicate ${first}` : 'conflict'
    return this.put({ ...given, question: null, waits: 'unnamed' })
  }

  put(given: Pick<ModelTask, 'priority' | 'key' | 'ttl' | 'max_attempts' | 'question' | 'waits'>): Outcome {
    const time = this.time()
    this.tasks.push({
      ...given,
      state: 'pending',
      attempt: 0,
      next_attempt: true,
      suspends: 0,
      lease_no: 0,
      claim_at: time - PRIORITY_SHIFT[given.priority],
      expires_at: this.now + TTL,
      events: ['accepted'],
      steps: new Map(),
    })
    return `accepted ${this.tasks.length - 1}`
  }

  /** The same question joins the task under way, or one whose answer nobody has seen. */
  ask(question: number): Outcome {
    const same = this.tasks
      .map((task, index) => ({ task, index }))
      .filter(({ task }) => task.question === question)
    const open = same.filter(({ task }) => OPEN.includes(task.state) && !this.isOver(task))
    const unseen = same.filter(({ task }) => task.state === 'done' && this.isLeft(task))
    const { task, index } = open.at(-1) ?? unseen.at(-1) ?? {}
    if (task) {
      if (task.waits !== 'unnamed') task.waits = 'named'
      task.events.push('joined')
      return `duplicate ${index}`
    }
    // in the same chat, and nobody has seen yet that its time is over
    for (const one of same) {
      if (!OPEN.includes(one.task.state) || !this.isLeft(one.task)) continue
      this.end(one.index, 'cancelled')
      this.leases.delete(one.index)
    }
    return this.put({ question, waits: 'named', priority: 'normal', key: null, ttl: false, max_attempts: 3 })
  }

  leave(index: number): Outcome {
    const task = this.tasks[index]!
    if (OPEN.includes(task.state) && task.waits === 'named') {
      task.waits = 'nobody'
      task.expires_at = this.now + LEASE_SECONDS
      task.events.push('left')
    }
    return this.isLeft(task) ? `${task.state} left` : task.state
  }

  claim(): Outcome {
    if (this.leases.size >= SLOTS) return 'nothing'
    const due = this.tasks
      .map((task, index) => ({ task, index }))
      .filter(
        ({ task }) =>
          task.state === 'pending' &&
          task.claim_at <= this.time() &&
          !this.isOver(task) &&
          !this.isLeft(task),
      )
      .toSorted((a, b) => a.task.claim_at - b.task.claim_at)[0]
    if (!due) return 'nothing'
    const { task, index } = due
    task.state = 'running'
    task.lease_no += 1
    task.attempt += task.next_attempt ? 1 : 0
    task.next_attempt = false
    task.events.push('claimed')
    this.leases.set(index, { lease_no: task.lease_no, until: this.now + LEASE_SECONDS })
    this.tokens.push({ task: index, lease_no: task.lease_no })
    return `${index} number ${task.lease_no} attempt ${task.attempt}`
  }

  holds({ task, lease_no }: Token): ModelTask | undefined {
    const held = this.tasks[task]!
    return held.state === 'running' && held.lease_no === lease_no ? held : undefined
  }

  end(index: number, state: State): void {
    this.tasks[index]!.state = state
    this.tasks[index]!.events.push(state)
  }

  heartbeat(token: Token): Outcome {
    const held = this.holds(token)
    if (held && !this.isOver(held)) {
      this.leases.get(token.task)!.until = this.now + LEASE_SECONDS
      return 'kept'
    }
    const task = this.tasks[token.task]!
    if (this.isOver(task)) this.end(token.task, this.over(task))
    return this.lost(token)
  }

  /** Without the secret a number opens nothing. That time ran out is the clock's doing, whoever looks. */
  forge(token: Token, looks: boolean): Outcome {
    const task = this.tasks[token.task]!
    if (looks && this.isOver(task)) this.end(token.task, this.over(task))
    return 'conflict'
  }

  /** Whoever hears it stops, and so the slot of a task that has ended is free. */
  lost(token: Token): Outcome {
    const { state } = this.tasks[token.task]!
    if (state !== 'running' && this.leases.get(token.task)?.lease_no === token.lease_no)
      this.leases.delete(token.task)
    return 'conflict'
  }

  startStep(token: Token, call: number, once: boolean): Outcome {
    const held = this.holds(token)
    if (!held || this.isOver(held)) return 'conflict'
    const known = held.steps.get(call)
    if (known?.state === 'finished') return 'finished'
    if (known?.state === 'started' && known.once && known.lease_no !== token.lease_no) {
      known.state = 'unknown'
      this.end(token.task, 'dead')
      this.leases.delete(token.task)
      return 'unknown'
    }
    held.steps.set(call, { state: 'started', lease_no: token.lease_no, once })
    held.events.push('step')
    return 'started'
  }

  finishStep(token: Token, call: number): Outcome {
    const held = this.holds(token)
    if (!held || this.isOver(held)) return 'conflict'
    const known = held.steps.get(call)
    if (known?.state === 'started') {
      known.state = 'finished'
      held.events.push('step_done')
    }
    return known?.state === 'finished' ? 'finished' : 'not_found'
  }

  complete(token: Token): Outcome {
    const held = this.holds(token)
    if (!held) return this.lost(token)
    this.end(token.task, this.isOver(held) ? this.over(held) : 'done')
    this.leases.delete(token.task)
    return held.state
  }

  fail(token: Token, retryable: boolean): Outcome {
    const held = this.holds(token)
    if (!held) return this.lost(token)
    this.leases.delete(token.task)
    if (this.isOver(held)) this.end(token.task, this.over(held))
    else if (!retryable || held.attempt >= held.max_attempts) this.end(token.task, 'dead')
    else {
      held.state = 'pending'
      held.claim_at = this.time() + RETRY_AFTER
      held.events.push('retry')
    }
    held.next_attempt = true
    return held.state
  }

  release(token: Token): Outcome {
    const held = this.holds(token)
    if (!held) return this.lost(token)
    held.state = 'pending'
    held.events.push('released')
    this.leases.delete(token.task)
    return 'released'
  }

  cancel(index: number): Outcome {
    const task = this.tasks[index]!
    if (OPEN.includes(task.state)) this.end(index, 'cancelled')
    return task.state === 'cancelled' ? 'cancelled' : 'conflict'
  }

  retry(index: number): Outcome {
    const task = this.tasks[index]!
    if (OPEN.includes(task.state) || task.state === 'done') return 'conflict'
    task.state = 'pending'
    task.attempt = 0
    task.next_attempt = true
    task.suspends = 0
    task.waits = 'unnamed'
    task.claim_at = this.time() - PRIORITY_SHIFT[task.priority]
    task.expires_at = this.now + TTL
    task.events.push('retried')
    this.leases.delete(index)
    return 'pending'
  }

  sweep(): Outcome {
    if (this.last_sweep !== null && this.now - this.last_sweep > LEASE_SECONDS) this.woke_at = this.now
    this.last_sweep = this.now
    let expired = 0
    let rescued = 0
    for (const [index, task] of this.tasks.entries()) {
      if (!this.isOver(task)) continue
      this.end(index, this.over(task))
      expired += 1
    }
    const waiting = this.woke_at !== null && this.woke_at > this.now - LEASE_SECONDS
    for (const [index, { until }] of waiting ? [] : [...this.leases]) {
      if (until >= this.now) continue
      const task = this.tasks[index]!
      this.leases.delete(index)
      if (task.state !== 'running') continue
      this.takeBack(task, index, this.woke_at !== null && until <= this.woke_at)
      rescued += 1
    }
    return `expired ${expired} rescued ${rescued}`
  }

  takeBack(task: ModelTask, index: number, slept: boolean): void {
    const suspended = slept && task.suspends < FREE_SUSPENDS
    if (suspended) task.suspends += 1
    task.next_attempt = !suspended
    if (!suspended && task.attempt >= task.max_attempts) this.end(index, 'dead')
    else {
      task.state = 'pending'
      task.claim_at = Math.min(task.claim_at, this.time())
      task.events.push('rescued')
    }
  }

  /** Time goes by; the schedule goes on as well unless the machine slept. */
  pass(seconds: number, asleep: boolean): Outcome {
    this.now += seconds
    if (!asleep && this.last_sweep !== null) this.last_sweep += seconds
    return 'passed'
  }
}
