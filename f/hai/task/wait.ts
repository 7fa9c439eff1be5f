import { door } from '../core/base/door.ts'
import { accessFor } from '../core/model/access.ts'
import { outcomeOf, waitForTask } from '../core/surface/wait.ts'

/** A task when it has ended, or as it stands when `seconds` are over; fails when it ended without an answer. */
export async function main(id: string, seconds: number = 300) {
  return door({ id, seconds }, async (sql, given, caller, principal, stopped, jobId) => {
    const helper = { principal, jobId, models: accessFor, stopped: stopped() }
    return outcomeOf(await waitForTask(sql, given, caller, helper))
  })
}
