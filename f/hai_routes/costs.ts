import { route } from '../hai/core/base/door.ts'
import { costsToday } from '../hai/core/surface/rest.ts'

/** What today's model calls came to, in all and per agent. `GET /admin/costs/today`. */
export async function main() {
  return route((sql, caller) => costsToday(sql, caller))
}
