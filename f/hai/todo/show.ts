import { door } from '../core/base/door.ts'
import { showTodo } from '../core/todo/todos.ts'

/** One todo, with the answer of its last task. */
export async function main(id: string) {
  return door({ id }, (sql, { id }, caller) => showTodo(sql, id, caller))
}
