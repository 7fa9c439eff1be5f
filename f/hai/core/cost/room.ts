import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import type { Room } from '../base/room.ts'
import { Budget, guardsThatAreOff } from './budget.ts'
import { alarms, costProblems } from './problems.ts'
import { presume } from './settle.ts'
import type { SpentNow } from './shape.ts'
import { rangeOf, sumsOf } from './sums.ts'

export const cost: Room = {
  settings: { budget: Budget },
  problems: costProblems,
  tend: async (sql) => {
    await presume(sql)
    await alarms(sql)
  },
  now: async (sql, caller): Promise<SpentNow & { problems: string[] }> => {
    const [spent_usd, problems] = await Promise.all([spentToday(sql, caller), guardsThatAreOff(sql)])
    return { spent_usd, problems }
  },
}

/** USD; null while nothing metered was called, and when nobody knows what one of the calls cost. */
async function spentToday(sql: Sql, { role, name, zone }: Caller): Promise<number | null> {
  const range = rangeOf({ days: 1 }, zone)
  const [all] = await sumsOf(sql, range, [], role === 'member' ? name : null)
  return all!.known_usd > 0 && all!.unknown_calls + all!.presumed_calls === 0 ? all!.known_usd : null
}
