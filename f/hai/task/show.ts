import { showWithAlerts } from '../core/alert/now.ts'
import { door } from '../core/base/door.ts'

/** Everything about one task: its content, why it waits, its events and its answer. */
export async function main(id: string) {
  return door({ id }, (sql, { id }, caller) => showWithAlerts(sql, id, caller))
}
