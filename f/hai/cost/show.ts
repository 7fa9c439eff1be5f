import { door } from '../core/base/door.ts'
import { costReport, richReport } from '../core/cost/report.ts'

/** The cost report as Windmill's page shows it, in Markdown and tables. Days as for cost/report; the last 7 when not given. */
export async function main(since?: string, until?: string, days?: number, tz?: string) {
  return door({ since, until, days, tz }, async (sql, given, caller) =>
    richReport(await costReport(sql, given, caller)),
  )
}
