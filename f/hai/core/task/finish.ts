import { z } from 'zod'
import { json, type Sql } from '../base/db.ts'
import { parse } from '../base/errors.ts'
import { shortId } from '../base/ids.ts'
import { storable, storableJson, withoutPasswords } from '../base/text.ts'
import { span } from '../base/words.ts'
import { type AttemptFailure, answersElsewhere, backendAnswers, blamed, toldByFailure } from './backend.ts'
import { endOfTime, Held, inHandsOf, leaseLost, wasLeft } from './lease.ts'
import type { Refused, State, TaskError } from './shape.ts'

/** The longest wait between two attempts, in seconds. */
const BACKOFF_CAP_SECONDS = 3600

const Endpoint = z.strictObject({ id: z.string(), name: z.string(), url: z.string() })

const Complete = Held.extend({
  output: z.string().transform(storable),
  result: z.unknown().optional(),
  agent: z.string().transform(storable).optional(),
  /** `backend/model` where a model answered. */
  route: z.string().transform(storable).optional(),
  /** Who answered just now; null for an answer that the journal had. A worker elsewhere gives the route only. */
  endpoint: Endpoint.nullish(),
})

/**
 * Stores the answer under the lease, with what it `refused`. A task whose time ran out meanwhile ends `expired`, with the
 * answer kept. `conflict` when the lease is lost: nothing is written.
 */
export async function complete(
  sql: Sql,
  input: z.input<typeof Complete>,
  refused?: Refused,
): Promise<{ state: State }> {
  const done = parse(Complete, input)
  const { output, result, agent, route, endpoint } = done
  const [, elsewhere] = endpoint === undefined ? (/^([^/]+)\//.exec(route ?? '') ?? []) : []
  const [task] = await sql<{ state: State }[]>`
    with ended as (
      update hai.task_queue
      set state = case when expires_at <= now() then ${endOfTime(sql)} else 'done' end,
          output = ${output}, result = ${result === undefined ? null : json(sql, storableJson(result))},
          error = case
            when expires_at > now() or expires_at is null then null
            when left_at is not null then ${wasLeft(sql, sql`id`, '; the one that came is kept')}
            else jsonb_build_object('code', 'expired', 'message', 'finished after its time had run out') end,
          agent = coalesce(${agent ?? null}, agent), route = coalesce(${route ?? null}, route),
          last_seq = last_seq + 1, updated_at = now(), finished_at = now()
      where ${inHandsOf(sql, done)}
      returning id, state, last_seq, todo_id, error
    ), freed as (
      delete from hai.lease where task_id = (select id from ended)
    ), told as (
      insert into hai.task_event (task_id, seq, type, text, data)
      select id, last_seq, state, coalesce(error ->> 'message', 'done'), ${json(sql, refused ? { refused } : {})}::jsonb from ended
    ), linked as (
      update hai.todo set result = ${output}, updated_at = now()
      from ended where todo.id = ended.todo_id and todo.task_id = ended.id and ended.state = 'done'
    )
    ${endpoint ? sql`, known as (${backendAnswers(sql, endpoint, sql`ended`)})` : sql``}
    ${elsewhere ? sql`, known as (${answersElsewhere(sql, elsewhere, sql`ended`)})` : sql``}
    select state from ended`
  if (!task) throw await leaseLost(sql, done)
  return task
}

/** Failures that tell of what is around a task, and not of the task: once that is mended, the same one may go on. */
const MENDED = new Set([
  'budget',
  'certificate',
  'login_expired',
  'missing',
  'model_missing',
  'no_room',
  'quota_exhausted',
  'rate_limited',
  'unavailable',
  'unusable',
  'wrong_url',
])

const thenRetry = (cure: string, id: string) => `${cure}; then hai task retry ${shortId(id)}`

/** What a program said of its server goes into errors and events. */
const shownText = (text: string) => withoutPasswords(storable(text))

const Fail = Held.extend({
  code: z.string().min(1).max(100),
  message: z.string().min(1).transform(shownText),
  next_step: z.string().transform(shownText).optional(),
  retryable: z.boolean().default(false),
  backend: z.string().max(100).optional(),
  endpoint: Endpoint.optional(),
  /** False when waiting is all that is wrong: then attempts are neither used nor needed. */
  uses_attempt: z.boolean().default(true),
  retry_after_seconds: z
    .number()
    .nonnegative()
    .max(7 * 86_400)
    .optional(),
  not_before: z.string().optional(),
  put_off: z.literal(true).optional(),
})

/**
 * Ends this attempt. Retryable and attempts left: `pending` again, after the server's Retry-After or an exponential
 * backoff with jitter; otherwise `dead`. What uses no attempt waits for as long as `patienceOf` its code allows, in all.
 * `conflict` when the lease is lost: nothing is written.
 */
export async function fail(
  sql: Sql,
  input: z.input<typeof Fail>,
): Promise<{ state: State; run_at: string | null }> {
  const failure = parse(Fail, input)
  const { id, code, message, retryable, uses_attempt, not_before = null, put_off } = failure
  const { most, inChat = CHAT_SECONDS, first, longest } = patienceOf(code)
  const told = failure.retry_after_seconds ?? null
  const { next_step } = failure
  const again = next_step && !retryable && MENDED.has(code) ? { next_step: thenRetry(next_step, id) } : {}
  const error = errorOf({ ...failure, ...again })
  const tired = (who: string, seconds: number): TaskError => ({
    ...error,
    message: `${message}; ${who} waits at most ${span(seconds)} for that`,
    next_step: `hai task retry ${shortId(id)}`,
  })
  const known = put_off ? undefined : toldByFailure(sql, failure, sql`moved`)
  const [task] = await sql<{ state: State; run_at: string | null }[]>`
    with task as (
      select id, attempt, max_attempts, backoff_seconds, expires_at, left_at, waited,
        coalesce((waited ->> ${code})::float8, 0) as so_far,
        case when chat then ${inChat}::float8 else ${most}::float8 end as most
      from hai.task_queue
      where ${inHandsOf(sql, failure)}
      for update
    ), timed as (
      select task.*,
        case
          when ${uses_attempt} then coalesce(
            ${told}::float8,
            least(backoff_seconds * 2 ^ (attempt - 1), ${BACKOFF_CAP_SECONDS}) * (0.75 + random() / 2))
          when ${not_before}::timestamptz is not null
            then greatest(1, extract(epoch from ${not_before}::timestamptz - now()))
          -- never before it was said, and less and less often where what was said did not help
          when ${told}::float8 is not null then greatest(1, ${told}::float8, least(so_far / 20, ${longest}::float8))
          else least(greatest(so_far / 2, ${first}::float8), ${longest}::float8) * (0.75 + random() / 2)
        end as seconds
      from task
    ), held as (
      select id, so_far, seconds,
        not ${uses_attempt} and so_far + seconds > most as tired,
        case
          when expires_at <= now() then ${endOfTime(sql)}
          when not ${retryable} then 'dead'
          when ${uses_attempt} then case when attempt < max_attempts then 'pending' else 'dead' end
          when so_far + seconds > most then 'dead'
          else 'pending'
        end as next,
        case when ${not_before}::timestamptz > now() then ${not_before}::timestamptz
          else now() + make_interval(secs => seconds) end as again
      from timed
    ), moved as (
      update hai.task_queue t
      set state = held.next, next_attempt = ${uses_attempt},
          error = case when held.next = 'cancelled' then ${wasLeft(sql, sql`t.id`)} when ${retryable} and held.tired
            then case when t.chat then ${json(sql, tired('a chat', inChat))}::jsonb else ${json(sql, tired('a task', most))}::jsonb end
            else ${json(sql, error)}::jsonb end,
          waited = case when held.next = 'pending' and not ${uses_attempt}
            then coalesce(t.waited, '{}') || jsonb_build_object(${code}::text, held.so_far + held.seconds) end,
          waits_for = case held.next when 'pending' then ${blamed(failure)?.id ?? null} end,
          run_at = case held.next when 'pending' then held.again else run_at end,
          claim_at = case held.next when 'pending' then held.again else claim_at end,
          finished_at = case held.next when 'pending' then null else now() end,
          last_seq = last_seq + 1, updated_at = now()
      from held where t.id = held.id
      returning t.*, make_interval(secs => held.seconds) as wait
    ), freed as (
      delete from hai.lease where task_id = (select id from moved)
    ), told as (
      insert into hai.task_event (task_id, seq, type, text, data)
      select id, last_seq, case state when 'pending' then 'retry' else state end,
        case state
          when 'pending' then
            case when ${uses_attempt} then 'attempt ' || attempt || ' failed: ' else 'put off: ' end || ${message} ||
            case when ${put_off ?? false} then '' else '; next try in ' ||
              case
                when wait < interval '2 min' then ceil(extract(epoch from wait)) || ' s'
                when wait < interval '2 h' then round(extract(epoch from wait) / 60) || ' min'
                else round(extract(epoch from wait) / 3600) || ' h'
              end
            end
          else error ->> 'message'
        end,
        error
      from moved
    )
    ${known ? sql`, known as (${known})` : sql``}
    select state, case state when 'pending' then run_at end as run_at from moved`
  if (!task) throw await leaseLost(sql, failure)
  return task
}

const errorOf = ({ code, message, next_step, backend }: AttemptFailure): TaskError => ({
  code,
  message,
  ...(next_step ? { next_step } : {}),
  ...(backend ? { backend } : {}),
})

/** How long a task goes on waiting for one trouble to pass, and how often it looks whether it has; all in seconds. */
export interface Patience {
  /** In all, over every time that it was put off for this; then it ends, with the trouble as its reason. */
  most: number
  /** The same for a chat's question, before which somebody sits and sees nothing; a minute when not given. */
  inChat?: number
  /** Until the second try where nobody says when to come again; each later wait is half as long as all before it. */
  first: number
  /** No wait grows longer than this by itself. */
  longest: number
}

const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

const CHAT_SECONDS = MINUTE

const PATIENCE: Record<string, Patience> = {
  // 20 GB from a slow disk take some minutes
  loading: { most: 15 * MINUTE, inChat: 15 * MINUTE, first: 2, longest: 15 },
  // a machine that is switched off at night, a host that is being upgraded
  unreachable: { most: 6 * HOUR, first: 2, longest: MINUTE },
  // it answers that it can't now: a proxy before a server that restarts, one that is overloaded
  unavailable: { most: HOUR, first: 3, longest: MINUTE },
  rate_limited: { most: 7 * DAY, first: MINUTE, longest: 15 * MINUTE },
  quota_exhausted: { most: 7 * DAY, first: 15 * MINUTE, longest: 3 * HOUR },
  // until the day or the month begins anew
  budget: { most: 35 * DAY, first: MINUTE, longest: HOUR },
}

const USUAL: Patience = { most: HOUR, first: 10, longest: 5 * MINUTE }

/** By a failure's code. */
export const patienceOf = (code: string): Patience =>
  Object.hasOwn(PATIENCE, code) ? PATIENCE[code]! : USUAL
