import { Hono } from 'hono'
import { ApiError } from '../api-error.ts'
import type { Job } from '../jobs.ts'
import { argumentsOf, objectOf } from './arguments.ts'
import { type Api, type Call, pathAfter, type Stack } from './context.ts'
import { selectJobs } from './job-list.ts'
import { jobUpdate, type Wanted, wantedBy } from './job-updates.ts'
import { jobView } from './job-view.ts'
import { resultResponse } from './response.ts'
import { streamNotFound, streamUpdates } from './update-stream.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const RESULT_ONLY: Wanted = { logOffset: 0, streamOffset: 0, noLogs: true, onlyResult: true }
const WAIT_SECONDS = Number(process.env.TIMEOUT_WAIT_RESULT) || 600

/** Running scripts and reading what became of it, below `/api/w/:workspace`. */
export function jobRoutes(stack: Stack): Hono<Api> {
  const routes = new Hono<Api>()
  routes.post('/jobs/run/p/*', async (call) => call.text((await submit(stack, call, '/jobs/run/p/')).id, 201))
  routes.on(['GET', 'POST'], '/jobs/run_wait_result/p/*', async (call) => {
    const job = await submit(stack, call, '/jobs/run_wait_result/p/')
    return (await completed(stack, call, job))
      ? resultResponse(call, job)
      : call.text(`timeout after ${WAIT_SECONDS}s`, 500)
  })
  routes.on(['GET', 'POST'], '/jobs/run_and_stream/p/*', async (call) => {
    const job = await submit(stack, call, '/jobs/run_and_stream/p/')
    return streamUpdates(stack, call, job, RESULT_ONLY)
  })
  routes.get('/jobs/list', (call) => listed(stack, call, stack.jobs.list()))
  routes.get('/jobs/completed/list', (call) => {
    return listed(
      stack,
      call,
      stack.jobs.list().filter((job) => job.completedAt),
    )
  })
  routes.get('/jobs_u/get/:id', (call) => call.json(jobView(find(stack, call), stack.workspace)))
  routes.get('/jobs_u/completed/get/:id', (call) => {
    return call.json(jobView(findCompleted(stack, call), stack.workspace))
  })
  routes.get('/jobs_u/completed/get_result/:id', (call) => {
    return call.body(findCompleted(stack, call).result ?? 'null', 200, JSON_TYPE)
  })
  routes.get('/jobs_u/completed/get_result_maybe/:id', (call) => resultMaybe(find(stack, call), call))
  routes.get('/jobs_u/get_logs/:id', (call) => call.text(find(stack, call).output.log.text()))
  routes.get('/jobs_u/getupdate/:id', (call) => call.json(jobUpdate(find(stack, call), wantedBy(call))))
  routes.get('/jobs_u/getupdate_sse/:id', (call) => {
    const wanted = wantedBy(call)
    const job = stack.jobs.get(call.req.param('id').toLowerCase())
    return job ? streamUpdates(stack, call, job, wanted) : streamNotFound(call)
  })
  routes.get('/jobs_u/get_root_job_id/:id', (call) => call.json(find(stack, call).rootJob))
  routes.post('/jobs_u/queue/cancel/:id', async (call) => {
    const job = find(stack, call)
    const { reason } = await objectOf(call)
    const text = typeof reason === 'string' && reason !== '' ? reason : 'unexplained'
    stack.executor.cancel(job, call.get('identity').username, text)
    return call.text(job.id)
  })
  return routes
}

async function submit(stack: Stack, call: Call, marker: string): Promise<Job> {
  const path = pathAfter(call, marker)
  const query = call.req.query()
  const request = {
    path,
    identity: { ...call.get('identity'), job: false },
    id: jobIdOf(query.job_id),
    tag: query.tag || undefined,
    parentJob: query.parent_job || undefined,
    rootJob: query.root_job || undefined,
    scheduledFor: scheduledFor(query),
    skipPreprocessor: query.skip_preprocessor === 'true',
  }
  return stack.executor.submit({ ...request, args: await argumentsOf(call) })
}

function jobIdOf(id: string | undefined): string | undefined {
  if (id === undefined || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return id?.toLowerCase()
  throw new ApiError(400, `job_id "${id}" is not a UUID`)
}

function scheduledFor(query: Record<string, string>): Date | undefined {
  const { scheduled_in_secs: seconds, scheduled_for: time } = query
  if (!seconds && !time) return undefined
  const date = seconds ? new Date(Date.now() + Number(seconds) * 1000) : new Date(time ?? '')
  if (!Number.isNaN(date.getTime())) return date
  const given = seconds ? `scheduled_in_secs "${seconds}"` : `scheduled_for "${time}"`
  throw new ApiError(
    400,
    `${given} is not accepted; expected seconds, or a time such as 2026-11-22T07:00:00Z`,
  )
}

/** Waits for the job; a caller who hangs up, or waits too long, ends it. False when it took too long. */
async function completed(stack: Stack, call: Call, job: Job): Promise<boolean> {
  const { outgoing } = call.env
  const hungUp = () => stack.executor.cancel(job, call.get('identity').username, 'http connection broke')
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

function find(stack: Stack, call: Call): Job {
  const id = call.req.param('id') ?? ''
  const job = stack.jobs.get(id.toLowerCase())
  if (!job)
    throw new ApiError(
      404,
      `job ${id} not found; the local runner keeps the newest 2,000 jobs until it stops`,
    )
  return job
}

function findCompleted(stack: Stack, call: Call): Job {
  const job = find(stack, call)
  if (!job.completedAt) throw new ApiError(404, `completed job ${job.id} not found: it is not completed`)
  return job
}

function resultMaybe(job: Job, call: Call): Response {
  const started = call.req.query('get_started') === 'false' ? undefined : job.startedAt !== undefined
  if (!job.completedAt) return call.json({ completed: false, result: null, started })
  // The result is JSON already; ten megabytes are not worth reading just to write them again.
  const head = JSON.stringify({ completed: true, success: job.success, started })
  return call.body(`${head.slice(0, -1)},"result":${job.result}}`, 200, JSON_TYPE)
}

function listed(stack: Stack, call: Call, jobs: Job[]): Response {
  const selected = selectJobs(jobs, call.req.query())
  return call.json(selected.map((job) => jobView(job, stack.workspace, 'listed')))
}
