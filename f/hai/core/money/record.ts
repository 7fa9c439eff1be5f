import { z } from 'zod'
import type { Caller } from '../caller.ts'
import { storedConfig } from '../config.ts'
import type { Sql } from '../db.ts'
import { HaiError, parse } from '../errors.ts'
import { Models } from '../model/config.ts'
import { added, counting } from './counters.ts'
import { cost, priceAt } from './prices.ts'
import { BILLINGS, type Recorded } from './report-shape.ts'
import { Tokens } from './tokens.ts'
import { warnings } from './warnings.ts'

/** A clock that is wrong by more than this (milliseconds) dates calls into days that have not come. */
const AHEAD_MS = 24 * 3_600_000

const Recordable = z.strictObject({
  call_id: z.string().min(1).max(240),
  at: z.iso
    .datetime({ offset: true })
    .refine((at) => Date.parse(at) < Date.now() + AHEAD_MS, { error: 'expected a time that has passed' }),
  backend: z.string().min(1).max(100),
  model: z.string().min(1).max(200),
  billing: z.enum(BILLINGS),
  tokens: Tokens.refine(
    ({ input, cache_read, cache_write }) => input === null || (cache_read ?? 0) + (cache_write ?? 0) <= input,
    { path: ['input'], error: 'expected all input tokens, those of cache_read and cache_write included' },
  ),
  ms: z.int().nonnegative().max(2_147_483_647).default(0),
  usd: z.number().nonnegative().max(1_000_000).nullish().default(null),
  source: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'expected a slug, such as claude-code')
    .default('import'),
  agent: z.string().min(1).max(100).default('none'),
  conversation_id: z.string().max(200).nullish().default(null),
})
type Recordable = z.output<typeof Recordable>

const Input = z.strictObject({ calls: z.array(Recordable).min(1).max(1000) })

/**
 * Writes down calls that were made elsewhere and are over, in one transaction; a call that is known already stays as it
 * is. They count against the caps, and none is refused: what was spent was spent. `invalid` for any bad one, `forbidden`
 * for a member.
 */
export async function record(sql: Sql, input: z.input<typeof Input>, caller: Caller): Promise<Recorded> {
  if (caller.role === 'member')
    throw new HaiError(
      'forbidden',
      `${caller.name} is a member; only the operator or a machine records calls`,
    )
  const { calls } = parse(Input, input)
  const { backends } = await storedConfig(sql, 'models', Models)
  const rows = calls.map((call) => ({
    ...call,
    ...call.tokens,
    tokens: undefined,
    ...priced(call, backends),
  }))
  const [row] = await sql<{ recorded: number }[]>`
    with given as (
      select distinct on (call_id) * from jsonb_to_recordset(${sql.json(rows as never)}) as given (
        call_id text, at timestamptz, backend text, model text, billing text, input int, output int, cache_read int,
        cache_write int, reasoning int, ms int, usd numeric, list_usd numeric, price_version text, source text,
        agent text, conversation_id text)
    ), call as (
      insert into hai.usage (call_id, at, requester, source, agent, conversation_id, route, backend, model, billing,
        input, output, cache_read, cache_write, reasoning, ms, usd, list_usd, price_version, state, xid, settled_at)
      select call_id, at, ${caller.name}, source, agent, conversation_id, backend || '/' || model, backend, model, billing,
        input, output, cache_read, cache_write, reasoning, ms, usd, list_usd, price_version, 'settled',
        pg_current_xact_id()::text::bigint, now()
      from given
      order by call_id
      on conflict (call_id) do nothing
      returning *
    ), counted as (
      insert into hai.cap_counter as known (cap, key, period, spent)
      select cap.name, counter.key, counter.period, sum(call.usd)
      from call ${counting(sql)}
      where call.usd > 0 and counter.key is not null
      group by 1, 2, 3
      order by 1, 2, 3
      ${added(sql)}
      returning *
    ), told as (${warnings(sql)})
    select count(*)::int as recorded from call`
  return { recorded: row!.recorded, known: calls.length - row!.recorded }
}

function priced(
  { backend, model, billing, tokens, at, usd: told }: Recordable,
  backends: Models['backends'],
) {
  const list = backends[backend]
  const price = list && priceAt(list, model, new Date(at))
  const price_version = price?.version ?? null
  if (billing === 'local') return { usd: 0, price_version: null }
  if (billing === 'subscription') return { usd: null, list_usd: cost(price, tokens), price_version }
  return { usd: cost(price, tokens) ?? told, price_version }
}
