import type { Sql } from '../base/db.ts'
import { HaiError } from '../base/errors.ts'
import { laneOf } from '../task/envelope.ts'
import type { Window } from './budget.ts'
import { budgetInForce } from './caps.ts'
import type { ModelCall } from './model_call.ts'
import type { WindowState } from './shape.ts'

/** Shown of a subscription for which the budget sets no window of its own: those that Claude's plans are sold by. */
const USUAL_HOURS = { '5h': 5, week: 168 }

/**
 * Lets a subscription's call through while its windows have room, one call at a time until the transaction ends.
 * `budget` when one is full, or has left only what is kept for a person who waits and nobody does.
 */
export async function reserveInWindows(tx: Sql, call: ModelCall, taskId?: string): Promise<void> {
  const { budget } = await budgetInForce(tx)
  const windows = Object.entries(budget.windows)
    .filter(([, { backend }]) => backend === call.backend)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  if (windows.length === 0) return
  const [known] = await tx<{ source: string | null }[]>`
    select (select source from hai.task_queue where id = ${taskId ?? null}) as source,
      pg_advisory_xact_lock(hashtextextended('hai.window:' || ${call.backend}, 0))`
  const waits = laneOf(known?.source ?? 'cli') === 'interactive'
  const asked = call.most ? call.most.input + call.most.output : 0
  for (const [name, window] of windows) {
    const used = await usedOf(tx, window)
    const share = waits ? 1 : 1 - window.reserve_interactive
    if (fits(used.calls + 1, window.calls, share) && fits(used.tokens + asked, window.tokens, share)) continue
    throw full(name, window, used, share, budget.on_cap)
  }
}

const fits = (would: number, limit: number | undefined, share: number) =>
  limit === undefined || would <= limit * share

interface Used {
  calls: number
  tokens: number
  list_usd: number | null
  oldest: string | null
}

async function usedOf(sql: Sql, { backend, hours }: Pick<Window, 'backend' | 'hours'>): Promise<Used> {
  const [used] = await sql<Used[]>`
    select count(*)::int as calls,
      coalesce(sum(case when at_least or input is null or output is null then greatest(bound_tokens, counted)
        else counted end), 0)::float8 as tokens,
      sum(list_usd)::float8 as list_usd, min(at) as oldest
    from hai.usage cross join lateral (
      select input::bigint - coalesce(cache_read, 0) + output as counted
    ) used
    where billing = 'subscription' and backend = ${backend} and at > now() - make_interval(secs => ${hours * 3600})`
  return used!
}

function full(name: string, window: Window, used: Used, share: number, on_cap: string): HaiError {
  const { backend, hours, calls, tokens } = window
  const limits = [
    ...(calls === undefined ? [] : [`${used.calls} of ${calls} calls`]),
    ...(tokens === undefined ? [] : [`${used.tokens} of ${tokens} tokens`]),
  ]
  const frees_at = freesAt(used.oldest, hours) ?? new Date(Date.now() + hours * 3_600_000).toISOString()
  const retry_after_seconds = Math.max(1, Math.ceil((Date.parse(frees_at) - Date.now()) / 1000))
  const kept = share < 1 ? `, ${Math.round((1 - share) * 100)} % of it kept for a person who waits` : ''
  return new HaiError(
    'budget',
    `window ${name} of ${backend} has no room: ${limits.join(' and ')} used in ${hours} h${kept}; the oldest leaves it at ${frees_at}`,
    {
      details: {
        window: name,
        backend,
        ...used,
        limit_calls: calls,
        limit_tokens: tokens,
        resets_at: frees_at,
        retry_after_seconds,
        on_cap,
      },
    },
  )
}

const freesAt = (oldest: string | null, hours: number): string | null =>
  oldest && new Date(Date.parse(oldest) + hours * 3_600_000).toISOString()

/** How full the windows of each subscription are: the budget's, and the usual ones of those that it doesn't know. */
export async function windowStates(sql: Sql): Promise<WindowState[]> {
  const { budget } = await budgetInForce(sql)
  const used = await sql<{ backend: string }[]>`
    select distinct backend from hai.usage where billing = 'subscription' and at > now() - interval '7 days' order by 1`
  const known = Object.entries(budget.windows)
  const unknown = used
    .filter(({ backend }) => known.every(([, window]) => window.backend !== backend))
    .flatMap(({ backend }) =>
      Object.entries(USUAL_HOURS).map(
        ([name, hours]) => [name, { backend, hours, reserve_interactive: 0 }] as const,
      ),
    )
  return Promise.all([...known, ...unknown].map(([name, window]) => stateOf(sql, name, window)))
}

async function stateOf(sql: Sql, name: string, window: Window): Promise<WindowState> {
  const { backend, hours, reserve_interactive } = window
  const { calls, tokens, list_usd, oldest } = await usedOf(sql, window)
  const [trouble] = await sql`
    select from hai.endpoint where name = ${backend} and state = 'quota_exhausted' and coalesce(until, now()) >= now()`
  return {
    window: name,
    backend,
    hours,
    calls,
    tokens,
    list_usd,
    reserve_interactive,
    limit_calls: window.calls ?? null,
    limit_tokens: window.tokens ?? null,
    frees_at: freesAt(oldest, hours),
    reported_left: trouble ? 0 : null,
  }
}
