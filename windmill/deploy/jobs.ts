import { setTimeout as sleep } from 'node:timers/promises'
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

export interface Code {
  content: string
  path?: string
  lock?: string
  tag?: string
  args?: object
}

/** Runs code as a job that leaves no script behind, and returns its result; a failed job is a ServerError with its message. */
export async function preview<T>(
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
