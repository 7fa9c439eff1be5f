import { Hono } from 'hono'
import { ApiError } from '../api-error.ts'
import { argsOf, type Job } from '../jobs.ts'
import { bodyOf, objectOf } from './arguments.ts'
import type { Api, Call, Stack } from './context.ts'
import { jobUpdate, jobView, streamNotFound, streamUpdates, wantedBy } from './updates.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

/** Reading and ending jobs, below `/api/w/:workspace`. Who is no admin finds only their own. */
export function jobRoutes(stack: Stack): Hono<Api> {
  const routes = new Hono<Api>()
  routes.get('/jobs/list', (call) => listed(stack, call, () => true))
  routes.get('/jobs/completed/list', (call) => listed(stack, call, (job) => job.completedAt !== undefined))
  routes.get('/jobs/queue/list', (call) => listed(stack, call, (job) => job.completedAt === undefined))
  routes.get('/jobs_u/get/:id', (call) => call.json(jobView(find(stack, call), stack.workspace)))
  routes.get('/jobs_u/completed/get/:id', (call) => {
    // here, where there is but one kind, Windmill names none
    const { type: _, ...view } = jobView(findCompleted(stack, call), stack.workspace)
    return call.json(view)
  })
  routes.get('/jobs_u/completed/get_result/:id', (call) => {
    return call.body(findCompleted(stack, call).result ?? 'null', 200, JSON_TYPE)
  })
  routes.get('/jobs_u/completed/get_result_maybe/:id', (call) => resultMaybe(find(stack, call), call))
  routes.get('/jobs_u/get_logs/:id', (call) => call.text(find(stack, call).output.log.text()))
  routes.get('/jobs_u/getupdate/:id', (call) => call.json(jobUpdate(find(stack, call), wantedBy(call))))
  routes.get('/jobs_u/getupdate_sse/:id', (call) => {
    const wanted = wantedBy(call)
    const job = lookUp(stack, call)
    return job ? streamUpdates(stack, call, job, wanted) : streamNotFound(call)
  })
  routes.get('/jobs_u/get_root_job_id/:id', (call) => call.json(find(stack, call).rootJob))
  routes.get('/jobs_u/get_args/:id', (call) => call.json(argsOf(find(stack, call))))
  for (const verb of ['cancel', 'force_cancel']) {
    routes.post(`/jobs_u/queue/${verb}/:id`, async (call) => {
      const job = find(stack, call)
      const { reason } = await objectOf(call)
      const text = typeof reason === 'string' && reason !== '' ? reason : 'unexplained'
      stack.flows.cancelAny(job, call.get('identity').username, text)
      return call.text(job.id)
    })
  }
  return routes
}

/** Undefined when there is none, or it is not for the caller's eyes. */
function lookUp(stack: Stack, call: Call): Job | undefined {
  const job = stack.jobs.get((call.req.param('id') ?? '').toLowerCase())
  return job && isVisible(job, call) ? job : undefined
}

/** Whether the caller may know of a job. */
export function isVisible(job: Job, call: Call): boolean {
  const { admin, user } = call.get('identity')
  return admin || job.identity.user === user
}

function find(stack: Stack, call: Call): Job {
  const job = lookUp(stack, call)
  if (job) return job
  const id = call.req.param('id') ?? ''
  if (stack.jobs.get(id.toLowerCase()))
    throw new ApiError(403, `Permission denied: You do not have access to run ${id}`)
  throw new ApiError(
    404,
    `job ${id} not found; of finished jobs the local runner keeps the newest, until it stops`,
  )
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

function listed(stack: Stack, call: Call, wanted: (job: Job) => boolean): Response {
  const { admin, user } = call.get('identity')
  // that of a route is its owner's: who called finds it by its id alone
  const jobs = stack.jobs.list().filter((job) => wanted(job) && (admin || job.runsAs.user === user))
  const selected = selectJobs(jobs, call.req.query())
  return call.json(selected.map((job) => jobView(job, stack.workspace, 'listed')))
}

type Filter = (job: Job, value: string) => boolean

const FILTERS: Record<string, Filter> = {
  script_path_exact: (job, path) => job.path === path,
  script_path_start: (job, start) => job.path.startsWith(start),
  schedule_path: (job, path) => job.schedulePath === path,
  created_by: (job, name) => job.identity.username === name,
  parent_job: (job, id) => job.parentJob === id,
  tag: (job, tag) => job.tag === tag,
  running: (job, value) => (job.startedAt !== undefined && !job.completedAt) === (value === 'true'),
  success: (job, value) => job.completedAt !== undefined && job.success === (value === 'true'),
  status: (job, value) => job.completedAt !== undefined && statusOf(job) === value,
  job_kinds: (job, kinds) => kinds.split(',').includes(job.kind),
  has_null_parent: (job, value) => (job.parentJob === '') === (value === 'true'),
  is_not_schedule: (job, value) => (job.schedulePath === '') === (value === 'true'),
  suspended: (_job, value) => value !== 'true',
}
const PAGING = ['per_page', 'page', 'order_desc', 'token']

/** The jobs a query asks for, newest first unless `order_desc=false`. A filter we don't know is refused, not ignored. */
function selectJobs(jobs: Job[], query: Record<string, string>): Job[] {
  const unknown = Object.keys(query).find((name) => !Object.hasOwn(FILTERS, name) && !PAGING.includes(name))
  if (unknown) throw new ApiError(501, `not implemented by the local runner: the job filter ${unknown}`)
  const filters = Object.entries(query).filter(([name]) => Object.hasOwn(FILTERS, name))
  const selected = jobs.filter((job) => filters.every(([name, value]) => FILTERS[name]!(job, value)))
  if (query.order_desc === 'false') selected.reverse()
  const size = positive('per_page', query.per_page ?? '30')
  const start = (positive('page', query.page ?? '1') - 1) * size
  return selected.slice(start, start + size)
}

function statusOf(job: Job): string {
  if (job.canceled) return 'canceled'
  return job.success ? 'success' : 'failure'
}

function positive(field: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new ApiError(400, `${field} is "${text}"; expected a whole number above 0`)
}

/** What a job tells of itself while it runs, below `/api/w/:workspace`: its progress, and its flow's own states. */
export function jobStateRoutes(stack: Stack): Hono<Api> {
  const routes = new Hono<Api>()
  routes.post('/job_metrics/set_progress/:id', async (call) => {
    const { percent } = await objectOf(call)
    if (typeof percent !== 'number')
      throw new ApiError(400, `percent is ${percent}; expected a number up to 100`)
    const job = findAny(stack, call)
    // As Windmill: progress never goes back, and 100 is for the end.
    job.progress = Math.max(job.progress ?? 0, Math.min(99, Math.floor(percent)))
    stack.jobs.announce(job)
    return call.json(null)
  })
  routes.get('/job_metrics/get_progress/:id', (call) => call.json(findAny(stack, call).progress ?? null))
  routes.post('/jobs/flow/user_states/:id/:key', async (call) => {
    findAny(stack, call).userStates.set(call.req.param('key'), await bodyOf(call))
    return call.text('')
  })
  routes.get('/jobs/flow/user_states/:id/:key', (call) => {
    return call.json((findAny(stack, call).userStates.get(call.req.param('key')) ?? null) as object)
  })
  return routes
}

function findAny(stack: Stack, call: Call): Job {
  const id = (call.req.param('id') ?? '').toLowerCase()
  const job = stack.jobs.get(id)
  if (!job) throw new ApiError(404, `job ${id} not found`)
  return job
}
