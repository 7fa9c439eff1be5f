import { bareDoor } from '../core/door.ts'
import { migrate } from '../core/migrate.ts'

/** Brings the database to this release's schema; a no-op when it is there. */
export async function main() {
  return bareDoor((sql) => migrate(sql))
}
