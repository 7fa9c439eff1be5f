import { Models } from '../base/backends.ts'
import type { Caller } from '../base/caller.ts'
import { brokenSettings, storedConfig } from '../base/config.ts'
import type { Sql } from '../base/db.ts'
import { workerEnvironment } from '../base/environment.ts'
import { HaiError, shown, withoutWords } from '../base/errors.ts'
import { firstLane } from '../builtin/first_lane.ts'
import { guardsThatAreOff } from '../cost/budget.ts'
import { chooseByName } from '../model/named.ts'
import { enqueueMany, enqueueOne } from '../task/enqueue.ts'
import { BUILT_IN } from '../task/lease.ts'
import type { Accepted } from '../task/shape.ts'
import { taskEvents } from '../task/show.ts'
import { wake, wakeAt } from '../task/wake.ts'
import { answerAtOnce, type Taker } from '../work/built_in.ts'

/** An answer that was given at once has four events or five. */
const EVENTS = 100

/**
 * Commits what came in, answers it where it is one task that needs no model, and calls workers for what is due then. Neither
 * a failed call nor a failed answer unsays the acceptance.
 */
export async function receive(
  sql: Sql,
  body: unknown,
  caller: Caller,
  taker: Taker,
): Promise<Accepted | Accepted[]> {
  const { accepted } = await take(sql, body, caller, taker)
  return accepted
}

/**
 * The same for the webhook, whose one argument is `body`: Windmill drops what stands beside it before a script sees it. Of
 * what was answered at once the caller has no more to ask.
 */
export async function receiveArgument(
  sql: Sql,
  body: unknown,
  caller: Caller,
  taker: Taker,
): Promise<Accepted | Accepted[]> {
  if (typeof body !== 'object' || body === null) throw noEnvelope(body)
  const { accepted, answered } = await take(sql, body, caller, taker)
  if (!answered) return accepted
  const seen = await taskEvents(sql, { id: answered, limit: EVENTS, with_result: true }, caller)
  return { ...(accepted as Accepted), seen }
}

function noEnvelope(body: unknown): HaiError {
  const what =
    body === undefined || body === null ? 'body is missing' : `body: ${shown(body)} is not accepted`
  const cure = 'wrap the envelope, or a list of them: {"body": {"source": "…", "content": "…"}}'
  return new HaiError('invalid', `${what}; ${cure}`, { plain: cure })
}

interface Taken {
  accepted: Accepted | Accepted[]
  /** The task that was worked on at once. */
  answered?: string | undefined
}

async function take(sql: Sql, body: unknown, caller: Caller, taker: Taker): Promise<Taken> {
  await refuseUnknownModels(sql, Array.isArray(body) ? body : [body])
  const { name: requester, sees, zone, dayFirst } = caller
  const origin = { requester, sees, zone, dayFirst, firstLane }
  if (Array.isArray(body)) {
    const accepted = await enqueueMany(sql, body, origin)
    const job_id = await wake(sql)
    return { accepted: accepted.map((one) => withJob(one, job_id)) }
  }
  const { told, lane, dueIn = 0 } = await enqueueOne(sql, body, origin)
  if (dueIn > 0) await wakeAt(new Date(Date.now() + dueIn * 1000).toISOString())
  const answered = lane === BUILT_IN && (await orLater(answerAtOnce(sql, told.task_id, taker)))
  // also then: the next turn of its conversation may have waited for it
  const job_id = await wake(sql)
  const accepted = {
    ...(answered ? told : withJob(told, job_id)),
    ...(caller.role === 'operator' ? await troubles(sql) : {}),
  }
  return { accepted, answered: answered ? told.task_id : undefined }
}

/** A name that nobody bears is refused before anything is stored; where Ollama would know it and is away, a worker waits for it. */
async function refuseUnknownModels(sql: Sql, bodies: unknown[]): Promise<void> {
  const named = bodies.flatMap((body) => {
    const { model } = (body ?? {}) as { model?: unknown }
    return typeof model === 'string' && /^\S{1,200}$/.test(model) ? [model] : []
  })
  if (named.length === 0) return
  const models = await storedConfig(sql, 'models', Models)
  for (const name of new Set(named)) {
    await chooseByName(name, models, workerEnvironment()).catch((error: unknown) => {
      const waits = error instanceof HaiError && error.code === 'unavailable' && /^ollama(\/|$)/.test(name)
      if (!waits) throw error
    })
  }
}

const withJob = (one: Accepted, job_id: string | undefined): Accepted =>
  job_id && one.status === 'accepted' ? { ...one, job_id } : one

async function orLater(answered: Promise<boolean>): Promise<boolean> {
  try {
    return await answered
  } catch (error) {
    // the task is committed; a lease that it had runs out
    console.error(`not answered at once, a worker will: ${withoutWords(error).stack}`)
    return false
  }
}

async function troubles(sql: Sql): Promise<Pick<Accepted, 'problems' | 'guards'>> {
  const [broken, guards] = await Promise.all([brokenSettings(sql), guardsThatAreOff(sql)])
  return {
    ...(broken.length > 0 ? { problems: broken } : {}),
    ...(guards.length > 0 ? { guards } : {}),
  }
}
