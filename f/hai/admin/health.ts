import { door } from '../core/base/door.ts'
import { health } from '../core/health.ts'

/** How the queue stands and what is wrong, each problem with what to do. */
export async function main() {
  return door({}, (sql, _given, caller) => health(sql, caller))
}
