import { randomUUID } from 'node:crypto'
import { ServerError, type WindmillServer } from '../server.ts'
import { poll } from './jobs.ts'

const SECONDS = 60
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
  const ended = await poll(SECONDS, async () => {
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
  throw new ServerError(`task ${id} had no answer after ${SECONDS} s (${why}) and was cancelled`)
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
