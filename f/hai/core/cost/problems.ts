import { Models } from '../base/backends.ts'
import { storedConfig } from '../base/config.ts'
import type { Sql } from '../base/db.ts'
import { own } from '../base/own.ts'
import { count } from '../base/words.ts'
import { Budget } from './budget.ts'
import { mostOf, priceAt } from './prices.ts'
import { priceLine } from './reserve.ts'
import type { RouteFailures } from './shape.ts'

/** What is wrong with costs, a sentence each: calls that all fail, and models without a price. */
export async function costProblems(sql: Sql): Promise<string[]> {
  const all = await Promise.all([failingRoutes(sql), unpricedModels(sql), refusedModels(sql)])
  return all.flat()
}

async function unpricedModels(sql: Sql): Promise<string[]> {
  const rows = await sql<{ backend: string; model: string; calls: number }[]>`
    select backend, model, count(*)::int as calls from hai.usage
    where at > now() - interval '1 day' and state = 'settled' and billing = 'metered' and usd is null
    group by 1, 2 order by 1, 2`
  return rows.map(
    ({ backend, model, calls }) =>
      `${count(calls, 'call')} of ${backend}/${model} in 24 h at an unknown price, which no cap counts; ${priceLine(backend, model)}`,
  )
}

/** Models that may be asked and would be refused, as nobody has given them a price. */
async function refusedModels(sql: Sql): Promise<string[]> {
  const [{ backends }, { unknown_price }] = await Promise.all([
    storedConfig(sql, 'models', Models),
    storedConfig(sql, 'budget', Budget),
  ])
  if (unknown_price === 'allow') return []
  const metered = Object.entries(backends).filter(
    ([, { enabled, billing }]) => enabled && billing === 'metered',
  )
  return metered.flatMap(([name, backend]) =>
    Object.keys(backend.models)
      .filter((model) => mostOf(priceAt(backend, model, new Date()), { input: 1, output: 1 }) === null)
      .map(
        (model) =>
          `${name}/${model} has no price, and is not asked before it has one; ${priceLine(name, model)}`,
      ),
  )
}

/** In so many minutes nothing but failures raises an alarm. */
const ALARM_MINUTES = 15
/** One that failed just now may be answered at its second try: so many minutes, or so many failures, are no accident. */
const PATIENCE_MINUTES = 5
const PATIENCE_CALLS = 3
const DAY_MINUTES = 24 * 60

/** How the calls of each backend and route ended in the last quarter of an hour and the last day; those with calls. */
export async function routeFailures(sql: Sql): Promise<RouteFailures[]> {
  const rows = await sql<RouteFailures[]>`
    select backend, route, minutes, count(*)::int as calls, count(error)::int as failed,
      min(at) filter (where error is not null) as failing_since,
      mode() within group (order by error) as code
    from unnest(array[${ALARM_MINUTES}::int, ${DAY_MINUTES}::int]) minutes
    join hai.usage u on u.at > now() - make_interval(mins => minutes)
    where u.at > now() - make_interval(mins => ${DAY_MINUTES}) and (error is not null or ending is null and state = 'settled' or ending in ('answered', 'uncounted'))
    group by backend, route, minutes
    order by minutes, failed desc, backend, route`
  return [...rows]
}

/** Backends whose calls all failed lately, a sentence each; every one also becomes a notice, once a day. */
export async function alarms(sql: Sql): Promise<string[]> {
  const failing = await deadRoutes(sql)
  for (const { backend, route, text } of failing) {
    await sql`
      insert into hai.notice (kind, dedup_key, title, text, priority)
      select 'escalation', 'escalation:' || ${route}::text || ':' || to_char(now() at time zone zone, 'YYYY-MM-DD'),
        ${`no call of ${backend} succeeds`}, ${text}, 'high'
      from hai.fold
      on conflict (dedup_key) do nothing`
  }
  return failing.map(({ text }) => text)
}

/** What `alarms` would tell, without telling: for health. */
async function failingRoutes(sql: Sql): Promise<string[]> {
  return (await deadRoutes(sql)).map(({ text }) => text)
}

function isDead({ minutes, calls, failed, failing_since }: RouteFailures): boolean {
  if (minutes !== ALARM_MINUTES || !failing_since || failed < calls) return false
  return failed >= PATIENCE_CALLS || Date.now() - Date.parse(failing_since) >= PATIENCE_MINUTES * 60_000
}

async function deadRoutes(sql: Sql): Promise<{ backend: string; route: string; text: string }[]> {
  const rows = await routeFailures(sql)
  const { default: named, backends } = await storedConfig(sql, 'models', Models)
  // nobody is to mend what nobody asks any more: a backend that was disabled, a found Ollama that others answer for
  const isAsked = ({ backend }: RouteFailures) => {
    const known = own(backends, backend)
    if (known || backend !== 'ollama') return known?.enabled ?? true
    return named ? named.startsWith('ollama/') : !Object.values(backends).some(({ enabled }) => enabled)
  }
  return rows
    .filter((row) => isDead(row) && isAsked(row))
    .map(({ backend, route, failed, code }) => {
      const calls = failed === 1 ? 'the only call' : `all ${failed} calls`
      const day = rows.find(
        (row) => row.minutes > ALARM_MINUTES && row.route === route && row.backend === backend,
      )
      const lately = day ? `, ${day.failed} of ${day.calls} in 24 h` : ''
      const text = `${calls} of ${route} in ${ALARM_MINUTES} min failed${lately} (${code}); hai model test ${route}`
      return { backend, route, text }
    })
}
