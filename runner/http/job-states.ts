import { Hono } from 'hono'
import { ApiError } from '../api-error.ts'
import type { Job } from '../jobs.ts'
import { bodyOf, objectOf } from './arguments.ts'
import type { Api, Call, Stack } from './context.ts'

/** What a job tells of itself while it runs, below `/api/w/:workspace`: its progress, and its flow's own states. */
export function jobStateRoutes(stack: Stack): Hono<Api> {
  const routes = new Hono<Api>()
  routes.post('/job_metrics/set_progress/:id', async (call) => {
    const { percent } = await objectOf(call)
    if (typeof percent !== 'number')
      throw new ApiError(400, `percent is ${percent}; expected a number up to 100`)
    const job = find(stack, call)
    // As Windmill: progress never goes back, and 100 is for the end.
    job.progress = Math.max(job.progress ?? 0, Math.min(99, Math.floor(percent)))
    stack.jobs.announce(job)
    return call.json(null)
  })
  routes.get('/job_metrics/get_progress/:id', (call) => call.json(find(stack, call).progress ?? null))
  routes.post('/jobs/flow/user_states/:id/:key', async (call) => {
    find(stack, call).userStates.set(call.req.param('key'), await bodyOf(call))
    return call.text('')
  })
  routes.get('/jobs/flow/user_states/:id/:key', (call) => {
    return call.json((find(stack, call).userStates.get(call.req.param('key')) ?? null) as object)
  })
  return routes
}

function find(stack: Stack, call: Call): Job {
  const id = (call.req.param('id') ?? '').toLowerCase()
  const job = stack.jobs.get(id)
  if (!job) throw new ApiError(404, `job ${id} not found`)
  return job
}
