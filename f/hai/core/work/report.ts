import type { Sql } from '../base/db.ts'
import type { HeldTask } from '../model/held_task.ts'
import type { AttemptFailure } from '../task/backend.ts'
import { REPORT } from '../task/envelope.ts'
import type { ClaimedTask } from '../task/shape.ts'

/** Seconds that a report waits for a model, from when it came in. */
const PATIENCE = 600

/** Characters of what was told that an answer repeats. */
const LONGEST = 64 * 1024

/** The handle of a task that, being a report, never ends dead for want of a model. */
export function tellingAtLeast(sql: Sql, task: ClaimedTask, handle: HeldTask): HeldTask {
  return {
    ...handle,
    fail: async (failure) => {
      if (!(await isLast(sql, task, failure))) return handle.fail(failure)
      return handle.complete({ output: toldBy(task, failure), agent: 'built-in', route: 'built-in' })
    },
  }
}

/** Whether a report gets no other try soon. */
async function isLast(sql: Sql, task: ClaimedTask, failure: AttemptFailure): Promise<boolean> {
  const { retryable, uses_attempt = true, retry_after_seconds = 0, not_before = null } = failure
  const [report] = await sql<{ patient: boolean }[]>`
    select coalesce(greatest(now() + make_interval(secs => ${retry_after_seconds}), ${not_before}::timestamptz)
      < created_at + make_interval(secs => ${PATIENCE}), true) as patient
    from hai.task_queue where id = ${task.id} and intent = ${REPORT}`
  if (!report) return false
  return !(retryable && report.patient && (!uses_attempt || task.attempt < task.max_attempts))
}

function toldBy({ content, context }: ClaimedTask, { message }: AttemptFailure): string {
  const [headline = ''] = content.split('\n', 1)
  const facts = context.map(({ text }) => text).join('\n\n')
  const shown = facts.length > LONGEST ? `${facts.slice(0, LONGEST)}…` : facts
  return `${headline}\n\n${shown}\n\nNo model has looked at it: ${message}`
}
