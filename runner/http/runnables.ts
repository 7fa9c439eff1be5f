import { Hono } from 'hono'
import { ApiError } from '../api-error.ts'
import { readFlow } from '../flows/value.ts'
import type { ScriptView } from '../items/catalog.ts'
import { Locks, type ScannedScript } from '../items/locks.ts'
import type { Job, JobKind } from '../jobs.ts'
import { objectOf, optionalText, pathField, textField } from './arguments.ts'
import { type Api, type Call, pathAfter, type Stack } from './context.ts'

/** Scripts and flows themselves, below `/api/w/:workspace`: reading all, and deploying ones that lie in no file. */
export function runnableRoutes(stack: Stack): Hono<Api> {
  const routes = new Hono<Api>()
  addScriptRoutes(routes, stack)
  addFlowRoutes(routes, stack)
  return routes
}

function addScriptRoutes(routes: Hono<Api>, stack: Stack): void {
  const { catalog, uploads } = stack
  routes.get('/scripts/list', (call) => {
    const listed = catalog.scriptPaths().filter((path) => !uploads.script(path)?.archived)
    return call.json(listed.map((path) => view(stack, path)))
  })
  routes.get('/scripts/get/p/*', (call) => call.json(view(stack, pathAfter(call, '/scripts/get/p/'))))
  routes.get('/scripts/exists/p/*', (call) => {
    return call.json(catalog.scriptView(pathAfter(call, '/scripts/exists/p/')) !== undefined)
  })
  for (const route of ['raw', 'raw_unpinned']) {
    routes.get(`/scripts/${route}/p/*`, (call) => {
      const path = pathAfter(call, `/scripts/${route}/p/`).replace(/\.ts$/, '')
      return call.text(find(stack, path).content)
    })
  }
  routes.get('/scripts/deployment_status/h/:hash', (call) => {
    const script = catalog.scriptByHash(call.req.param('hash'))
    if (!script) throw new ApiError(404, `script with hash ${call.req.param('hash')} not found`)
    return call.json({ lock: '', lock_error_logs: null })
  })
  routes.post('/scripts/create', async (call) => {
    const body = await objectOf(call)
    const path = pathField(body)
    if (body.language !== 'bun') {
      throw new ApiError(501, `not implemented by the local runner: the language ${body.language}`)
    }
    const { schema, tag, timeout } = body
    uploads.setScript({
      ...describedBy(body, path),
      content: textField(body, 'content'),
      schema: schema ?? {},
      tag: typeof tag === 'string' ? tag : undefined,
      timeout: typeof timeout === 'number' ? timeout : undefined,
    })
    return call.text(find(stack, path).hash, 201)
  })
  for (const verb of ['delete', 'archive']) {
    routes.post(`/scripts/${verb}/p/*`, (call) => {
      const path = pathAfter(call, `/scripts/${verb}/p/`)
      const script = uploads.script(path)
      if (!script) throw new ApiError(404, `script ${path} was not deployed here`)
      if (verb === 'archive') uploads.setScript({ ...script, archived: true })
      else uploads.remove('scripts', path)
      return call.json(path)
    })
  }
}

function addFlowRoutes(routes: Hono<Api>, stack: Stack): void {
  const { catalog, uploads } = stack
  routes.get('/flows/list', (call) => call.json(catalog.flowPaths().map((path) => flowView(stack, path))))
  routes.get('/flows/get/*', (call) => call.json(flowView(stack, pathAfter(call, '/flows/get/'))))
  routes.get('/flows/exists/*', (call) => {
    return call.json(catalog.flow(pathAfter(call, '/flows/exists/')) !== undefined)
  })
  routes.post('/flows/create', async (call) => {
    const body = await objectOf(call)
    const path = pathField(body)
    if (catalog.flow(path)) throw new ApiError(400, `flow ${path} already exists`)
    const value = readFlow(body.value, path)
    uploads.setFlow({ ...describedBy(body, path), schema: body.schema ?? {}, value })
    return call.text(path, 201)
  })
  routes.delete('/flows/delete/*', (call) => {
    const path = pathAfter(call, '/flows/delete/')
    if (!uploads.flow(path)) throw new ApiError(404, `flow ${path} was not deployed here`)
    uploads.remove('flows', path)
    return call.text(`Flow ${path} deleted`)
  })
}

function describedBy(body: Record<string, unknown>, path: string) {
  const description = optionalText(body, 'description') ?? ''
  return { path, summary: optionalText(body, 'summary') ?? '', description }
}

function find({ catalog }: Stack, path: string): ScriptView {
  const script = catalog.scriptView(path)
  if (!script) throw new ApiError(404, `script ${path} not found`)
  return script
}

const DEPLOYED = {
  created_by: 'operator',
  created_at: new Date(0),
  archived: false,
  deleted: false,
  extra_perms: {},
}

function view(stack: Stack, path: string): object {
  const more = { language: 'bun', kind: 'script', is_template: false, starred: false, lock: '' }
  return { workspace_id: stack.workspace, ...DEPLOYED, ...more, ...find(stack, path) }
}

function flowView(stack: Stack, path: string): object {
  const flow = stack.catalog.flow(path)
  if (!flow) throw new ApiError(404, `flow ${path} not found`)
  const edited = { edited_by: 'operator', edited_at: new Date(0) }
  return { workspace_id: stack.workspace, ...DEPLOYED, ...edited, ...flow }
}

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
