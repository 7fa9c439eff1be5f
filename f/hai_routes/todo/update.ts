import { route } from '../../hai/core/base/door.ts'
import { ById, fieldsOf, jsonOf, jsonText, type RequestEvent } from '../../hai/core/surface/request.ts'
import { changeTodo } from '../../hai/core/surface/rest.ts'

/** What of the request becomes arguments; its headers don't. */
export async function preprocessor(event: RequestEvent) {
  return { ...fieldsOf(event, ById), raw_string: jsonText(event) }
}

/** Changes what the body names and nothing else. `PATCH /admin/todos/{id}`. */
export async function main(id: string, raw_string: string) {
  return route((sql, caller) => changeTodo(sql, id, jsonOf(raw_string), caller))
}
