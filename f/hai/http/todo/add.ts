import { route } from '../../core/door.ts'
import { createTodo } from '../../core/http/todos.ts'

/** Adds a todo of the caller's and answers 201. `POST /admin/todos`. */
export async function main(body: unknown) {
  return route((sql, caller) => createTodo(sql, body, caller))
}
