import { door } from './core/base/door.ts'
import { home } from './core/home.ts'

/** What waits for the caller, runs, ended and is due: all that `hai` alone shows. */
export async function main(since?: string) {
  return door({ since }, home)
}
