import { z } from 'zod'
import { Models } from '../base/backends.ts'
import type { Sql } from '../base/db.ts'
import { Zone } from '../base/time.ts'

const Cap = z
  .strictObject({
    /** Whose spending is added up: of everything together, or of each task, agent, requester or source by itself. */
    per: z.enum(['all', 'task', 'agent', 'requester', 'source']),
    /** Over what time; a task's whole life needs none. */
    period: z.enum(['day', 'month']).optional(),
    /** USD. */
    usd: z.number().nonnegative().max(1_000_000_000),
  })
  .refine(({ per, period }) => (per === 'task') === (period === undefined), {
    path: ['period'],
    error: 'expected day or month, and nothing for a cap per task',
  })

const Window = z
  .strictObject({
    /** Whose subscription it is. */
    backend: z.string().min(1),
    /** How far it reaches back, such as 5 or 168. */
    hours: z
      .number()
      .positive()
      .max(31 * 24),
    calls: z.int().nonnegative().optional(),
    /** Read and written, without what came from a cache. */
    tokens: z.int().nonnegative().optional(),
    /** The share that is kept for a person who waits, 0 to 1. */
    reserve_interactive: z.number().min(0).max(1).default(0),
  })
  .refine(({ calls, tokens }) => calls !== undefined || tokens !== undefined, {
    path: ['calls'],
    error: 'expected how many calls or tokens it allows',
  })
export type Window = z.output<typeof Window>

const name = z.string().regex(/^[a-z][a-z0-9_]*$/)

/** The `budget` configuration: caps by a name of their own, and the zone in which a day begins. */
export const Budget = z.strictObject({
  /** IANA name; the worker's own when not given. */
  time_zone: Zone.optional(),
  caps: z.record(name, Cap).default({
    task: { per: 'task', usd: 5 },
    agent_day: { per: 'agent', period: 'day', usd: 10 },
    day: { per: 'all', period: 'day', usd: 30 },
  }),
  /** What a subscription allows in a time that moves along. */
  windows: z.record(name, Window).default({}),
  /** What becomes of a call that doesn't fit: its task waits for the cap to begin anew, ends, or is answered locally. */
  on_cap: z.enum(['wait', 'dead', 'local']).default('wait'),
  /** Whether a metered model may be asked that nobody has given a price: no cap can hold for it. */
  unknown_price: z.enum(['allow', 'refuse']).default('refuse'),
})
export type Budget = z.output<typeof Budget>

/** What of a budget guards less than its reader may think, a sentence each; for an operator who has metered backends. */
export function openGuards({ caps, unknown_price }: Budget): string[] {
  const all = Object.entries(caps)
  const zero = all.filter(([, { usd }]) => usd === 0).map(([name]) => name)
  return [
    ...(all.some(([, { per, period }]) => per === 'all' && period)
      ? []
      : [
          all.length === 0
            ? 'no cap is set: metered models may cost any sum; write caps in budget.yaml'
            : 'no cap holds for all work of a day or month; write one with per: all in budget.yaml',
        ]),
    ...zero.map(
      (name) =>
        `the cap ${name} is $0, so that no metered model is asked under it; to take it away: ${name}: null under caps in budget.yaml`,
    ),
    ...(unknown_price === 'allow'
      ? [
          'unknown_price is allow: metered models that have no price are asked, and no cap counts them; write refuse in budget.yaml',
        ]
      : []),
  ]
}

/** The same of the budget in force; none where nothing metered may be asked, or a setting can't be read. */
export async function guardsThatAreOff(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string; value: unknown }[]>`
    select name, value from hai.config where name in ('budget', 'models')`
  const value = (name: string) => rows.find((row) => row.name === name)?.value ?? {}
  const [models, budget] = [Models.safeParse(value('models')), Budget.safeParse(value('budget'))]
  if (!models.success || !budget.success) return []
  const isCostly = Object.values(models.data.backends).some(
    ({ billing, enabled }) => billing === 'metered' && enabled,
  )
  return isCostly ? openGuards(budget.data) : []
}
