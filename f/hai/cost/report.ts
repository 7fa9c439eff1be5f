import { door } from '../core/base/door.ts'
import { costReport } from '../core/cost/report.ts'

/**
 * What model calls came to, per day and by agent, source, requester, route, backend, model and billing (`by` picks some).
 * Days are `2026-11-27`, `today` or `yesterday`; the last 7 when not given. `top` names so many of the dearest tasks.
 */
export async function main(
  since?: string,
  until?: string,
  days?: number,
  by?: string[],
  tz?: string,
  top?: number,
) {
  return door({ since, until, days, by: by as never, tz, top }, costReport)
}
