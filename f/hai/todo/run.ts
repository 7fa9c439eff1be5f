import { door } from '../core/door.ts'
import { runTodo } from '../core/todo-run.ts'
import { thenWake } from '../core/wakeup.ts'

/** Hands a todo to a worker as a task; the answer comes back onto the todo. */
export async function main(id: string, idempotency_key?: string) {
  return door({ id, idempotency_key }, (sql, given, caller) => thenWake(sql, runTodo(sql, given, caller)))
}
