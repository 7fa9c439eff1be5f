/** Whose a job is, as far as it decides when its turn comes. */
export interface Turn {
  user: string
  /** The user's jobs are no member's. */
  admin: boolean
  /** Everybody waits for it: housekeeping, or a worker's wake-up. */
  shared: boolean
}

/**
 * The jobs that wait for one of `places`, and those that have one. What everybody waits for goes first and alone gets the
 * last `reserved` places; the rest in the order it came. Who is no admin has at most half of the places, and with the
 * wake-ups that the user rang three quarters; what is over waits, and nothing behind it does.
 */
export class FairQueue<Job extends Turn> {
  #places: number
  #reserved: number
  #waiting: Job[] = []
  #running = new Set<Job>()

  constructor(places: number, reserved: number) {
    this.#places = places
    this.#reserved = reserved
  }

  get length(): number {
    return this.#waiting.length
  }

  add(job: Job): void {
    this.#waiting.push(job)
  }

  /** Before all others: it had its turn, and nothing came of it. */
  putBack(job: Job): void {
    this.#running.delete(job)
    this.#waiting.unshift(job)
  }

  /** Whose turn it is; undefined when nobody's. It goes on waiting until it begins. */
  next(): Job | undefined {
    const first = this.#waiting.find((job) => job.shared && this.#hasRoom(job))
    return first ?? this.#waiting.find((job) => !job.shared && this.#hasRoom(job))
  }

  begin(job: Job): void {
    this.remove(job)
    this.#running.add(job)
  }

  end(job: Job): void {
    this.#running.delete(job)
  }

  /** False when it doesn't wait here. */
  remove(job: Job): boolean {
    const at = this.#waiting.indexOf(job)
    if (at >= 0) this.#waiting.splice(at, 1)
    return at >= 0
  }

  /** Takes out all that wait. */
  clear(): Job[] {
    return this.#waiting.splice(0)
  }

  #hasRoom({ user, admin, shared }: Turn): boolean {
    const running = [...this.#running]
    const own = running.filter((job) => job.user === user)
    const ordinary = (jobs: Job[]) => jobs.filter((job) => !job.shared).length
    if (!shared && ordinary(running) >= atLeastOne(this.#places - this.#reserved)) return false
    if (admin) return true
    if (own.length >= atLeastOne((this.#places * 3) / 4)) return false
    return shared || ordinary(own) < atLeastOne(this.#places / 2)
  }
}

function atLeastOne(places: number): number {
  return Math.max(1, Math.floor(places))
}
