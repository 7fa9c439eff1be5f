import { door } from '../core/base/door.ts'
import { updateTodo } from '../core/todo/todos.ts'

/** Changes what is given and nothing else; an empty `due` takes the date away, an empty `recur` ends that. Calls with one `batch` are taken back as one. */
export async function main(
  id: string,
  body?: string,
  status?: 'open' | 'done' | 'dropped',
  tags?: string[],
  priority?: 'low' | 'normal' | 'high' | 'urgent',
  due?: string | null,
  depends_on?: string[],
  metadata?: object,
  batch?: string,
  recur?: string | null,
  time_zone?: string,
) {
  const given = metadata as Record<string, unknown> | undefined
  const change = { body, status, tags, priority, due, depends_on, metadata: given, batch, recur }
  return door({ id, ...change, time_zone }, updateTodo)
}
