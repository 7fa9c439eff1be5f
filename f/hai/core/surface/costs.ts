import type { Caller } from '../base/caller.ts'
import type { Sql } from '../base/db.ts'
import { costReport } from '../cost/report.ts'

/** USD; `spent_usd` and `usd` are null while the cost of one of the calls is unknown, which is not the same as nothing. */
export interface CostsToday {
  date: string
  zone: string
  spent_usd: number | null
  known_usd: number
  unknown_calls: number
  calls: number
  per_agent: { agent: string; calls: number; usd: number | null }[]
}

/** Today's calls, all together and per agent; a member's own. */
export async function costsToday(sql: Sql, caller: Caller): Promise<CostsToday> {
  const report = await costReport(sql, { days: 1, by: ['agent'] }, caller)
  const { calls, usd, known_usd, unknown_calls } = report.total
  const agents = report.by.agent ?? []
  return {
    date: report.since,
    zone: report.zone,
    spent_usd: usd,
    known_usd,
    unknown_calls,
    calls,
    per_agent: agents.map(({ key, calls, usd }) => ({ agent: key, calls, usd })),
  }
}
