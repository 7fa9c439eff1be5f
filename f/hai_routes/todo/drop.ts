import { route } from '../../hai/core/base/door.ts'
import { ById, fieldsOf, type RequestEvent } from '../../hai/core/surface/request.ts'
import { dropTodo } from '../../hai/core/surface/rest.ts'

/** What of the request becomes arguments; its headers don't. */
export async function preprocessor(event: RequestEvent) {
  return fieldsOf(event, ById)
}

/** Drops a todo, which can be opened again. `DELETE /admin/todos/{id}`. */
export async function main(id: string) {
  return route((sql, caller) => dropTodo(sql, id, caller))
}
