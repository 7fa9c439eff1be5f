import { door } from '../core/base/door.ts'
import { todosFor } from '../core/todo/list.ts'

/** Open todos by due date, others newest first; with `next` only what can be done now, most pressing first. */
export async function main(
  status: 'open' | 'done' | 'dropped' | 'all' = 'open',
  tag?: string,
  text?: string,
  due_before?: string,
  next: boolean = false,
  limit: number = 50,
  cursor?: string,
  time_zone?: string,
) {
  const filter = { status, tag, text, due_before, next, limit, cursor, time_zone }
  return door(filter, todosFor)
}
