import type { Total } from './contract.ts'

/** So far a list is counted: to count on would mean to walk all of history. */
const MOST = 10_000

/** The `limit` of a statement that counts. */
export const COUNT_LIMIT = MOST + 1

/** How many there are, of so many that a statement with `COUNT_LIMIT` has found. */
export const totalOf = (found: number): Total =>
  found > MOST ? { total: MOST, total_capped: true } : { total: found }
