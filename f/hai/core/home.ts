import { z } from 'zod'
import type { Caller } from './base/caller.ts'
import { brokenSettings } from './base/config.ts'
import type { Sql } from './base/db.ts'
import { parse } from './base/errors.ts'
import { Instant } from './base/time.ts'
import { NOW } from './house.ts'
import type { Home } from './shape.ts'

const DAY_MS = 86_400_000

const WEEK_MS = 7 * DAY_MS

const Input = z.strictObject({
  since: Instant.optional(),
  /** When the caller last looked: what finished before is no news. */
  looked_at: Instant.optional(),
  /** Tasks whose answers the caller has read. */
  read: z.array(z.string()).max(100).default([]),
})

/**
 * What matters now, of every room; of what has ended that since `since`. When that is not given, what finished since
 * `looked_at` (else a day ago), and what failed within a week and was not acknowledged.
 */
export async function home(sql: Sql, input: z.input<typeof Input>, caller: Caller): Promise<Home> {
  const as_of = new Date().toISOString()
  const { since: from, looked_at, read } = parse(Input, input)
  const ago = (ms: number) => new Date(Date.parse(as_of) - ms).toISOString()
  const since = from ?? looked_at ?? ago(DAY_MS)
  const past = { since, failed_since: from ?? ago(WEEK_MS), read }
  const [broken, ...parts] = await Promise.all([
    brokenSettings(sql),
    ...NOW.map((of) => of(sql, caller, past)),
  ])
  const { problems: _, ...rest }: Omit<Home, 'as_of' | 'since'> = Object.assign({}, ...parts)
  const problems = [...broken, ...parts.flatMap((part) => (part as Partial<Home>).problems ?? [])]
  return {
    as_of,
    since,
    ...rest,
    ...(problems.length > 0 && caller.role !== 'member' ? { problems } : {}),
  }
}
