import { route } from '../../hai/core/base/door.ts'
import { fieldsOf, type RequestEvent } from '../../hai/core/surface/request.ts'
import { TodoQuery, todosOf } from '../../hai/core/surface/rest.ts'

/** What of the request becomes arguments; its headers don't. */
export async function preprocessor(event: RequestEvent) {
  return fieldsOf(event, TodoQuery)
}

/** Open todos by due date, or those of a `status` newest first. `GET /admin/todos`. */
export async function main(status?: string, tag?: string, text?: string, limit?: string, cursor?: string) {
  return route((sql, caller) => todosOf(sql, { status, tag, text, limit, cursor }, caller))
}
