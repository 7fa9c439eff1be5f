/**
 * The few calls that core makes to Windmill. The environment is read at each call: a warm process serves many jobs,
 * each with a token of its own.
 */
import { HaiError } from './errors.ts'
import { networkReason } from './network.ts'

const TIMEOUT_MS = 5000
/** Characters of what Windmill says that are repeated; it may list everybody's rights. */
const LONGEST_ANSWER = 200

/** Starts a script and doesn't wait for it. The caller chooses the job id (a UUID), so that a repeat can't start two. */
export async function startScript(
  path: string,
  args: Record<string, unknown>,
  options: { jobId: string; delaySeconds?: number },
): Promise<void> {
  // who may run the bundle could read its jobs, else
  const query = new URLSearchParams({ job_id: options.jobId, invisible_to_owner: 'true' })
  if (options.delaySeconds) query.set('scheduled_in_secs', String(Math.ceil(options.delaySeconds)))
  await call(`jobs/run/p/${path}?${query}`, { method: 'POST', body: JSON.stringify(args) })
}

/** The user with whose rights this job runs, who may cancel what it starts; empty outside of a job. */
export const ringer = (): string => process.env.WM_PERMISSIONED_AS ?? ''

/** Whether somebody cancelled a job. Where that can't be told, as nobody answers or the job isn't for these eyes: false. */
export async function wasCancelled(jobId: string): Promise<boolean> {
  try {
    const { status, text } = await send(`jobs_u/get/${encodeURIComponent(jobId)}?no_logs=true`, {})
    return status === 200 && (JSON.parse(text) as { canceled?: boolean }).canceled === true
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof HaiError && error.code === 'unavailable'))
      return false
    throw error
  }
}

/**
 * A resource as it is stored, its references unread; undefined when there is none. `invalid` when it is a file that can't
 * be read. Only who may read it may call: the sweep's schedule, and the operator.
 */
export async function findResource(path: string): Promise<unknown> {
  const answer = await send(`resources/get_value/${path}`, {})
  if (answer.status === 404) return undefined
  // a file on the operator's own machine: its reader's words say where and why
  if (answer.status === 400) throw new HaiError('invalid', answer.text.replace(/^Bad request: /, ''))
  return JSON.parse(accepted(answer, path))
}

/** Sends a piece of an answer down the job's own stream: one line of JSON, as a job may work on many tasks. */
export function streamAnswer(id: string, at: number, text: string): void {
  stream({ id, at, text })
}

/** Characters; a longer outcome is asked for, and not kept twice with the job. */
const LONGEST_OUTCOME = 16_384

/**
 * Says down the same stream that no more comes of the task's answer: who follows it need not wait to find out, nor ask what
 * came of it where that is given.
 */
export function streamEnd(id: string, outcome?: object): void {
  const isShort = outcome !== undefined && JSON.stringify(outcome).length <= LONGEST_OUTCOME
  stream({ id, end: true, ...(isShort ? { outcome } : {}) })
}

function stream(piece: object): void {
  // Windmill makes a line feed of every backslash and n: JSON's own escapes must not look like one
  const line = JSON.stringify(piece).replace(/\\([n\\])/g, (_, escaped) =>
    escaped === 'n' ? '\\u000a' : '\\u005c',
  )
  console.log(`WM_STREAM: ${line}\\n`)
}

interface Answer {
  status: number
  text: string
}

async function call(path: string, init: RequestInit): Promise<string> {
  return accepted(await send(path, init), path)
}

/** One call, its answer read to the end: a connection may break at any byte. */
async function send(path: string, init: RequestInit): Promise<Answer> {
  const { BASE_URL, WM_WORKSPACE, WM_TOKEN } = process.env
  const headers = { authorization: `Bearer ${WM_TOKEN}`, 'content-type': 'application/json' }
  const url = `${BASE_URL}/api/w/${WM_WORKSPACE}/${path}`
  try {
    const response = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
    return { status: response.status, text: await response.text() }
  } catch (cause) {
    const message = `Windmill can't be reached at ${BASE_URL} (${networkReason(cause)})`
    throw new HaiError('unavailable', message, { cause })
  }
}

function accepted({ status, text }: Answer, path: string): string {
  if (status >= 200 && status < 300) return text
  const message = `Windmill answered ${status} to ${path.split('?')[0]}: ${text.slice(0, LONGEST_ANSWER)}`
  throw new HaiError(status === 400 ? 'invalid' : 'unavailable', message)
}
