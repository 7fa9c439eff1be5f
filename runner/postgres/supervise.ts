import { setTimeout as delay } from 'node:timers/promises'
import { launch, type Ready } from './launch.ts'
import { isPostmasterOf } from './postmaster.ts'
import type { Startup } from './spawn.ts'

/** Who hears what the supervisor does. After `onUnrecoverable` it does nothing more. */
export interface Listeners {
  log: (line: string) => void
  progress: (phase: string) => void
  onUnrecoverable: (error: Error) => void
}

/** `pid` is undefined while the postmaster is down. After `end` it is nobody's to restart. */
export interface Supervisor {
  pid: () => number | undefined
  end: () => Promise<void>
}

/** Waits before each restart in ms, since the last minute of quiet life; the restart after the last one is not tried. */
const BACKOFF_MS = [0, 250, 500, 1000, 2000, 4000]
const STABLE_MS = 60_000
const POLL_MS = 1000

/** Start the postmaster again, on the same port, whenever it dies; give up when it keeps dying. Never keeps our own process alive. */
export function supervise(startup: Startup, first: Ready, listeners: Listeners): Supervisor {
  const { log, progress, onUnrecoverable } = listeners
  const ending = new AbortController()
  const { signal } = ending
  const terms = { port: first.port, fixed: true, signal, progress }
  let current: Ready | undefined = first

  async function restart(backoff: number[]): Promise<number[]> {
    let reason = 'it dies again and again'
    while (!current) {
      const pause = backoff.shift()
      if (pause === undefined) throw new Error(`PostgreSQL does not stay up: ${reason}`)
      await delay(pause, undefined, { signal, ref: false })
      try {
        current = await launch(startup, terms)
      } catch (error) {
        signal.throwIfAborted()
        reason = (error as Error).message
        log(reason)
      }
    }
    log(`PostgreSQL is back, pid ${current.pid}, port ${current.port}`)
    return backoff
  }

  async function keepAlive(): Promise<void> {
    let backoff = [...BACKOFF_MS]
    while (current) {
      const since = performance.now()
      await death(current, startup.clusterDir, signal)
      log(`PostgreSQL, pid ${current.pid}, died; starting it again`)
      current = undefined
      backoff = await restart(performance.now() - since > STABLE_MS ? [...BACKOFF_MS] : backoff)
    }
  }

  const watching = keepAlive().catch((error) => {
    if (!signal.aborted) onUnrecoverable(error)
  })
  return {
    pid: () => current?.pid,
    end: () => {
      ending.abort()
      return watching
    },
  }
}

/** Resolves when the postmaster is gone: at once for our child, within a second for an adopted one. */
async function death({ pid, child }: Ready, clusterDir: string, signal: AbortSignal): Promise<void> {
  const exited = new Promise((resolve) => child?.once('exit', resolve))
  while (isPostmasterOf(pid, clusterDir)) {
    await Promise.race([exited, delay(POLL_MS, undefined, { signal, ref: false })])
  }
}
