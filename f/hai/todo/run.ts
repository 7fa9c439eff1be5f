import { door } from '../core/base/door.ts'
import { firstLane } from '../core/builtin/first_lane.ts'
import { thenWake } from '../core/task/wake.ts'
import { runTodo } from '../core/todo/run.ts'

/** Hands a todo to a worker as a task; the answer comes back onto the todo. */
export async function main(id: string, idempotency_key?: string, time_zone?: string) {
  return door({ id, idempotency_key, time_zone }, (sql, given, caller) =>
    thenWake(sql, runTodo(sql, given, caller, firstLane)),
  )
}
