import { housekeeping } from '../core/base/door.ts'
import { tellCosts } from '../core/cost/tell.ts'
import { thenRing } from '../core/outbox/ring.ts'

/**
 * Puts what the last whole week or month cost into the outbox, once; nothing when nothing was spent in it, or no period
 * is given.
 */
export async function main(period?: 'week' | 'month') {
  return housekeeping({ period }, (sql, given, { principal }) =>
    thenRing(sql, tellCosts(sql, given, principal('').ledgerZone)),
  )
}
