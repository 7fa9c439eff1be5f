import { route } from '../../hai/core/door.ts'
import { ById, fieldsOf, type RequestEvent } from '../../hai/core/http/request.ts'
import { showTask } from '../../hai/core/tasks.ts'

/** What of the request becomes arguments; its headers don't. */
export async function preprocessor(event: RequestEvent) {
  return fieldsOf(event, ById)
}

/** Everything about one task. `GET /admin/tasks/{id}`. */
export async function main(id: string) {
  return route((sql, caller) => showTask(sql, id, caller))
}
