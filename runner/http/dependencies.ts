import { Hono } from 'hono'
import { ApiError } from '../api-error.ts'
import { Locks, type ScannedScript } from '../items/locks.ts'
import type { Job, JobKind } from '../jobs.ts'
import { objectOf } from './arguments.ts'
import type { Api, Call, Stack } from './context.ts'

/** What `wmill generate-metadata` asks of a server: the locks of scripts as they lie in the author's folder. */
export function dependencyRoutes(stack: Stack): Hono<Api> {
  const routes = new Hono<Api>()
  const locks = new Locks(stack.bundle.root)
  // The bundle here is the author's own folder, so no script differs from the one that the CLI has.
  routes.post('/scripts/raw_temp/diff', (call) => call.json([]))
  routes.post('/jobs/run/dependencies_async', async (call) => {
    const { raw_scripts: scripts } = await objectOf(call)
    const [script, more] = Array.isArray(scripts) ? (scripts as unknown[]) : []
    if (!script || more) throw new ApiError(400, 'raw_scripts holds not exactly one script')
    const scanned = scannedScript(script as Record<string, unknown>)
    const make = async () => ({ lock: (await locks.of([scanned]))[0] })
    return call.text(start(stack, call, { kind: 'dependencies', path: scanned.path, make }).id, 201)
  })
  routes.post('/jobs/run/flow_dependencies_async', async (call) => {
    const { flow_value: value, path } = await objectOf(call)
    if (typeof path !== 'string') throw new ApiError(400, 'path is missing: expected the path of the flow')
    const make = async () => ({ updated_flow_value: await lockSteps(locks, value, path) })
    return call.text(start(stack, call, { kind: 'flowdependencies', path, make }).id, 201)
  })
  return routes
}

function scannedScript({
  raw_code: code,
  script_path: path,
  language,
}: Record<string, unknown>): ScannedScript {
  if (typeof code === 'string' && typeof path === 'string' && language === 'bun') return { path, code }
  throw new ApiError(400, `a raw script needs raw_code, script_path and the language bun, not ${language}`)
}

/** The job is our own work, so no process runs it. */
function start(
  stack: Stack,
  call: Call,
  work: { kind: JobKind; path: string; make: () => Promise<unknown> },
): Job {
  const { kind, path } = work
  const { jobs } = stack
  const job = jobs.create({ kind, path, args: {}, identity: call.get('identity'), tag: 'dependency' })!
  jobs.start(job, 'runner')
  const complete = (success: boolean, result: unknown) => {
    jobs.complete(job, { success, shaped: false, result: JSON.stringify(result) })
  }
  work.make().then(
    (result) => complete(true, result),
    (error: Error) => complete(false, { error: { name: error.name, message: error.message } }),
  )
  return job
}

interface Node {
  id?: string
  value?: { type?: string; content?: string; language?: string; lock?: string }
}

/** The flow with a new lock in each of its inline scripts. */
async function lockSteps(locks: Locks, value: unknown, path: string): Promise<unknown> {
  const flow = structuredClone(value)
  const steps = inlineSteps(flow)
  const scripts = steps.map(({ id, value: { content } }) => ({ path: `${path}/${id}`, code: content }))
  const made = await locks.of(scripts)
  steps.forEach((step, index) => {
    step.value.lock = made[index]!
  })
  return flow
}

interface InlineStep {
  id: string
  value: { content: string; lock?: string }
}

function inlineSteps(node: unknown): InlineStep[] {
  if (typeof node !== 'object' || node === null) return []
  const { value } = node as Node
  const inner = Object.values(node).flatMap(inlineSteps)
  return value?.type === 'rawscript' && value.language === 'bun' ? [node as InlineStep, ...inner] : inner
}
