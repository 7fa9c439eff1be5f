import { route } from '../../hai/core/base/door.ts'
import { ById, fieldsOf, type RequestEvent } from '../../hai/core/surface/request.ts'
import { showTodo } from '../../hai/core/todo/todos.ts'

/** What of the request becomes arguments; its headers don't. */
export async function preprocessor(event: RequestEvent) {
  return fieldsOf(event, ById)
}

/** One todo, with the answer of its last task. `GET /admin/todos/{id}`. */
export async function main(id: string) {
  return route((sql, caller) => showTodo(sql, id, caller))
}
