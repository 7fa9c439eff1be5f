import { connect, type Pool } from '../../f/hai/core/db.ts'
import { CHANNEL } from '../../f/hai/core/presence.ts'
import { Failure } from '../failure.ts'

/**
 * Calls `ring` at each announcement of new work, and after a break in the connection, as one may have been missed. The
 * returned function ends it. A database that cannot be reached is a Failure that does not show its URL.
 */
export async function listen(url: string, ring: () => void): Promise<() => Promise<void>> {
  const pool = open(url)
  try {
    await pool.listen(CHANNEL, ring, ring)
  } catch (error) {
    await pool.end({ timeout: 0 })
    const reason = error instanceof Error ? error.message || error.name : String(error)
    throw new Failure('unreachable', `HAI_DATABASE_URL: cannot listen for new work: ${reason}`, {
      next: 'correct it, or unset it: without it the worker looks for work now and then',
    })
  }
  return () => pool.end({ timeout: 1 })
}

function open(url: string): Pool {
  try {
    return connect({ url }, { applicationName: 'hai worker', max: 1 })
  } catch (error) {
    throw new Failure('usage', (error as Error).message, { cause: error })
  }
}
