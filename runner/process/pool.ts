import { FairQueue, type Turn } from './fair-queue.ts'
import type { JobOutput } from './output.ts'
import type { WorkerProcess } from './process.ts'
import type { Ending, Order } from './protocol.ts'

/** A job on its way to a process. */
export interface Assignment extends Turn {
  /** May run in a process that ran other jobs, and leave it for more. */
  warm: boolean
  output: JobOutput
  /** What it is, for the log. */
  label: () => string
  /** Called when a process takes the job. */
  begin: (process: WorkerProcess) => Order
  /** Called with the arguments that the script's preprocessor made. */
  preprocessed: (args: Record<string, unknown>) => void
  end: (ending: Ending) => void
  /** How often a process died before it reached main. */
  losses?: number
}

export interface PoolOptions {
  /** What its processes are for, as the log calls them. */
  name: string
  /** Processes that are always ready. */
  min: number
  /** Idle processes above this number end at once, those above `min` after a minute. */
  keep: number
  max: number
  /** Milliseconds from a SIGINT to the end of a process whose job is to end; 0: no signal, and no time. */
  patience: number
  /** So many of these never go to jobs that nobody but their caller waits for. */
  reserved: number
  spawn: () => WorkerProcess
  /** Another value means that processes with loaded modules are out of date. */
  stamp: () => string
  /** Called when processes came or went. */
  changed: () => void
  log: (line: string) => void
}

const SHRINK_MS = 60_000
const SPARE_MS = 10 * 60_000
const MAX_LOSSES = 3
const MAX_BACKOFF_MS = 5_000
const STOPPING: Ending = { kind: 'crashed', started: false, reason: 'the local stack is stopping' }

interface Member {
  process: WorkerProcess
  stamp: string
  idleSince: number
  /** What it runs. */
  assignment?: Assignment
}

/** Processes that run jobs, one each at a time; whatever goes wrong on the way, each job that was submitted ends. */
export class Pool {
  #options: PoolOptions
  #members = new Set<Member>()
  /** The last one used is the last of the list and the first to be used again: its modules are loaded. */
  #idle: Member[] = []
  #queue: FairQueue<Assignment>
  #spareUntil = 0
  #failures = 0
  #stopping = false
  #shrinking: NodeJS.Timeout

  constructor(options: PoolOptions) {
    this.#options = options
    this.#queue = new FairQueue(options.max, options.reserved)
    this.#shrinking = setInterval(() => this.#guard(() => this.#shrink()), SHRINK_MS / 2).unref()
    this.#replenish()
  }

  submit(assignment: Assignment): void {
    if (this.#stopping) {
      this.#end(assignment, STOPPING)
      return
    }
    this.#queue.add(assignment)
    this.#advance()
  }

  /** Takes a job back that no process has taken; false when one has. */
  withdraw(assignment: Assignment): boolean {
    return this.#queue.remove(assignment)
  }

  get pids(): number[] {
    return [...this.#members].flatMap(({ process }) => process.pid ?? [])
  }

  /** Whether a process of that name is there. */
  has(name: string): boolean {
    return [...this.#members].some(({ process }) => process.name === name)
  }

  get busy(): boolean {
    return this.#queue.length > 0 || this.#members.size > this.#idle.length
  }

  /** How long a job that is to end may tidy up; milliseconds. */
  get patience(): number {
    return this.#options.patience
  }

  /** Ends all processes: idle ones now, busy ones when their job ends or after `grace` ms, with that much patience. */
  async stop(grace: number, patience: number): Promise<void> {
    this.#stopping = true
    clearInterval(this.#shrinking)
    for (const waiting of this.#queue.clear()) this.#end(waiting, STOPPING)
    for (const member of this.#idle.splice(0)) member.process.kill()
    const timer = setTimeout(() => {
      for (const { process } of this.#members) process.end(patience)
    }, grace)
    await Promise.all([...this.#members].map(({ process }) => process.gone))
    clearTimeout(timer)
  }

  #advance(): void {
    for (let next = this.#queue.next(); next && !this.#stopping; next = this.#queue.next()) {
      try {
        const member = this.#take(next.warm)
        if (!member) break
        this.#queue.begin(next)
        void this.#run(member, next)
      } catch (error) {
        this.#queue.remove(next)
        this.#end(next, { kind: 'crashed', started: false, reason: messageOf(error) })
      }
    }
    this.#guard(() => this.#replenish())
  }

  /** Nobody waits for this promise: it never rejects. */
  async #run(member: Member, assignment: Assignment): Promise<void> {
    member.assignment = assignment
    const ending = await this.#attempt(member, assignment)
    this.#guard(() => {
      const isOver = !assignment.warm || this.#stopping || member.process.spent
      if (isOver || member.stamp !== this.#options.stamp()) member.process.kill()
    })
    this.#guard(() => {
      if (!member.process.spent) this.#rest(member)
    })
    const lost = ending.kind === 'crashed' && !ending.started
    const losses = (assignment.losses ?? 0) + 1
    if (lost && losses < MAX_LOSSES && !this.#stopping) {
      assignment.losses = losses
      this.#queue.putBack(assignment)
    } else {
      this.#queue.end(assignment)
      this.#end(assignment, ending)
    }
    this.#advance()
  }

  #end(assignment: Assignment, ending: Ending): void {
    this.#guard(() => assignment.end(ending))
  }

  /** What goes wrong beside the jobs stops none of them, and is told. */
  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#options.log(`${this.#options.name} processes: ${error instanceof Error ? error.stack : error}`)
    }
  }

  /** A job that can't be handed over ends, and its process with it: who knows what that has read of it. */
  async #attempt({ process }: Member, assignment: Assignment): Promise<Ending> {
    try {
      return await process.run(assignment.begin(process), assignment.output, assignment.preprocessed)
    } catch (error) {
      process.kill()
      return { kind: 'crashed', started: true, reason: messageOf(error) }
    }
  }

  #rest(member: Member): void {
    member.idleSince = Date.now()
    delete member.assignment
    this.#idle.push(member)
    if (this.#idle.length > this.#options.keep) this.#dismiss(Math.max(0, this.#idle.findIndex(isUsed)))
  }

  #dismiss(at: number): void {
    this.#idle.splice(at, 1)[0]?.process.kill()
  }

  #take(warm: boolean): Member | undefined {
    const stamp = this.#options.stamp()
    for (const member of this.#idle) if (member.stamp !== stamp) member.process.kill()
    this.#idle = this.#idle.filter(({ process }) => !process.spent)
    if (!warm) this.#spareUntil = Date.now() + SPARE_MS
    const at = this.#idle.findLastIndex(({ process }) => warm || process.fresh)
    if (at >= 0) return this.#idle.splice(at, 1)[0]
    // All places are taken, but by processes that only warm jobs may use.
    if (this.#alive() >= this.#options.max) this.#dismiss(0)
    return this.#alive() < this.#options.max ? this.#spawn() : undefined
  }

  #alive(): number {
    return [...this.#members].filter(({ process }) => !process.spent).length
  }

  #spawn(): Member {
    const process = this.#options.spawn()
    const member = { process, stamp: this.#options.stamp(), idleSince: Date.now() }
    this.#members.add(member)
    void process.gone.then(() => this.#bury(member))
    this.#options.changed()
    return member
  }

  #bury(member: Member): void {
    this.#members.delete(member)
    this.#guard(() => {
      this.#options.changed()
      this.#tell(member)
    })
    const wasIdle = this.#idle.includes(member)
    this.#idle = this.#idle.filter((other) => other !== member)
    // A process that dies before its first job will likely do so again: Bun is broken, or memory is short.
    this.#failures = wasIdle && member.process.fresh ? this.#failures + 1 : 0
    const delay = this.#failures > 2 ? Math.min(MAX_BACKOFF_MS, 50 * 2 ** this.#failures) : 0
    if (!this.#stopping) setTimeout(() => this.#advance(), delay).unref()
  }

  /** Nobody else would ever say that somebody, or the kernel, ended it. */
  #tell({ process: { pid, lost }, assignment }: Member): void {
    if (lost === undefined || this.#stopping) return
    const what = assignment ? `while it ran ${assignment.label()}` : 'while it was idle'
    this.#options.log(`the ${this.#options.name} process ${pid ?? ''} ${lost} ${what}`)
  }

  /** Keeps `min` processes, and one that was never used when jobs came that need such a one. */
  #replenish(): void {
    if (this.#stopping) return
    while (this.#alive() < this.#options.min) this.#idle.unshift(this.#spawn())
    if (Date.now() > this.#spareUntil || this.#alive() >= this.#options.max) return
    if (this.#idle.every(isUsed)) this.#idle.unshift(this.#spawn())
  }

  #shrink(): void {
    const before = Date.now() - SHRINK_MS
    while (this.#alive() > this.#options.min && (this.#idle[0]?.idleSince ?? before) < before) {
      this.#dismiss(0)
    }
  }
}

function isUsed({ process }: Member): boolean {
  return !process.fresh
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
