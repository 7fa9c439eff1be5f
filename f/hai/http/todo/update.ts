import { route } from '../../core/door.ts'
import { fieldsOf, type RequestEvent } from '../../core/http/request.ts'
import { changeTodo } from '../../core/http/todos.ts'

/** What of the request becomes arguments; its headers don't. */
export async function preprocessor(event: RequestEvent) {
  return { ...fieldsOf(event, ['id']), body: event.body }
}

/** Changes what the body names and nothing else. `PATCH /admin/todos/{id}`. */
export async function main(id: string, body: unknown) {
  return route((sql, caller) => changeTodo(sql, id, body, caller))
}
