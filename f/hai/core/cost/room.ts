import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { guardsThatAreOff } from './budget.ts'
import { alarms } from './problems.ts'
import { presume } from './settle.ts'
import type { SpentNow } from './shape.ts'
import { rangeOf, sumsOf } from './sums.ts'

export { costProblems as problems } from './problems.ts'

/** Presumes what calls cost whose worker was lost, and tells of backends whose calls all fail. */
export async function tend(sql: Sql): Promise<void> {
  await presume(sql)
  await alarms(sql)
}

/** What was spent today, and what guards nothing. */
export async function now(sql: Sql, caller: Caller): Promise<SpentNow & { problems: string[] }> {
  const [spent_usd, problems] = await Promise.all([spentToday(sql, caller), guardsThatAreOff(sql)])
  return { spent_usd, problems }
}

/** USD; null while nothing metered was called, and when nobody knows what one of the calls cost. */
async function spentToday(sql: Sql, { role, name, ledgerZone: zone }: Caller): Promise<number | null> {
  const range = rangeOf({ days: 1 }, zone)
  const [all] = await sumsOf(sql, range, [], role === 'member' ? name : null)
  return all!.known_usd > 0 && all!.unknown_calls + all!.presumed_calls === 0 ? all!.known_usd : null
}
