import { route } from '../core/door.ts'
import { costsToday } from '../core/http/costs.ts'

/** What today's model calls came to, in all and per agent. `GET /admin/costs/today`. */
export async function main() {
  return route((sql, caller) => costsToday(sql, caller))
}
