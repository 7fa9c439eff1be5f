import type { BackendTrouble } from '../contract.ts'
import type { Sql } from '../db.ts'
import type { Failure } from '../handle.ts'
import { type Held, LANES, leaseLost } from '../lease.ts'

/** After a pause one task tries; for so long (seconds) the others wait what becomes of it. */
const PROBE_SECONDS = 10
/** Rates are counted by the minute: how long a backend is left alone (seconds) that doesn't say when to come again. */
const RATE_SECONDS = 60

/** Failures that tell of the backend itself, and not of what it was asked. */
const TROUBLES: Record<string, string> = {
  unreachable: 'has been unreachable',
  certificate: 'has shown a certificate that nobody vouches for',
  login_expired: 'has refused its login',
  quota_exhausted: 'has been out of quota',
  rate_limited: 'has limited the rate',
  missing: 'has not been installed',
  unusable: 'has refused to start',
  wrong_url: 'has not been found at its url',
}

type Fragment = ReturnType<Sql>

/** Whether others are to learn of a failure. */
export const tellsOfBackend = ({ backend, code }: Failure): boolean =>
  backend !== undefined && Object.hasOwn(TROUBLES, code)

/** A statement, or part of one that has a row in `ended`: writes down what is wrong with a backend. */
export function backendFails(sql: Sql, failure: Failure, ended?: Fragment): Fragment {
  const { backend = '', code, message, next_step = null } = failure
  return sql`
    insert into hai.backend as b (name, state, until, message, next_step)
    select ${backend}::text, ${code}::text, now() + make_interval(secs => ${pauseSeconds(failure)}::float8),
      ${message}::text, ${next_step}::text
    from ${ended ?? alone(sql)}
    on conflict (name) do update set
      since = case b.state when excluded.state then b.since else excluded.since end,
      state = excluded.state, until = excluded.until, message = excluded.message, next_step = excluded.next_step,
      updated_at = now()`
}

const alone = (sql: Sql) => sql`(values (1)) as once`

function pauseSeconds({ code, retry_after_seconds }: Failure): number | null {
  if (code === 'rate_limited') return retry_after_seconds ?? RATE_SECONDS
  return code === 'quota_exhausted' ? (retry_after_seconds ?? null) : null
}

/** A statement, or part of one that has a row in `ended`: writes down that a backend answers. */
export const backendAnswers = (sql: Sql, name: string, ended?: Fragment): Fragment => sql`
  insert into hai.backend as b (name, state)
  select ${name}::text, 'ready' from ${ended ?? alone(sql)}
  -- looked up first: an answer after many others writes nothing and waits for nobody
  where not exists (select from hai.backend where name = ${name} and state = 'ready')
  on conflict (name) do update
    set state = 'ready', since = now(), until = null, message = null, next_step = null, updated_at = now()`

/** A backend that is not to be asked yet. */
export interface Pause {
  name: string
  state: string
  until: string
  message: string
  next_step: string | null
}

/** Whether a backend is to be left alone for now. Of many who ask when a pause is over, one is told to try. */
export async function pauseOf(sql: Sql, name: string): Promise<Pause | undefined> {
  const [pause] = await sql<Pause[]>`
    with known as (
      select * from hai.backend where name = ${name} and until is not null
      -- waits for another who is let through at this moment, and then sees it
      for update
    ), probe as (
      update hai.backend b set until = now() + make_interval(secs => ${PROBE_SECONDS})
      from known where b.name = known.name and known.until <= now()
    )
    select name, state, until, message, next_step from known where until > now()`
  return pause
}

/** The lanes among `lanes` that don't wait for a pause of their backend's to end, in their order. */
export async function unpausedLanes(sql: Sql, lanes: string[]): Promise<string[]> {
  if (lanes.every(isOfAll)) return lanes
  const paused = await sql<{ name: string }[]>`
    select name from hai.backend where name = any(${lanes}) and until > now()`
  return lanes.filter((lane) => isOfAll(lane) || paused.every(({ name }) => name !== lane))
}

const isOfAll = (lane: string) => LANES.some((known) => known === lane)

/** Gives a task back until its backend's pause is over; no attempt is used. `conflict` when the lease is lost. */
export async function putOff(sql: Sql, { id, lease_no }: Held, pause: Pause): Promise<void> {
  const { name, state, until, message, next_step } = pause
  const error = {
    code: state,
    message: `${name} is not asked before ${until}, since ${message}`,
    ...(next_step ? { next_step } : {}),
    backend: name,
  }
  const [task] = await sql`
    with moved as (
      update hai.task_queue
      set state = 'pending', error = ${sql.json(error)}, next_attempt = false, run_at = ${until}, claim_at = ${until},
          last_seq = last_seq + 1, updated_at = now()
      where id = ${id} and state = 'running' and lease_no = ${lease_no}
      returning id, last_seq
    ), freed as (
      delete from hai.lease where task_id = (select id from moved)
    ), told as (
      insert into hai.task_event (task_id, seq, type, text, data)
      select id, last_seq, 'retry', 'put off: ' || ${error.message}, ${sql.json(error)} from moved
    )
    select id from moved`
  if (!task) throw await leaseLost(sql, { id, lease_no })
}

/** Whether an Ollama that nobody configured has answered, and has not been missed for longer than a day. */
export async function knewOllama(sql: Sql): Promise<boolean> {
  const [row] = await sql`
    select from hai.backend
    where name = 'ollama' and (state = 'ready' or since > now() - interval '1 day')`
  return row !== undefined
}

/** What is known to be wrong now, with a sentence for each. Trouble that nobody has met for a day is not known any more. */
export async function backendTroubles(sql: Sql): Promise<{ backends: BackendTrouble[]; problems: string[] }> {
  const rows = await sql<(Pause & { since: string; until: string | null; seconds: number })[]>`
    select name, state, since, until, message, next_step, extract(epoch from now() - since)::int as seconds
    from hai.backend
    where state <> 'ready' and coalesce(until, updated_at + interval '1 day') > now()
    order by name`
  return {
    backends: rows.map(({ name, state, since, until, message, next_step }) => ({
      ...{ name, state, since, message },
      ...(until ? { until } : {}),
      ...(next_step ? { next_step } : {}),
    })),
    problems: rows.map((row) => (row.next_step ? `${sentence(row)}; ${row.next_step}` : sentence(row))),
  }
}

/** `ollama has been unreachable for 4 min (connect ECONNREFUSED 127.0.0.1:11434)` */
export function sentence(trouble: { name: string; state: string; message: string; seconds: number }): string {
  const { name, state, message, seconds } = trouble
  const reason = message.startsWith(name) ? message.replace(/^.*?: /s, '') : message
  return `${name} ${TROUBLES[state] ?? `has been ${state}`} for ${span(seconds)} (${reason})`
}

/** A length of time as a sentence needs it: `40 s`, `4 min`, `3 h`, `2 days`. */
export function span(seconds: number): string {
  if (seconds < 120) return `${Math.max(0, Math.round(seconds))} s`
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} min`
  return seconds < 48 * 3600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`
}
