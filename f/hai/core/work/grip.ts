import type { Sql } from '../base/db.ts'
import { type Held, heartbeat, heldOf, release } from '../task/lease.ts'
import { failAndWake, type Start } from '../task/wake.ts'
import type { Grip } from './hold.ts'

/** Holds a task for a worker that has the database. */
export function gripOf(sql: Sql, task: Held, start?: Start): Grip {
  const held = heldOf(task)
  return {
    heartbeat: () => heartbeat(sql, held),
    release: (reason) => release(sql, held, reason),
    fail: (failure) => failAndWake(sql, { ...held, ...failure }, start),
  }
}
