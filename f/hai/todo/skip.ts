import { door } from '../core/base/door.ts'
import { skipTodo } from '../core/todo/recurring.ts'

/** Passes over the present date of a todo that recurs: it is due at its next one. With one `batch` once. */
export async function main(id: string, batch?: string, time_zone?: string) {
  return door({ id, batch, time_zone }, skipTodo)
}
