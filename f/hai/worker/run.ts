import { service } from '../core/door.ts'
import { work } from '../core/worker.ts'

/** Works until nothing is due or the time is used. A wake-up, not an assignment: nothing to do is success. */
export async function main(lanes: string[] = ['interactive', 'batch'], budget_seconds: number = 600) {
  return service((sql, job) => work(sql, { ...job, lanes, budgetSeconds: budget_seconds }))
}
