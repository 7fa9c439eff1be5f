import { Failure } from '../cli/failure.ts'
import { isDirect } from '../f/hai/core/base/address.ts'
import { connect, type Pool } from '../f/hai/core/base/db.ts'
import { CHANNEL } from '../f/hai/core/task/wake.ts'

/**
 * Calls `ring` at each announcement of new work, and after a break in the connection, as one may have been missed. The
 * returned function ends it; there is none where no address is given, or a pooler's alone, which `say` is told. A database
 * that can't be reached is a Failure that does not show its URL.
 */
export async function listen(
  env: NodeJS.ProcessEnv,
  ring: () => void,
  say: (line: string) => void,
): Promise<(() => Promise<void>) | undefined> {
  const direct = env.HAI_DATABASE_DIRECT_URL
  const url = direct || env.HAI_DATABASE_URL
  const name = direct ? 'HAI_DATABASE_DIRECT_URL' : 'HAI_DATABASE_URL'
  if (!url) return undefined
  const pool = open(url, name)
  try {
    const answer = await pool<{ backend: number }[]>`select pg_backend_pid() as backend`
    if (isDirect(answer, answer[0]!.backend)) {
      await pool.listen(CHANNEL, ring, ring)
      return () => pool.end({ timeout: 1 })
    }
  } catch (error) {
    await pool.end({ timeout: 0 })
    const reason = error instanceof Error ? error.message || error.name : String(error)
    throw new Failure('unreachable', `${name}: cannot listen for new work: ${reason}`, {
      next: 'correct it, or unset it: without it the worker looks for work now and then',
    })
  }
  await pool.end({ timeout: 1 })
  const pooled = `${name} leads to a connection pooler, through which new work isn't heard of`
  if (direct) throw new Failure('usage', `${pooled}; give the address of PostgreSQL itself`)
  say(`${pooled}: it is looked for now and then; HAI_DATABASE_DIRECT_URL may give PostgreSQL's own address`)
  return undefined
}

function open(url: string, name: string): Pool {
  try {
    return connect({ url }, { applicationName: 'hai worker', max: 1, name })
  } catch (error) {
    throw new Failure('usage', (error as Error).message, { cause: error })
  }
}
