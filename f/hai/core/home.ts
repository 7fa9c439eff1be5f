import { z } from 'zod'
import type { Caller } from './base/caller.ts'
import { brokenSettings } from './base/config.ts'
import type { Sql } from './base/db.ts'
import { parse } from './base/errors.ts'
import { Instant } from './base/time.ts'
import { NOW } from './house.ts'
import type { Home } from './shape.ts'

const DAY_MS = 86_400_000

const Input = z.strictObject({ since: Instant.optional() })

/** What matters now, of every room; of what has ended that since `since` (a day ago when not given). */
export async function home(sql: Sql, input: z.input<typeof Input>, caller: Caller): Promise<Home> {
  const as_of = new Date().toISOString()
  const since = parse(Input, input).since ?? new Date(Date.now() - DAY_MS).toISOString()
  const [broken, ...parts] = await Promise.all([
    brokenSettings(sql),
    ...NOW.map((of) => of(sql, caller, since)),
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
