import { door } from './core/base/door.ts'
import { home } from './core/home.ts'

/**
 * What waits for the caller, runs, ended and is due: all that `hai` alone shows. `looked_at` and `read` leave out what is
 * no news: what finished before then, and these tasks.
 */
export async function main(since?: string, looked_at?: string, read: string[] = [], time_zone?: string) {
  return door({ since, looked_at, read, time_zone }, home)
}
