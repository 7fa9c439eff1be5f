import { housekeeping } from '../core/base/door.ts'
import { tend } from '../core/house.ts'
import { thenRing } from '../core/outbox/ring.ts'
import { refreshSettings } from '../core/settings.ts'
import { sweep } from '../core/task/sweep.ts'
import { thenWake } from '../core/task/wake.ts'

/** Ends what ran out of time, takes back what lost its worker, calls workers for what is due, reads the settings, tends every room. */
export async function main(every_seconds: number = 60) {
  return housekeeping({ every_seconds }, async (sql, given) => {
    const swept = await thenWake(sql, sweep(sql, given.every_seconds))
    await refreshSettings(sql)
    await thenRing(sql, thenWake(sql, tend(sql)))
    return swept
  })
}
