import type { Sql } from '../base/db.ts'
import { MAX_ATTEMPTS } from './notice.ts'

/** What health says of notices that were given up within a day, as sentences with what to do. */
export async function outboxProblems(sql: Sql): Promise<string[]> {
  const rows = await sql<{ failed: number; error: string }[]>`
    select count(*)::int as failed, (array_agg(error order by failed_at desc))[1] as error
    from hai.notice
    where failed_at > now() - interval '1 day' and attempts >= ${MAX_ATTEMPTS}
    having count(*) > 0`
  return rows.map(
    ({ failed, error }) =>
      `${failed} ${failed === 1 ? 'notice' : 'notices'} could not be sent (${error}); mend the channels configuration`,
  )
}
