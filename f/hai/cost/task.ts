import { door } from '../core/door.ts'
import { taskCost } from '../core/money/task-cost.ts'

/** What a task's model calls came to, each by itself. */
export async function main(id: string) {
  return door({ id }, taskCost)
}
