import { door } from '../core/base/door.ts'
import { taskEvents } from '../core/task/show.ts'

/**
 * A task's history after a cursor: what a tail polls. `with_result` spares it another call when the task has ended,
 * `with_waiting` one for what it waits for.
 */
export async function main(
  id: string,
  after: number = 0,
  limit: number = 200,
  with_result: boolean = false,
  with_waiting: boolean = false,
) {
  return door({ id, after, limit, with_result, with_waiting }, taskEvents)
}
