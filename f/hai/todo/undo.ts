import { door } from '../core/base/door.ts'
import { undoTodos } from '../core/todo/journal.ts'

/** Takes back the caller's own last change, of the todo `id` or of any; again, the one before. */
export async function main(id?: string, idempotency_key?: string, time_zone?: string) {
  return door({ id, idempotency_key, time_zone }, undoTodos)
}
