import { door } from '../core/base/door.ts'
import { addTodoFor } from '../core/todo/todos.ts'

/** Adds a todo. With `parse`, `#tag`, `due friday` and `!high` are taken out of the body. `recur`: how often. */
export async function main(
  body: string,
  parse: boolean = false,
  tags: string[] = [],
  priority?: 'low' | 'normal' | 'high' | 'urgent',
  due?: string,
  depends_on: string[] = [],
  metadata: object = {},
  idempotency_key?: string,
  recur?: string,
  time_zone?: string,
) {
  const given = metadata as Record<string, unknown>
  const read = { body, parse, tags, priority, due, recur, time_zone }
  return door({ ...read, depends_on, metadata: given, idempotency_key }, addTodoFor)
}
