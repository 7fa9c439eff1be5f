import { z } from 'zod'
import type { State, TaskError } from './contract.ts'
import type { Sql } from './db.ts'
import { parse } from './errors.ts'
import { Held, leaseLost } from './lease.ts'
import { backendAnswers, backendFails, tellsOfBackend } from './model/backend-state.ts'

/** The longest wait between two attempts, in seconds. */
const BACKOFF_CAP_SECONDS = 3600

const Complete = Held.extend({
  output: z.string(),
  result: z.unknown().optional(),
  agent: z.string().optional(),
  /** `backend/model` where a model answered. */
  route: z.string().optional(),
})

/**
 * Stores the answer under the lease. A task whose time ran out meanwhile ends `expired`, with the answer kept.
 * `conflict` when the lease is lost: nothing is written.
 */
export async function complete(sql: Sql, input: z.input<typeof Complete>): Promise<{ state: State }> {
  const { id, lease_no, output, result, agent, route } = parse(Complete, input)
  const [, backend] = /^([^/]+)\//.exec(route ?? '') ?? []
  const [task] = await sql<{ state: State }[]>`
    with ended as (
      update hai.task_queue
      set state = case when expires_at <= now() then 'expired' else 'done' end,
          output = ${output}, result = ${result === undefined ? null : sql.json(result as never)},
          error = case when expires_at <= now()
            then jsonb_build_object('code', 'expired', 'message', 'finished after its time had run out') end,
          agent = coalesce(${agent ?? null}, agent), route = coalesce(${route ?? null}, route),
          last_seq = last_seq + 1, updated_at = now(), finished_at = now()
      where id = ${id} and state = 'running' and lease_no = ${lease_no}
      returning id, state, last_seq, todo_id
    ), freed as (
      delete from hai.lease where task_id = (select id from ended)
    ), told as (
      insert into hai.task_event (task_id, seq, type, text)
      select id, last_seq, state, case state when 'done' then 'done' else 'finished after its time had run out' end
      from ended
    ), linked as (
      update hai.todo set result = ${output}, updated_at = now()
      from ended where todo.id = ended.todo_id and todo.task_id = ended.id and ended.state = 'done'
    )
    ${backend ? sql`, known as (${backendAnswers(sql, backend, sql`ended`)})` : sql``}
    select state from ended`
  if (!task) throw await leaseLost(sql, { id, lease_no })
  return task
}

const Fail = Held.extend({
  code: z.string().min(1).max(100),
  message: z.string().min(1),
  next_step: z.string().optional(),
  retryable: z.boolean().default(false),
  backend: z.string().max(100).optional(),
  /** False when waiting is all that is wrong: then attempts are neither used nor needed. */
  uses_attempt: z.boolean().default(true),
  retry_after_seconds: z
    .number()
    .nonnegative()
    .max(7 * 86_400)
    .optional(),
})

/**
 * Ends this attempt. Retryable and attempts left: `pending` again, after the server's Retry-After or an exponential
 * backoff with jitter; otherwise `dead`. `conflict` when the lease is lost: nothing is written.
 */
export async function fail(
  sql: Sql,
  input: z.input<typeof Fail>,
): Promise<{ state: State; run_at: string | null }> {
  const failure = parse(Fail, input)
  const { id, lease_no, code, message, next_step, retryable, uses_attempt, retry_after_seconds, backend } =
    failure
  const error: TaskError = {
    ...{ code, message },
    ...(next_step ? { next_step } : {}),
    ...(backend ? { backend } : {}),
  }
  const [task] = await sql<{ state: State; run_at: string | null }[]>`
    with held as (
      select id,
        case
          when expires_at <= now() then 'expired'
          when ${retryable} and (attempt < max_attempts or not ${uses_attempt}) then 'pending'
          else 'dead'
        end as next,
        make_interval(secs => coalesce(
          ${retry_after_seconds ?? null}::float8,
          least(backoff_seconds * 2 ^ (attempt - 1), ${BACKOFF_CAP_SECONDS}) * (0.75 + random() / 2))) as wait
      from hai.task_queue
      where id = ${id} and state = 'running' and lease_no = ${lease_no}
      for update
    ), moved as (
      update hai.task_queue t
      set state = held.next, error = ${sql.json(error as never)}, next_attempt = ${uses_attempt},
          run_at = case held.next when 'pending' then now() + held.wait else run_at end,
          claim_at = case held.next when 'pending' then now() + held.wait else claim_at end,
          finished_at = case held.next when 'pending' then null else now() end,
          last_seq = last_seq + 1, updated_at = now()
      from held where t.id = held.id
      returning t.*, held.wait
    ), freed as (
      delete from hai.lease where task_id = (select id from moved)
    ), told as (
      insert into hai.task_event (task_id, seq, type, text, data)
      select id, last_seq, case state when 'pending' then 'retry' else state end,
        case state
          when 'pending' then
            case when ${uses_attempt} then 'attempt ' || attempt || ' failed: ' else '' end || ${message} || '; next try in ' ||
            case
              when wait < interval '2 min' then ceil(extract(epoch from wait)) || ' s'
              when wait < interval '2 h' then round(extract(epoch from wait) / 60) || ' min'
              else round(extract(epoch from wait) / 3600) || ' h'
            end
          else ${message}
        end,
        error
      from moved
    )
    ${tellsOfBackend(failure) ? sql`, known as (${backendFails(sql, failure, sql`moved`)})` : sql``}
    select state, case state when 'pending' then run_at end as run_at from moved`
  if (!task) throw await leaseLost(sql, { id, lease_no })
  return task
}
