import { createHash } from 'node:crypto'
import type { Choice } from '../base/backends.ts'
import type { Part, Sql } from '../base/db.ts'
import { withoutPasswordsIn } from '../base/text.ts'
import { LANES } from './lease.ts'

/** Where a backend is asked and with which key; what is known of a server is known of this. */
export interface Endpoint {
  /** A hash, which tells nobody the key. */
  id: string
  /** What it is called, for sentences. */
  name: string
  url: string
}

/** What a task asks that has this choice and key. */
export const endpointOf = ({ choice, apiKey }: { choice: Choice; apiKey: string | undefined }): Endpoint => ({
  id: endpointId(choice.backend.url, apiKey),
  name: choice.name,
  url: choice.backend.url,
})

export const endpointId = (url: string, apiKey: string | undefined): string =>
  createHash('sha256')
    .update(`${url}\n${apiKey ?? ''}`)
    .digest('hex')
    .slice(0, 32)

const ELSEWHERE = 'elsewhere:'

/** What a worker elsewhere asks: where that is only it knows, and here it is known by its name. */
export const elsewhere = (name: string): Endpoint => ({ id: `${ELSEWHERE}${name}`, name, url: '' })

export const isElsewhere = (id: string): boolean => id.startsWith(ELSEWHERE)

/** What earlier calls taught of an endpoint. */
export interface Known {
  state: string
  until: string | null
  /** It is not to be asked before `until`. */
  paused: boolean | null
  message: string | null
  next_step: string | null
  /** Whether it speaks Ollama's own API; null while nobody has looked. */
  ollama: boolean | null
}

/** Undefined of one that was never asked. */
export async function knownOf(sql: Sql, { id }: Endpoint): Promise<Known | undefined> {
  const [known] = await sql<Known[]>`
    select state, until, until > now() as paused, message, next_step, ollama from hai.endpoint where id = ${id}`
  return known
}

/** Why an attempt ended without an answer, in the words of `fail`. */
export interface AttemptFailure {
  code: string
  message: string
  next_step?: string
  retryable?: boolean
  /** False when waiting is all that is wrong: then attempts are neither used nor needed. */
  uses_attempt?: boolean
  retry_after_seconds?: number
  /** The backend that failed, so that others learn of it. */
  backend?: string
  /** Where that is, when it is asked from here. */
  endpoint?: Endpoint
  /** When it is over, where that is known to the moment. */
  not_before?: string
  /** Nobody was asked: others learn nothing from it. */
  put_off?: true
}

/** Rates are counted by the minute: how long a backend is left alone (seconds) that doesn't say when to come again. */
const RATE_SECONDS = 60

/** Failures that tell of the backend itself, and not of what it was asked. */
const TROUBLES = new Set([
  'unreachable',
  'unavailable',
  'loading',
  'certificate',
  'login_expired',
  'quota_exhausted',
  'rate_limited',
  'missing',
  'unusable',
  'wrong_url',
])

/** Failures of one question that only a server which is there and lets one in can tell. */
const ANSWERED = new Set([
  'context_too_long',
  'model_missing',
  'backend_error',
  'empty_answer',
  'content_filter',
  'garbled',
  'cut',
])

/** Whose failure it was: a worker elsewhere gives the name only. */
export const blamed = ({ backend, endpoint }: AttemptFailure): Endpoint | undefined =>
  endpoint ?? (backend === undefined ? undefined : elsewhere(backend))

/**
 * A part of a statement that has a row in `ended`: writes down what a failure tells of the backend, be it that it answers.
 * Undefined when it tells nothing.
 */
export function toldByFailure(sql: Sql, failure: AttemptFailure, ended?: Part): Part | undefined {
  const endpoint = blamed(failure)
  if (!endpoint) return undefined
  if (TROUBLES.has(failure.code)) return backendFails(sql, failure, endpoint, ended)
  return ANSWERED.has(failure.code) ? stillAnswers(sql, endpoint.id, ended) : undefined
}

function backendFails(sql: Sql, failure: AttemptFailure, { id, name, url }: Endpoint, ended?: Part): Part {
  const { code, message, next_step = null } = withoutPasswordsIn(failure)
  return sql`
    insert into hai.endpoint as e (id, name, url, state, until, message, next_step)
    select ${id}::text, ${name}::text, ${url}::text, ${code}::text,
      now() + make_interval(secs => ${pauseSeconds(failure)}::float8), ${message}::text, ${next_step}::text
    from ${ended ?? alone(sql)}
    on conflict (id) do update set
      since = case e.state when excluded.state then e.since else excluded.since end, name = excluded.name,
      state = excluded.state, until = excluded.until, message = excluded.message, next_step = excluded.next_step,
      heard_at = now(),
      -- what comes back may be another program
      ollama = case excluded.state when 'unreachable' then null else e.ollama end`
}

const alone = (sql: Sql) => sql`(values (1)) as once`

function pauseSeconds({ code, retry_after_seconds, retryable }: AttemptFailure): number | null {
  if (code === 'rate_limited') return retry_after_seconds ?? RATE_SECONDS
  return code === 'quota_exhausted' && retryable ? (retry_after_seconds ?? null) : null
}

/** A statement, or part of one that has a row in `ended`: writes down that a backend answers. */
export const backendAnswers = (sql: Sql, { id, name, url }: Endpoint, ended?: Part): Part => sql`
  insert into hai.endpoint as e (id, name, url, state)
  select ${id}::text, ${name}::text, ${url}::text, 'ready' from ${ended ?? alone(sql)}
  -- looked up first: an answer after many others writes nothing and waits for nobody
  where not exists (select from hai.endpoint where id = ${id} and state = 'ready' and name = ${name})
  on conflict (id) do update
    set name = excluded.name, state = 'ready', since = now(), until = null, message = null, next_step = null,
      heard_at = now()`

/** The same of one of which only the name is known, and only where something was wrong. */
export const answersElsewhere = (sql: Sql, name: string, ended: Part): Part => sql`
  update hai.endpoint
  set state = 'ready', since = now(), until = null, message = null, next_step = null, heard_at = now()
  from ${ended} where endpoint.id = ${elsewhere(name).id} and endpoint.state <> 'ready'`

/** It refused one question: it is there, and what it said of its limits holds for as long as it said. */
const stillAnswers = (sql: Sql, id: string, ended?: Part): Part => sql`
  update hai.endpoint
  set state = 'ready', since = now(), until = null, message = null, next_step = null, heard_at = now()
  from ${ended ?? alone(sql)}
  where endpoint.id = ${id} and endpoint.state <> 'ready' and coalesce(endpoint.until <= now(), true)`

/** Why a backend is not to be asked before a certain time, in the words of `fail`: no attempt is used. */
export function pauseIn(
  known: Known | undefined,
  endpoint: Endpoint,
): (AttemptFailure & { put_off: true }) | undefined {
  if (!known?.paused || known.until === null) return undefined
  const { state: code, until, message, next_step } = known
  return {
    code,
    backend: endpoint.name,
    endpoint,
    retryable: true,
    uses_attempt: false,
    put_off: true,
    message: `${endpoint.name} is not asked before ${until}, since ${message}`,
    not_before: until,
    ...(next_step ? { next_step } : {}),
  }
}

/** The same, asked anew, of a backend that only workers elsewhere reach. */
export async function pauseElsewhere(sql: Sql, name: string) {
  return pauseIn(await knownOf(sql, elsewhere(name)), elsewhere(name))
}

/** The lanes among `lanes` that don't wait for a pause of their backend's to end, in their order. */
export async function unpausedLanes(sql: Sql, lanes: string[]): Promise<string[]> {
  if (lanes.every(isOfAll)) return lanes
  const ids = lanes.map((lane) => elsewhere(lane).id)
  const paused = await sql<{ name: string }[]>`
    select name from hai.endpoint where id = any(${ids}) and until > now()`
  return lanes.filter((lane) => isOfAll(lane) || paused.every(({ name }) => name !== lane))
}

const isOfAll = (lane: string) => LANES.some((known) => known === lane)

/** The Ollama that nobody configured and that has answered, unless it has been missed for longer than a day. */
export async function knownOllama(sql: Sql): Promise<Endpoint | undefined> {
  const [last] = await sql<(Endpoint & { missed: boolean })[]>`
    select id, name, url, state <> 'ready' and since <= now() - interval '1 day' as missed
    from hai.endpoint where name = 'ollama' and url <> ''
    order by heard_at desc limit 1`
  if (!last || last.missed) return undefined
  const { id, name, url } = last
  return { id, name, url }
}

/** Writes down whether Ollama's own API is there, so that nobody looks again for what is not. */
export async function rememberOllama(sql: Sql, { id, name, url }: Endpoint, ollama: boolean): Promise<void> {
  await sql`
    insert into hai.endpoint as e (id, name, url, state, ollama) values (${id}, ${name}, ${url}, 'ready', ${ollama})
    on conflict (id) do update set ollama = excluded.ollama where e.ollama is distinct from excluded.ollama`
}
