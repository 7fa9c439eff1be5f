import { vi } from 'vitest'

/**
 * How long a wait for something that has to happen may take, in milliseconds: what is met costs nothing, and a busy
 * machine takes its time. `expect.poll` has it from vitest.config.ts, the waits of `vi` (one second by themselves) here.
 */
export const PATIENCE = { timeout: 90_000, interval: 20 }

const { waitFor, waitUntil } = vi
vi.waitFor = (callback, options) => waitFor(callback, withPatience(options))
vi.waitUntil = (callback, options) => waitUntil(callback, withPatience(options))

function withPatience(options: Parameters<typeof waitFor>[1]) {
  return { ...PATIENCE, ...(typeof options === 'number' ? { timeout: options } : options) }
}

/** For a wait that asks a door each time, which is a job of the stack's: thirty of them are a second of the processor. */
export const ASK_AGAIN = { interval: 100 }
