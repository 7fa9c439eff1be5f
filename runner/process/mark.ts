import { createHash } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commandOf, signal, withVariable } from './table.ts'

/**
 * What a worker process and all that it starts have in their environment: `<owner>/<worker process>`. By it they are
 * found when the worker was killed and they are in sessions of their own, but for those whose environment somebody cleared.
 */
export const MARK = 'HAI_STARTED_BY'

/** The owner of what `hai worker run` starts; its worker processes go by their pid. */
const ELSEWHERE = 'worker'

const POLL_MS = 15
const SURVIVAL_MS = 5_000

/** The owner of what the local stack of a data directory starts. */
export function ownerOf(dataDir: string): string {
  const path = existsSync(dataDir) ? realpathSync(dataDir) : resolve(dataDir)
  return `stack-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`
}

/**
 * Ends all processes of the owner but this one and those of worker processes that `isSpared`; returns the pids. What one
 * of them starts meanwhile is ended too. An error when some survive.
 */
export async function endMarked(
  owner: string,
  isSpared: (worker: string) => boolean = () => false,
): Promise<number[]> {
  const found = new Set<number>()
  const deadline = Date.now() + SURVIVAL_MS
  for (;;) {
    const left = withVariable(MARK, `${owner}/`)
      .filter(({ pid, value }) => pid !== process.pid && !isSpared(value.slice(owner.length + 1)))
      .map(({ pid }) => pid)
    if (left.length === 0) return [...found]
    if (Date.now() > deadline)
      throw new Error(`processes ${left.join(', ')} survive SIGKILL; end them by hand`)
    for (const pid of left) {
      found.add(pid)
      signal(pid, 'SIGKILL')
    }
    await sleep(POLL_MS)
  }
}

/** The mark of what this `hai worker run` starts. */
export const ownMark = () => `${ELSEWHERE}/${process.pid}`

/** Ends what this `hai worker run` started and what those of this machine left that were killed. */
export function endOwnAndAbandoned(): Promise<number[]> {
  return endMarked(ELSEWHERE, (worker) => Number(worker) !== process.pid && isWorker(Number(worker)))
}

/** Ends at once what this `hai worker run` started, for when there is no time to see it gone. */
export function endOwnNow(): void {
  const own = withVariable(MARK, ownMark()).filter(
    ({ pid, value }) => value === ownMark() && pid !== process.pid,
  )
  for (const { pid } of own) signal(pid, 'SIGKILL')
}

function isWorker(pid: number): boolean {
  return / worker run\b/.test(commandOf(pid) ?? '')
}
