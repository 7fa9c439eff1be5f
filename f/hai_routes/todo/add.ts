import { route } from '../../hai/core/base/door.ts'
import { bodyOf } from '../../hai/core/surface/request.ts'
import { createTodo } from '../../hai/core/surface/rest.ts'

/** Adds a todo of the caller's and answers 201. `POST /admin/todos`. */
export async function main(body: unknown, raw_string: string) {
  return route((sql, caller) => createTodo(sql, bodyOf({ body, raw_string }), caller))
}
