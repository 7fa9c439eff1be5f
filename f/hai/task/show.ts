import { door } from '../core/base/door.ts'
import { showTask } from '../core/task/show.ts'

/** Everything about one task: its content, why it waits, its events and its answer. */
export async function main(id: string) {
  return door({ id }, (sql, { id }, caller) => showTask(sql, id, caller))
}
