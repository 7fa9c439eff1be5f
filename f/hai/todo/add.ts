import { door } from '../core/base/door.ts'
import { addTodo } from '../core/todo/todos.ts'

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
) {
  const given = metadata as Record<string, unknown>
  const todo = { body, parse, tags, priority, due, recur, depends_on, metadata: given, idempotency_key }
  return door(todo, (sql, given, { name, zone }) => addTodo(sql, { ...given, created_by: name, zone }))
}
