import { route } from '../../hai/core/base/door.ts'
import { ById, fieldsOf, type RequestEvent } from '../../hai/core/surface/request.ts'
import { taskResult } from '../../hai/core/task/show.ts'

/** What of the request becomes arguments; its headers don't. */
export async function preprocessor(event: RequestEvent) {
  return fieldsOf(event, ById)
}

/** How a task stands, with its answer or its error when it has ended. `GET /admin/tasks/{id}/result`. */
export async function main(id: string) {
  return route((sql, caller) => taskResult(sql, id, caller))
}
