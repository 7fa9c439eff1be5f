import { door } from '../core/base/door.ts'
import { taskResult } from '../core/task/show.ts'

/** How a task stands, with its answer or its error when it has ended. */
export async function main(id: string) {
  return door({ id }, (sql, { id }, caller) => taskResult(sql, id, caller))
}
