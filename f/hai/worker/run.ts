import { service } from '../core/base/door.ts'
import { streamAnswer, streamEnd } from '../core/base/windmill.ts'
import { accessFor } from '../core/model/access.ts'
import { answerCall } from '../core/work/worker.ts'

/**
 * Works until nothing is due or the time is used. A wake-up, not an assignment: nothing to do is success. With no `lanes`
 * named it serves all but those of workers elsewhere.
 */
export async function main(lanes: string[] = [], budget_seconds: number = 600, concurrency: number = 16) {
  const means = { models: accessFor, stream: streamAnswer, streamEnd }
  return service({ lanes, budget_seconds, concurrency }, (sql, given, job) =>
    answerCall(sql, given, { ...job, ...means }),
  )
}
