import { door } from '../core/base/door.ts'
import { leave } from '../core/task/waiter.ts'
import { thenWake } from '../core/task/wake.ts'

/** Takes back one wait for a task's answer, `chat.waiter` of its envelope; a task that all have left ends 15 s later. */
export async function main(id: string, waiter: string) {
  // another task may want the place that it holds
  return door({ id, waiter }, (sql, given, caller) => thenWake(sql, leave(sql, given, caller)))
}
