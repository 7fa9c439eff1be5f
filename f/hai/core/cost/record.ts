import { z } from 'zod'
import { Models } from '../base/backends.ts'
import type { Caller } from '../base/caller.ts'
import { storedConfig } from '../base/config.ts'
import { inTransaction, json, type Part, type Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { Instant } from '../base/time.ts'
import { type Correction, correct, stopFolding } from './correct.ts'
import { added, counting, warnings } from './counters.ts'
import { Tokens } from './model_call.ts'
import { cost, priceAt, sellersOf } from './prices.ts'
import { BILLINGS, type Recorded } from './shape.ts'

/** A clock that is wrong by more than this (milliseconds) dates calls into days that have not come. */
const AHEAD_MS = 24 * 3_600_000

const Recordable = z.strictObject({
  call_id: z.string().min(1).max(240),
  at: Instant.refine((at) => Date.parse(at) < Date.now() + AHEAD_MS, {
    error: 'expected a time that has passed',
  }),
  backend: z.string().min(1).max(100),
  model: z.string().min(1).max(200),
  billing: z.enum(BILLINGS),
  tokens: Tokens.refine(
    ({ input, cache_read, cache_write }) => input === null || (cache_read ?? 0) + (cache_write ?? 0) <= input,
    { path: ['input'], error: 'expected all input tokens, those of cache_read and cache_write included' },
  ).refine(({ cache_write, cache_write_1h }) => (cache_write_1h ?? 0) <= (cache_write ?? 0), {
    path: ['cache_write_1h'],
    error: 'expected part of cache_write',
  }),
  at_least: z.boolean().default(false),
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
 * Writes down calls that were made elsewhere and are over. A call that is known already is corrected where the count now
 * told is fuller, and priced where it had no price; else it stays as it is. They count against the caps, and none is
 * refused: what was spent was spent. `invalid` for any bad one; then nothing is written.
 */
export async function record(sql: Sql, input: z.input<typeof Input>, caller: Caller): Promise<Recorded> {
  const { calls } = parse(Input, input)
  const { backends } = await storedConfig(sql, 'models', Models)
  const told = distinct(calls).map((call) => rowOf(call, backends))
  const fresh = new Set(await insert(sql, told, caller))
  const known = told.filter(({ call_id }) => !fresh.has(call_id))
  const corrected = await improve(sql, known)
  return { recorded: fresh.size, known: calls.length - fresh.size - corrected, corrected }
}

type Row = ReturnType<typeof rowOf>

/** One of each, its fullest count; the first time told is when it was made. */
function distinct(calls: Recordable[]): Recordable[] {
  const all = new Map<string, Recordable>()
  for (const call of calls) {
    const call_id = nameOf(call)
    const other = all.get(call_id)
    const fuller = other && !isFuller(flat(call), flat(other)) ? other : call
    const at = other && Date.parse(other.at) < Date.parse(call.at) ? other.at : call.at
    all.set(call_id, { ...fuller, call_id, at })
  }
  return [...all.values()]
}

/** A message is one call: an older hai named the request beside it, which a copy of the message need not have. */
const nameOf = ({ call_id }: Recordable) => call_id.replace(/^(claude-code:.+):req_\w+$/, '$1')

const flat = ({ tokens, at_least }: Recordable) => ({ ...tokens, at_least })

type Counted = Tokens & { at_least: boolean }

/** Counts grow while a call goes on: a last one is better than any other, and of two the greater. */
function isFuller(one: Counted, other: Counted): boolean {
  const kinds = ['output', 'input', 'cache_read', 'cache_write', 'cache_write_1h', 'reasoning'] as const
  const size = (call: Counted) => [call.at_least ? 0 : 1, ...kinds.map((kind) => call[kind] ?? -1)]
  const was = size(other)
  const [difference] = size(one).flatMap((value, at) => (value === was[at] ? [] : [value - was[at]!]))
  return difference !== undefined && difference > 0
}

function rowOf({ tokens, ...call }: Recordable, backends: Models['backends']) {
  const { input, output, cache_read, cache_write, cache_write_1h = null, reasoning } = tokens
  return {
    ...call,
    input,
    output,
    cache_read,
    cache_write,
    cache_write_1h,
    reasoning,
    ending: input === null || output === null ? 'uncounted' : 'answered',
    ...priced(call, tokens, backends),
  }
}

/** Gives the ids of those that were not known. */
async function insert(sql: Sql, rows: Row[], caller: Caller): Promise<string[]> {
  const recorded = await sql<{ call_id: string }[]>`
    with given as (
      select * from jsonb_to_recordset(${json(sql, rows)}) as given (
        call_id text, at timestamptz, backend text, model text, billing text, input int, output int, cache_read int,
        cache_write int, cache_write_1h int, reasoning int, ms int, usd numeric, list_usd numeric, price_version text,
        ending text, at_least boolean, source text, agent text, conversation_id text)
    ), call as (
      insert into hai.usage (call_id, at, requester, source, agent, conversation_id, route, backend, model, billing,
        input, output, cache_read, cache_write, cache_write_1h, reasoning, ms, usd, list_usd, price_version, ending,
        at_least, state, xid, settled_at)
      select call_id, at, ${caller.name}, source, agent, conversation_id, backend || '/' || model, backend, model, billing,
        input, output, cache_read, cache_write, cache_write_1h, reasoning, ms, usd, list_usd, price_version, ending,
        at_least, 'settled', pg_current_xact_id()::text::bigint, now()
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
    select call_id from call`
  return recorded.map(({ call_id }) => call_id)
}

/** Corrects those of which now more is known; gives how many. */
async function improve(sql: Sql, told: Row[]): Promise<number> {
  if (betterOf(told, await stored(sql, told, sql``)).length === 0) return 0
  return inTransaction(sql, async (tx) => {
    await stopFolding(tx)
    const better = betterOf(told, await stored(tx, told, tx`for update`))
    if (better.length > 0) await correct(tx, better)
    return better.length
  })
}

type Stored = Correction & Pick<Row, 'backend' | 'model' | 'billing' | 'source'>

/** What the ledger has of them; not of a call that was made here, which its own worker settles. */
async function stored(sql: Sql, told: Row[], locked: Part): Promise<Map<string, Stored>> {
  const rows = await sql<Stored[]>`
    select call_id, at, backend, model, billing, source, input, output, cache_read, cache_write, cache_write_1h,
      reasoning, ms, usd::float8 as usd, list_usd::float8 as list_usd, price_version, ending, at_least
    from hai.usage
    where call_id = any(${told.map(({ call_id }) => call_id)}) and task_id is null and bound is null and state = 'settled'
    order by call_id ${locked}`
  return new Map(rows.map((row) => [row.call_id, row]))
}

function betterOf(told: Row[], known: Map<string, Stored>): Correction[] {
  return told.flatMap((row) => {
    const was = known.get(row.call_id)
    const same = (['backend', 'model', 'billing', 'source'] as const).every(
      (field) => was?.[field] === row[field],
    )
    if (!was || !same) return []
    const at = Date.parse(row.at) < Date.parse(was.at) ? row.at : was.at
    if (isFuller(row, was)) return [{ ...row, at }]
    const { usd, list_usd, price_version } = row
    const unpriced = was.usd === null && was.list_usd === null && (usd !== null || list_usd !== null)
    // a price is for the count that it is beside
    const price = unpriced && !isFuller(was, row) ? { usd, list_usd, price_version } : {}
    return at === was.at && !('usd' in price) ? [] : [{ ...was, ...price, at }]
  })
}

function priced(
  { backend, model, billing, at, usd: told }: Omit<Recordable, 'tokens'>,
  tokens: Tokens,
  backends: Models['backends'],
) {
  const list = sellersOf(backends)(backend)
  const price = list && priceAt(list, model, new Date(at))
  const price_version = price?.version ?? null
  if (billing === 'local') return { usd: 0, list_usd: null, price_version: null }
  if (billing === 'subscription') return { usd: null, list_usd: cost(price, tokens), price_version }
  return { usd: cost(price, tokens) ?? told, list_usd: null, price_version }
}
