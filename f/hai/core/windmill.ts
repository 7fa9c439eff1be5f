/**
 * The two calls that core makes to Windmill. The environment is read at each call: a warm process serves many jobs,
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

/** A resource with its variables filled in. */
export async function getResource(path: string): Promise<Record<string, unknown>> {
  const response = await call(`resources/get_value_interpolated/${path}`, {})
  return (await response.json()) as Record<string, unknown>
}

async function call(path: string, init: RequestInit): Promise<Response> {
  const { BASE_INTERNAL_URL, WM_WORKSPACE, WM_TOKEN } = process.env
  const headers = { authorization: `Bearer ${WM_TOKEN}`, 'content-type': 'application/json' }
  const url = `${BASE_INTERNAL_URL}/api/w/${WM_WORKSPACE}/${path}`
  const response = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(
    (cause) => {
      throw new HaiError(
        'unavailable',
        `Windmill can't be reached at ${BASE_INTERNAL_URL} (${cause.message})`,
        { cause },
      )
    },
  )
  if (response.ok) return response
  throw new HaiError(
    'unavailable',
    `Windmill answered ${response.status} to ${path.split('?')[0]}: ${await response.text()}`,
  )
}
