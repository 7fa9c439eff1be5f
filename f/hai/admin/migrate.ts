import { bareDoor } from '../core/base/door.ts'
import { type Migrated, migrate, type Pending, pending } from '../core/migrate.ts'

/** Brings the database to this release's schema; a no-op when it is there. With `look` it says what is new, and does nothing. */
export async function main(look = false) {
  return bareDoor<Migrated | Pending>((sql) => (look ? pending(sql) : migrate(sql)), { strict: look })
}
