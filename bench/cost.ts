import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type Part, type Pool } from '../f/hai/core/base/db.ts'
import { fold, rollup } from '../f/hai/core/cost/rollup.ts'
import { type Key, type Range, rangeOf, sumsStatement } from '../f/hai/core/cost/sums.ts'
import { migrate } from '../f/hai/core/migrate.ts'
import { startPostgres } from '../runner/postgres/server.ts'
import { race, reserving } from './cost-caps.ts'
import { median, report } from './measure.ts'

const ROWS = Number(process.env.BENCH_ROWS ?? 5_000_000)
const BATCH = 100_000
const TAIL = 500
const RUNS = 15
/** As the usual ones, but never reached. */
const ROOMY = {
  task: { per: 'task', usd: 1_000_000 },
  agent_day: { per: 'agent', period: 'day', usd: 1_000_000 },
  day: { per: 'all', period: 'day', usd: 1_000_000 },
}
const FULL: Key[] = ['day', 'agent', 'source', 'requester', 'route', 'backend', 'model', 'billing']

/** The ledger's folds, reports and caps, on a PostgreSQL of its own with a year of calls in it. */
export async function cost(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hai-bench-cost-'))
  await chmod(dataDir, 0o711)
  const onUnrecoverable = (error: Error) => {
    throw error
  }
  const server = await startPostgres({ dataDir, log: () => {}, progress: () => {}, onUnrecoverable })
  const sql = connect({ url: server.url }, { max: 25 })
  try {
    await migrate(sql)
    await budget(sql, { time_zone: 'Europe/Berlin', caps: {} })
    await folding(sql)
    await reports(sql)
    await budget(sql, { time_zone: 'Europe/Berlin', caps: ROOMY })
    await reserving(sql)
    await race(sql)
  } finally {
    await sql.end()
    await server.stop()
    await rm(dataDir, { recursive: true })
  }
}

/** Puts a budget in force. */
async function budget(sql: Pool, value: object): Promise<void> {
  await sql`
    insert into hai.config (name, value, hash) values ('budget', ${sql.json(value as never)}, ${JSON.stringify(value)})
    on conflict (name) do update set value = excluded.value, hash = excluded.hash`
  await rollup(sql)
}

/** Calls that are over, spread evenly over a year, of 6 agents, 4 models and 2 routes. */
async function fill(sql: Pool, from: number, count: number): Promise<void> {
  await sql`
    insert into hai.usage (call_id, at, requester, source, agent, route, backend, model, billing, input, output,
      cache_read, cache_write, reasoning, ms, usd, state, xid, settled_at)
    select 'call-' || n, now() - interval '365 days' * (1 - n::float8 / ${ROWS}), 'operator', 'cli', 'agent-' || n % 6,
      case n % 2 when 0 then 'near' else 'far' end, 'backend', 'model-' || n % 4, 'metered', 1000 + n % 977, 100 + n % 89,
      n % 500, 0, 0, 900, (n % 100000) / 1000000.0, 'settled', pg_current_xact_id()::text::bigint, now()
    from generate_series(${from}::int, ${from + count - 1}::int) n`
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

async function folding(sql: Pool): Promise<void> {
  const times: number[] = []
  for (let from = 0; from < ROWS; from += BATCH) {
    await fill(sql, from, Math.min(BATCH, ROWS - from))
    times.push(await seconds(() => fold(sql)))
  }
  await sql`vacuum (analyze) hai.usage`
  await sql`vacuum (analyze) hai.usage_day`
  const tenth = Math.max(1, Math.floor(times.length / 10))
  const [first, last] = [median(times.slice(0, tenth)), median(times.slice(-tenth))]
  report(`folding ${BATCH} new rows, the last of ${ROWS}`, last, ' s', 2)
  report('that, beside the first of them', last / first, ' ×', 1.5)
}

async function reports(sql: Pool): Promise<void> {
  await fill(sql, ROWS, TAIL)
  const now = new Date()
  const month = rangeOf({ days: 30 }, 'Europe/Berlin', now)
  const year = rangeOf({ days: 366 }, 'Europe/Berlin', now)
  const rolled = await inSql(sql, month, [FULL])
  report(`report of 30 days over ${ROWS} rows, full key, exact tail`, rolled, ' ms', 12)
  const rows = await timed(sql, async () => ({ text: grouped(sql, month) }))
  report('GROUP BY over the rows with an index, beside that', rows / rolled, ' ×', 20, 'more')
  report('report of all time, full key', await inSql(sql, year, [FULL]), ' ms', 60)
  const sets: Key[][] = FULL.map((key) => [key])
  report('what hai cost shows of 30 days', await inSql(sql, month, sets), ' ms', 60)
}

const inSql = (sql: Pool, range: Range, sets: Key[][]) =>
  timed(sql, () => sumsStatement(sql, range, sets, null))

/** Milliseconds that PostgreSQL plans and runs a statement. */
async function timed(sql: Pool, statement: () => Promise<{ text: Part }>): Promise<number> {
  const times: number[] = []
  for (let run = 0; run <= RUNS; run += 1) {
    const { text } = await statement()
    const [row] = await sql<
      { 'QUERY PLAN': [{ 'Planning Time': number; 'Execution Time': number }] }[]
    >`explain (analyze, timing off, format json) ${text}`
    const [plan] = row!['QUERY PLAN']
    times.push(plan['Planning Time'] + plan['Execution Time'])
  }
  return median(times.slice(1))
}

const grouped = (sql: Pool, { from, to, zone }: Range): Part => sql`
    select (at at time zone ${zone})::date, agent, source, requester, route, backend, model, billing, count(*), sum(usd),
      sum(input), sum(output), sum(cache_read), sum(cache_write), sum(reasoning), sum(ms)
    from hai.usage where at >= ${from} and at < ${to}
    group by 1, 2, 3, 4, 5, 6, 7, 8`
