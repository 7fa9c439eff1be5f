import { showWithAlerts } from '../../hai/core/alert/now.ts'
import { route } from '../../hai/core/base/door.ts'
import { ById, fieldsOf, type RequestEvent } from '../../hai/core/surface/request.ts'

/** What of the request becomes arguments; its headers don't. */
export async function preprocessor(event: RequestEvent) {
  return fieldsOf(event, ById)
}

/** Everything about one task. `GET /admin/tasks/{id}`. */
export async function main(id: string) {
  return route((sql, caller) => showWithAlerts(sql, id, caller))
}
