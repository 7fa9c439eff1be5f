import type { ContentfulStatusCode, StatusCode } from 'hono/utils/http-status'
import type { Job } from '../jobs.ts'
import type { Call, Stack } from './context.ts'

const WAIT_SECONDS = Number(process.env.TIMEOUT_WAIT_RESULT) || 600

/** The answer of a sync call: the job's result, or after ten minutes that there is none. */
export async function completedOrTimeout(stack: Stack, call: Call, job: Job): Promise<Response> {
  const inTime = await completed(stack, call, job)
  return inTime ? resultResponse(call, job) : call.text(`timeout after ${WAIT_SECONDS}s`, 500)
}

/** Waits for the job; a caller who hangs up, or waits too long, ends it. False when it took too long. */
async function completed(stack: Stack, call: Call, job: Job): Promise<boolean> {
  const { outgoing } = call.env
  const hungUp = () => stack.flows.cancelAny(job, job.identity.username, 'http connection broke')
  if (outgoing.destroyed) hungUp()
  outgoing.once('close', hungUp)
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), WAIT_SECONDS * 1000)
  })
  const inTime = await Promise.race([job.done.then(() => true), timeout])
  clearTimeout(timer)
  outgoing.off('close', hungUp)
  if (!inTime) hungUp()
  return inTime
}

const JSON_TYPE = { 'content-type': 'application/json' }

interface Shape {
  windmill_status_code?: unknown
  windmill_headers?: Record<string, string>
  windmill_content_type?: string
  result?: unknown
}

/** The answer of the sync route: the bare result, or what the result says the answer shall be. */
function resultResponse(call: Call, job: Job): Response {
  const result = job.result ?? 'null'
  const status = job.success ? 200 : 422
  const shape = job.shaped ? (JSON.parse(result) as Shape) : {}
  const { windmill_status_code, windmill_headers, windmill_content_type } = shape
  if (windmill_status_code === undefined && !windmill_headers && !windmill_content_type) {
    return call.body(result, status, JSON_TYPE)
  }
  const empty = shape.result === undefined || shape.result === null
  const code = windmill_status_code ?? (job.success ? (empty ? 204 : 200) : 422)
  if (!isStatus(code)) return call.text(`Invalid status code: ${JSON.stringify(code)}`, 500)
  return shapedResponse(call, shape, code)
}

function shapedResponse(call: Call, shape: Shape, code: StatusCode): Response {
  const { result, windmill_headers, windmill_content_type } = shape
  let headers: Record<string, string>
  try {
    const given = new Headers(windmill_headers)
    if (windmill_content_type) given.set('content-type', windmill_content_type)
    else if (!given.has('content-type')) given.set('content-type', 'application/json')
    headers = Object.fromEntries(given)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return call.text(`Invalid headers: ${error.message}`, 500)
  }
  if (code === 204 || code === 205 || code === 304) {
    delete headers['content-type']
    return call.body(null, code, headers)
  }
  const isText = windmill_content_type !== undefined && typeof result === 'string'
  const body = isText ? result : JSON.stringify(result ?? null)
  return call.body(body, code as ContentfulStatusCode, headers)
}

/** Node's Response knows 200 to 599 only. */
function isStatus(code: unknown): code is StatusCode {
  return Number.isInteger(code) && (code as number) >= 200 && (code as number) <= 599
}
