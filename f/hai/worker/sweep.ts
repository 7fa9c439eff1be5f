import { housekeeping } from '../core/base/door.ts'
import { thenRing } from '../core/outbox/ring.ts'
import { refreshSettings } from '../core/settings.ts'
import { sweep } from '../core/sweep.ts'
import { thenWake } from '../core/task/wake.ts'
import { tendBackends } from '../core/tend.ts'

/** Ends what ran out of time, takes back what lost its worker, calls workers for what is due, reads the settings, tends what waits for a model. */
export async function main(every_seconds: number = 60) {
  return housekeeping({ every_seconds }, async (sql, given) => {
    const swept = await thenRing(sql, thenWake(sql, sweep(sql, given.every_seconds)))
    await refreshSettings(sql)
    await thenWake(sql, tendBackends(sql))
    return swept
  })
}
