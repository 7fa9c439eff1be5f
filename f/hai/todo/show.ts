import { door } from '../core/base/door.ts'
import { showTodo } from '../core/todo/todos.ts'

/** One todo, with the answer of its last task. */
export async function main(id: string, time_zone?: string) {
  return door({ id, time_zone }, (sql, { id }, caller) => showTodo(sql, id, caller))
}
