import type { Sql } from './base/db.ts'
import { withoutWords } from './base/errors.ts'
import { UPKEEP } from './house.ts'
import { thenRing } from './outbox/ring.ts'
import { refreshSettings } from './settings.ts'
import { type Swept, sweep } from './task/sweep.ts'
import { thenWake } from './task/wake.ts'

/**
 * What is done once a minute without anybody's asking: the sweep, then the settings are read and every room is tended. What
 * fails of that keeps nothing else from its turn; the first error is thrown when all have had theirs.
 */
export async function upkeep(sql: Sql, everySeconds: number): Promise<Swept> {
  const swept = await thenRing(sql, thenWake(sql, sweep(sql, everySeconds)))
  const [first, ...others] = await thenRing(sql, thenWake(sql, tend(sql)))
  // a job ends with one error; the others are in its log
  for (const error of others) console.error(withoutWords(error).stack)
  if (first !== undefined) throw first
  return swept
}

async function tend(sql: Sql): Promise<unknown[]> {
  const errors: unknown[] = []
  for (const one of [refreshSettings, ...UPKEEP]) await one(sql).catch((error: unknown) => errors.push(error))
  return errors
}
