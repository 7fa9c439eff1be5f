import { ApiError } from './api-error.ts'
import type { Identity } from './identity.ts'

interface Share {
  jobs: number
  bytes: number
  streams: number
}

/** What one user may have under way at once; the operator's own schedules and scripts are many. */
const MEMBER: Share = { jobs: 100, bytes: 24 * 1024 * 1024, streams: 50 }
const ADMIN: Share = { jobs: 5_000, bytes: 256 * 1024 * 1024, streams: 1_000 }
const AGAIN_SECONDS = 10

const WORDS: Record<keyof Share, string> = {
  jobs: 'unfinished jobs',
  bytes: 'bytes of arguments in unfinished jobs',
  streams: 'open streams',
}

/** Keeps one user from filling the memory that all live in: 429 for what is more than his share. */
export class FairShare {
  #users = new Map<string, Share>()

  /** Counts something for a user until the returned function is called, once. */
  take(identity: Identity, more: Partial<Share>): () => void {
    const { user, admin } = identity
    const most = admin ? ADMIN : MEMBER
    const has = this.#users.get(user) ?? { jobs: 0, bytes: 0, streams: 0 }
    const kinds = Object.keys(more) as (keyof Share)[]
    for (const kind of kinds) {
      if (has[kind] + more[kind]! <= most[kind]) continue
      throw new ApiError(
        429,
        `${user} has ${has[kind]} ${WORDS[kind]}, and may have ${most[kind]}; wait for some to end, or cancel them`,
        AGAIN_SECONDS,
      )
    }
    this.#add(user, has, more, 1)
    return () => this.#add(user, this.#users.get(user)!, more, -1)
  }

  #add(user: string, has: Share, more: Partial<Share>, sign: number): void {
    const { jobs = 0, bytes = 0, streams = 0 } = more
    const now = {
      jobs: has.jobs + sign * jobs,
      bytes: has.bytes + sign * bytes,
      streams: has.streams + sign * streams,
    }
    if (now.jobs + now.bytes + now.streams === 0) this.#users.delete(user)
    else this.#users.set(user, now)
  }
}
