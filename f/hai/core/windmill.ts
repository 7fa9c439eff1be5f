/**
 * The few calls that core makes to Windmill. The environment is read at each call: a warm process serves many jobs,
 * each with a token of its own.
 */
import { HaiError } from './errors.ts'

const TIMEOUT_MS = 5000

/** Starts a script and doesn't wait for it. The caller chooses the job id (a UUID), so that a repeat can't start two. */
export async function startScript(
  path: string,
  args: Record<string, unknown>,
  options: { jobId: string; delaySeconds?: number },
): Promise<void> {
  const query = new URLSearchParams({ job_id: options.jobId })
  if (options.delaySeconds) query.set('scheduled_in_secs', String(Math.ceil(options.delaySeconds)))
  await call(`jobs/run/p/${path}?${query}`, { method: 'POST', body: JSON.stringify(args) })
}

/** A resource as it is stored, its references unread; undefined when there is none. */
export async function findResource(path: string): Promise<unknown> {
  const response = await send(`resources/get_value/${path}`, {})
  return response.status === 404 ? undefined : (await accepted(response, path)).json()
}

/** A variable's value, secrets included. */
export async function getVariable(path: string): Promise<string> {
  return (await call(`variables/get_value/${path}`, {})).json() as Promise<string>
}

/** Sends a piece of an answer down the job's own stream: one line of JSON, as a job may work on many tasks. */
export function streamAnswer(id: string, at: number, text: string): void {
  stream({ id, at, text })
}

/** Says down the same stream that no more comes of the task's answer: who follows it need not wait to find out. */
export function streamEnd(id: string): void {
  stream({ id, end: true })
}

function stream(piece: object): void {
  // Windmill makes a line feed of every backslash and n: JSON's own escapes must not look like one
  const line = JSON.stringify(piece).replace(/\\([n\\])/g, (_, escaped) =>
    escaped === 'n' ? '\\u000a' : '\\u005c',
  )
  console.log(`WM_STREAM: ${line}\\n`)
}

/** A resource with its variables filled in. */
export async function getResource(path: string): Promise<Record<string, unknown>> {
  const response = await call(`resources/get_value_interpolated/${path}`, {})
  return (await response.json()) as Record<string, unknown>
}

async function call(path: string, init: RequestInit): Promise<Response> {
  return accepted(await send(path, init), path)
}

async function send(path: string, init: RequestInit): Promise<Response> {
  const { BASE_INTERNAL_URL, WM_WORKSPACE, WM_TOKEN } = process.env
  const headers = { authorization: `Bearer ${WM_TOKEN}`, 'content-type': 'application/json' }
  const url = `${BASE_INTERNAL_URL}/api/w/${WM_WORKSPACE}/${path}`
  return fetch(url, { ...init, headers, signal: AbortSignal.timeout(TIMEOUT_MS) }).catch((cause) => {
    throw new HaiError(
      'unavailable',
      `Windmill can't be reached at ${BASE_INTERNAL_URL} (${cause.message})`,
      { cause },
    )
  })
}

async function accepted(response: Response, path: string): Promise<Response> {
  if (response.ok) return response
  const message = `Windmill answered ${response.status} to ${path.split('?')[0]}: ${await response.text()}`
  throw new HaiError(response.status === 400 ? 'invalid' : 'unavailable', message)
}
