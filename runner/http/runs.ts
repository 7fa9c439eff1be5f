import { Hono } from 'hono'
import { ApiError } from '../api-error.ts'
import type { RunRequest } from '../executor.ts'
import { readFlow } from '../flows/value.ts'
import { mayRead } from '../identity.ts'
import type { Job } from '../jobs.ts'
import { completedOrTimeout } from './answer.ts'
import { inputOf, objectOf, webhookEvent } from './arguments.ts'
import { type Api, type Call, pathAfter, type Stack } from './context.ts'
import { isVisible } from './jobs.ts'
import { streamUpdates, type Wanted } from './updates.ts'

type Start = (call: Call, marker: string) => Promise<Job>

const RESULT_ONLY: Wanted = { logOffset: 0, streamOffset: 0, noLogs: true, onlyResult: true }

/** Running scripts and flows, below `/api/w/:workspace`: by path, by hash, and what the body holds. */
export function runRoutes(stack: Stack): Hono<Api> {
  const routes = new Hono<Api>()
  const starts: Record<string, Start> = {
    'p/': (call, marker) => startScript(stack, call, pathAfter(call, marker)),
    'h/': (call, marker) => startByHash(stack, call, pathAfter(call, marker)),
    'f/': (call, marker) => startFlow(stack, call, pathAfter(call, marker)),
  }
  for (const [kind, start] of Object.entries(starts)) {
    addModes(routes, stack, {
      suffix: `${kind}*`,
      start: (call, mode) => start(call, `/jobs/${mode}/${kind}`),
    })
  }
  addModes(routes, stack, { suffix: 'preview', start: (call) => startPreview(stack, call) })
  addModes(routes, stack, { suffix: 'preview_flow', start: (call) => startFlowPreview(stack, call) })
  return routes
}

function addModes(
  routes: Hono<Api>,
  stack: Stack,
  { suffix, start: begin }: { suffix: string; start: (call: Call, mode: string) => Promise<Job> },
): void {
  const start = async (call: Call, mode: string) => {
    // a job's own call goes on at once: what reads the settings may need the process that the job is in
    if (!call.get('identity').job) await stack.settle()
    return begin(call, mode)
  }
  const methods = suffix.endsWith('*') ? ['GET', 'POST'] : ['POST']
  routes.post(`/jobs/run/${suffix}`, async (call) => call.text((await start(call, 'run')).id, 201))
  routes.on(methods, `/jobs/run_wait_result/${suffix}`, async (call) => {
    return completedOrTimeout(stack, call, await start(call, 'run_wait_result'))
  })
  routes.on(methods, `/jobs/run_and_stream/${suffix}`, async (call) => {
    return streamUpdates(stack, call, await start(call, 'run_and_stream'), RESULT_ONLY)
  })
}

/** Who is no admin runs what they may read: hai's doors and flows, and what lies below the user's own name. The rest is the operator's. */
function refuseForeign(call: Call, path: string): void {
  const identity = call.get('identity')
  if (identity.admin || (mayRead(identity, path) && !path.startsWith('f/hai/core/'))) return
  throw new ApiError(403, `Permission denied: ${identity.user} has no right to run ${path}`)
}

async function startScript(stack: Stack, call: Call, path: string): Promise<Job> {
  refuseForeign(call, path)
  const request = requestOf(stack, call, path)
  const input = await inputOf(call)
  const skip = call.req.query('skip_preprocessor') === 'true'
  const event = skip ? undefined : () => webhookEvent(call, input)
  return stack.executor.submit({ ...request, args: input.args, bytes: input.text.length, event })
}

async function startByHash(stack: Stack, call: Call, hash: string): Promise<Job> {
  const script = stack.catalog.scriptByHash(hash)
  if (!script) throw new ApiError(404, `script with hash ${hash} not found`)
  return startScript(stack, call, script.path)
}

async function startFlow(stack: Stack, call: Call, path: string): Promise<Job> {
  refuseForeign(call, path)
  const request = requestOf(stack, call, path)
  const { args, text } = await inputOf(call)
  return stack.flows.submit({ ...request, args, bytes: text.length })
}

async function startPreview(stack: Stack, call: Call): Promise<Job> {
  const { content, path, args, language, tag } = await objectOf(call)
  if (typeof content !== 'string')
    throw new ApiError(400, 'content is missing: expected the source of the script')
  if (language !== undefined && language !== 'bun') {
    throw new ApiError(501, `not implemented by the local runner: the language ${language}`)
  }
  const named = typeof path === 'string' && path !== '' ? path : `u/${call.get('identity').user}/preview`
  const script = await stack.catalog.inline({ path: named, content })
  const request = { ...requestOf(stack, call, named), args: objectIn(args, 'args'), kind: 'preview' as const }
  return stack.executor.run(script, typeof tag === 'string' && tag ? { ...request, tag } : request)
}

async function startFlowPreview(stack: Stack, call: Call): Promise<Job> {
  const { value, path, args } = await objectOf(call)
  const named = typeof path === 'string' && path !== '' ? path : `u/${call.get('identity').user}/preview`
  const request = {
    ...requestOf(stack, call, named),
    args: objectIn(args, 'args'),
    kind: 'flowpreview' as const,
  }
  return stack.flows.run(readFlow(value, named), request)
}

function objectIn(value: unknown, field: string): Record<string, unknown> {
  if (value === undefined || value === null) return {}
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>
  throw new ApiError(400, `${field} is ${JSON.stringify(value)}; expected an object of arguments by name`)
}

function requestOf(stack: Stack, call: Call, path: string): Omit<RunRequest, 'args'> {
  const query = call.req.query()
  const identity = call.get('identity')
  // what waits must not sit where doors are answered
  if (query.tag && !identity.admin) throw new ApiError(403, 'Only admins choose a tag here')
  return {
    path,
    identity: { ...identity, job: false },
    id: jobIdIn(query, 'job_id'),
    tag: query.tag || undefined,
    parentJob: ancestorOf(stack, call, 'parent_job'),
    rootJob: ancestorOf(stack, call, 'root_job'),
    scheduledFor: scheduledFor(query),
  }
}

/** A job that the new one is said to come from: with somebody else's it would stand among theirs. */
function ancestorOf(stack: Stack, call: Call, field: 'parent_job' | 'root_job'): string | undefined {
  const id = jobIdIn(call.req.query(), field)
  if (!id) return undefined
  const job = stack.jobs.get(id)
  // a job's own token is of the one whose rights it has
  if (job && (isVisible(job, call) || job.runsAs.user === call.get('identity').user)) return id
  throw new ApiError(400, `${field} is no job that you may see; leave it out, or name one of your own`)
}

function jobIdIn(query: Record<string, string>, field: string): string | undefined {
  const id = query[field]
  if (!id || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return id?.toLowerCase() || undefined
  throw new ApiError(400, `${field} "${id}" is not a UUID`)
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
