import { door } from '../core/door.ts'
import { taskEvents } from '../core/tasks.ts'

/** A task's history after a cursor: what a tail polls. */
export async function main(id: string, after: number = 0, limit: number = 200) {
  return door({ id, after, limit }, taskEvents)
}
