import { door } from '../core/base/door.ts'
import { pageOf } from '../core/cost/page.ts'
import { costReport } from '../core/cost/report.ts'

/** The cost report as one HTML page that loads nothing. Days are `2026-11-27`, `today` or `yesterday`; the last 7 when not given. */
export async function main(since?: string, until?: string, days?: number, tz?: string) {
  return door({ since, until, days, tz }, async (sql, given, caller) => {
    const report = await costReport(sql, { ...given, top: 10 }, caller)
    return { html: await pageOf(report) }
  })
}
