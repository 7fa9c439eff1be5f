import { Models } from '../base/backends.ts'
import { storedConfig } from '../base/config.ts'
import type { Sql } from '../base/db.ts'
import { own } from '../base/own.ts'
import type { RouteFailures } from './report_shape.ts'

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
export async function failingRoutes(sql: Sql): Promise<string[]> {
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
