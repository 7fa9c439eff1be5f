import type { Pool } from '../f/hai/core/base/db.ts'
import { HaiError } from '../f/hai/core/base/errors.ts'
import type { ModelCall } from '../f/hai/core/cost/model_call.ts'
import { reserve } from '../f/hai/core/cost/reserve.ts'
import { settle } from '../f/hai/core/cost/settle.ts'
import { load, median, report } from './measure.ts'

const PAIRS = 400
const WORKERS = 20
const CALLS = 2000
/** Tokens that a call may write, and those that it writes; at $10 per million. */
const MOST = 2000
const WRITTEN = 1100
const USD_EACH = (WRITTEN * 10) / 1_000_000

const aCall = (call_id: string): ModelCall => ({
  call_id,
  backend: 'openai',
  model: 'gpt',
  billing: 'metered',
  agent: 'racer',
  price: { rates: { input: 1, output: 10 }, version: 'bench' },
  most: { input: 0, output: MOST },
})

const tokens = { input: 0, output: WRITTEN, cache_read: 0, cache_write: 0, reasoning: 0 }

async function call(sql: Pool, id: string): Promise<void> {
  const made = aCall(id)
  await reserve(sql, made)
  await settle(sql, made, { tokens, ms: 1 })
}

/** A call under three caps, beside two transactions that each change one row. */
export async function reserving(sql: Pool): Promise<void> {
  await sql`create table public.bare (id int primary key, n int not null)`
  await sql`insert into public.bare values (1, 0)`
  const bare = async () => {
    await sql`update public.bare set n = n + 1 where id = 1`
    await sql`update public.bare set n = n + 1 where id = 1`
  }
  const ratios: number[] = []
  for (let n = 0; n < PAIRS; n += 1) {
    const ours = await timed(() => call(sql, `pair-${n}`))
    ratios.push(ours / (await timed(bare)))
  }
  report('reserve + settle, beside two bare UPDATEs', median(ratios), ' ×', 2.5)
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** Many workers at a cap that is reached while something still fits: how high it went, and what was left unused. */
export async function race(sql: Pool): Promise<void> {
  const cap = (CALLS / 2) * USD_EACH
  const value = { time_zone: 'Europe/Berlin', caps: { race: { per: 'agent', period: 'day', usd: cap } } }
  await sql`delete from hai.usage where agent = 'racer'`
  await sql`update hai.config set value = ${sql.json(value)}, hash = 'race' where name = 'budget'`
  let highest = 0
  let over = false
  const watching = (async () => {
    while (!over) highest = Math.max(highest, await committed(sql))
  })()
  let refused = 0
  const { perSecond } = await load(CALLS, WORKERS, async (n) => {
    if (!(await insisted(sql, `race-${n}`))) refused += 1
  })
  over = true
  await watching
  const spent = await committed(sql)
  console.log(`  ${CALLS} calls, ${refused} refused, ${perSecond.toFixed(0)} per second`)
  report(`${WORKERS} workers at a cap: the highest that it was, of the cap`, (100 * highest) / cap, ' %', 100)
  report('left unused when the last one gave up, in calls', (cap - spent) / ((MOST * 10) / 1_000_000), '', 1)
}

async function committed(sql: Pool): Promise<number> {
  const [row] = await sql<{ usd: number }[]>`
    select coalesce(sum(case state when 'settled' then usd else bound end), 0)::float8 as usd
    from hai.usage where agent = 'racer' and at > now() - interval '1 hour'`
  return row!.usd
}

/** Asks again while it is only what others hold that leaves no room. */
async function insisted(sql: Pool, id: string): Promise<boolean> {
  for (;;) {
    try {
      await call(sql, id)
      return true
    } catch (error) {
      if (!(error instanceof HaiError && error.code === 'budget')) throw error
      const { spent, presumed, asked, limit } = error.details as Record<string, number>
      if (spent! + presumed! + asked! > limit!) return false
    }
  }
}
