import { z } from 'zod'
import type { Caller } from '../base/caller.ts'
import { dayBounds, today } from '../base/dates.ts'
import { inTransaction, type Sql } from '../base/db.ts'
import { HaiError, parse } from '../base/errors.ts'
import { Instant } from '../base/instant.ts'
import { own } from '../base/own.ts'
import { applyBudget, budgetInForce } from './caps.ts'
import { limitOf } from './counters.ts'
import type { Raised } from './report_shape.ts'

const Raise = z.strictObject({
  usd: z.number().positive().max(1_000_000),
  /** The one cap per day of everything when not given. */
  cap: z.string().optional(),
  /** RFC 3339; the end of today when not given. */
  until: Instant.optional(),
})

/** Raises a cap by `usd` until the end of the day or `until`; the operator's act, and kept. */
export async function raiseCap(
  sql: Sql,
  input: z.input<typeof Raise>,
  caller: Pick<Caller, 'name'>,
): Promise<Raised> {
  const { usd, cap, until } = parse(Raise, input)
  await applyBudget(sql)
  const { budget, zone } = await budgetInForce(sql)
  const daily = Object.entries(budget.caps).find(([, { per, period }]) => per === 'all' && period === 'day')
  const name = cap ?? daily?.[0]
  if (!name || !own(budget.caps, name)) {
    const known = Object.keys(budget.caps).join(', ') || 'none'
    throw new HaiError('not_found', `cap: there is no ${name ?? 'cap per day'}; the budget has ${known}`)
  }
  const clock = { zone, now: new Date() }
  const end = until ?? dayBounds(today(clock), clock).to
  if (Date.parse(end) <= Date.now())
    throw new HaiError('invalid', `until: ${end} has passed; give a time that is to come`)
  await inTransaction(sql, async (tx) => {
    await tx`insert into hai.cap_raise (cap, usd, until, by) values (${name}, ${usd}, ${end}, ${caller.name})`
    await resume(tx)
  })
  const [row] = await sql<{ limit: number }[]>`select ${limitOf(sql, sql`${name}`)}::float8 as "limit"`
  return { cap: name, usd, limit: row!.limit, until: new Date(end).toISOString() }
}

/** Tasks that wait for a cap to begin anew try again at once. */
async function resume(tx: Sql): Promise<void> {
  await tx`
    update hai.task_queue set run_at = now(), claim_at = now(), updated_at = now()
    where state = 'pending' and finished_at is null and error ->> 'code' = 'budget' and run_at > now()`
}
