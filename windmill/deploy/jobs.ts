import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import { ServerError, type WindmillServer } from '../server.ts'

const LOOK_MS = 500

/** Looks every half second until something is there; undefined when it is not within so many seconds. */
export async function poll<T>(seconds: number, look: () => Promise<T | undefined>): Promise<T | undefined> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const found = await look()
    if (found !== undefined || Date.now() > deadline) return found
    await sleep(LOOK_MS)
  }
}

interface Finished {
  completed: boolean
  success?: boolean
  result?: unknown
}

interface Code {
  content: string
  path?: string
  lock?: string
  tag?: string
  args?: object
}

/** Runs code as a job that leaves no script behind, and returns its result; a failed job is a ServerError with its message. */
async function preview<T>(
  windmill: WindmillServer,
  code: Code,
  seconds: number,
  name = code.path ?? 'a preview',
): Promise<T> {
  const id = (
    await windmill.text('jobs/run/preview?invisible_to_owner=true', { args: {}, ...code, language: 'bun' })
  ).trim()
  const job = await poll(seconds, async () => {
    const state = await windmill.json<Finished>(`jobs_u/completed/get_result_maybe/${id}?get_started=false`)
    return state.completed ? state : undefined
  })
  const link = `${windmill.server.endpoint}/run/${id}?workspace=${windmill.server.workspace}`
  if (!job) throw new ServerError(`${name} has not ended after ${seconds} s; look at ${link}`)
  if (job.success) return job.result as T
  throw new ServerError(`${name} failed: ${failureIn(job.result)}; look at ${link}`)
}

/** A door's own refusal is read before what Windmill says of the job. */
export function failureIn(result: unknown): string {
  const body = result as { error?: { message?: string }; result?: { error?: { message?: string } } } | null
  return body?.result?.error?.message ?? body?.error?.message ?? JSON.stringify(result)
}

const MIGRATION_SECONDS = 600
/** A worker fetches its packages first. */
const LOOK_SECONDS = 60
const MIGRATE = 'f/hai/admin/migrate'

/**
 * Brings the database to this release's schema before any of its doors is there: the same script as it is staged, run as a
 * preview. What runs on the server now goes on, as schemas only expand. Returns what was applied.
 */
export async function migrateDatabase(windmill: WindmillServer, staged: string): Promise<string[]> {
  const { applied } = await preview<{ applied: string[] }>(windmill, migration(staged), MIGRATION_SECONDS)
  return applied
}

/** What a look at the database by one tag's workers found: what is new in the schema, or why it can't be migrated. */
type Look = { pending: string[] } | { problem: string }

/** The same script, which looks only: whether workers of that tag reach the database, and whether this user may migrate it. */
export async function lookAtDatabase(windmill: WindmillServer, staged: string, tag: string): Promise<Look> {
  const script = { ...migration(staged), tag, args: { look: true } }
  try {
    return await preview<{ pending: string[] }>(
      windmill,
      script,
      LOOK_SECONDS,
      `a look at the database by the workers of tag ${tag}`,
    )
  } catch (error) {
    if (error instanceof ServerError) return { problem: error.message }
    throw error
  }
}

function migration(staged: string): Code {
  const read = (ending: string) => readFileSync(join(staged, `${MIGRATE}.${ending}`), 'utf8')
  const { tag } = parse(read('script.yaml')) as { tag?: string }
  return { path: MIGRATE, content: read('ts'), lock: read('script.lock'), ...(tag ? { tag } : {}) }
}

const ANSWER_SECONDS = 60
/** Answered without a model, and changes nothing. */
const QUESTION = 'what is open?'

/** Hashes by path: what a deploy tries is what it pushed, and not what a server process still holds. */
type Versions = Map<string, string>

interface Result {
  state: string
  error?: { message: string; next_step?: string }
}

/**
 * Puts one task through the inbox and waits for its answer. The one row it leaves has the source `test`; a task that
 * gets no answer in a minute is cancelled. Returns how long the answer took, in seconds.
 */
export async function smokeTest(windmill: WindmillServer, versions: Versions): Promise<number> {
  const began = Date.now()
  const envelope = {
    source: 'test',
    content: QUESTION,
    idempotency_key: `deploy-${randomUUID()}`,
    ttl_seconds: 600,
  }
  // a list, which the inbox leaves to workers: theirs is the part that is tried
  const body = [envelope]
  const [{ task_id: id }] = await call<[{ task_id: string }]>(windmill, versions, 'inbox', { body })
  const ended = await poll(ANSWER_SECONDS, async () => {
    const result = await call<Result>(windmill, versions, 'task/result', { id })
    return result.state === 'pending' || result.state === 'running' ? undefined : result
  })
  if (ended?.state === 'done') return (Date.now() - began) / 1000
  if (ended) {
    const { message = '', next_step: next = '' } = ended.error ?? {}
    throw new ServerError(`task ${id} is ${ended.state}: ${[message, next].filter(Boolean).join('; ')}`)
  }
  const waits = await call<{ waiting_on: { text: string } | null }>(windmill, versions, 'task/show', { id })
  await call(windmill, versions, 'task/cancel', { id, reason: 'the smoke test of a deploy gave up' })
  const why = waits.waiting_on?.text ?? 'nothing says why'
  throw new ServerError(`task ${id} had no answer after ${ANSWER_SECONDS} s (${why}) and was cancelled`)
}

/** Has the sweep run once: it reads the operator's settings, so that doors know who is a member. */
export async function readSettings(windmill: WindmillServer, versions: Versions): Promise<void> {
  await call(windmill, versions, 'worker/sweep', { every_seconds: 60 })
}

/** What health complains of now, a sentence each. */
export async function healthProblems(windmill: WindmillServer, versions: Versions): Promise<string[]> {
  return (await call<{ problems: string[] }>(windmill, versions, 'admin/health', {})).problems
}

/** Of a door whose version is not known the one that is called by its path. */
function call<T>(windmill: WindmillServer, versions: Versions, door: string, args: object): Promise<T> {
  const path = `f/hai/${door}`
  const which = versions.has(path) ? `h/${versions.get(path)}` : `p/${path}`
  return windmill.json<T>(`jobs/run_wait_result/${which}?invisible_to_owner=true`, args)
}
