import { route } from '../../hai/core/base/door.ts'
import { fieldsOf, type RequestEvent } from '../../hai/core/surface/request.ts'
import { TaskQuery, tasksOfToday } from '../../hai/core/surface/rest.ts'

/** What of the request becomes arguments; its headers don't. */
export async function preprocessor(event: RequestEvent) {
  return fieldsOf(event, TaskQuery)
}

/** Today's tasks, newest first; with `state` those of any day that are in it. `GET /admin/tasks`. */
export async function main(state?: string, limit?: string, cursor?: string, text?: string) {
  return route((sql, caller) => tasksOfToday(sql, { state, limit, cursor, text }, caller))
}
