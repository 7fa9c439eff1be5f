import { door } from '../core/base/door.ts'
import { taskCost } from '../core/cost/task_cost.ts'

/** What a task's model calls came to, each by itself. */
export async function main(id: string) {
  return door({ id }, taskCost)
}
