import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { zipOf } from './zip.ts'

// What an export tells of them.
const FLOW_KEYS = ['summary', 'description', 'value', 'schema']
const SCRIPT_KEYS = [
  'summary',
  'description',
  'lock',
  'kind',
  'schema',
  'tag',
  'on_behalf_of_email',
  'has_preprocessor',
]

type Item = Record<string, unknown>
type Door = (args: Item) => unknown | Promise<unknown>

const KINDS = ['scripts', 'flows', 'schedules', 'triggers', 'resources', 'resourceTypes', 'folders'] as const

/** A workspace in memory that speaks the routes which `wmill sync push` and the deploy tools call, in Windmill's shapes. */
export class StandIn {
  version = 'CE v1.819.0'
  tags = new Set(['bun', 'flow', 'hai', 'hai-work'])
  customTags = ['hai', 'hai-work']
  /** Groups of workers by the tag that they serve, and whether their jobs know the database. */
  workers = [
    { group: 'hai', tag: 'hai', database: true },
    { group: 'hai-work', tag: 'hai-work', database: true },
    { group: 'hai-work', tag: 'hai-work', database: true },
  ]
  users = [
    { username: 'operator', is_admin: true, operator: false, disabled: false },
    { username: 'hai', is_admin: false, operator: true, disabled: false },
    { username: 'kim', is_admin: false, operator: true, disabled: false },
  ]
  tokens = [{ token_prefix: 'stand-in-t', label: null as string | null }]
  settings: Record<string, unknown> = {}
  dependencies: Item[] = []
  /** Whether the deploying token opens nothing but its workspace. */
  narrow = false
  /** What a look at the database is refused with. */
  refusal = ''
  /** Routes that another workspace has. */
  taken: string[] = []
  admin = true
  /** Whether a route's owner is whoever pushes it, whatever is asked. */
  keepsOwners = false
  /** Jobs that calls by path start on the version before the last, as a server process that was not told yet does. */
  late = 0
  tagsPerWorkspace = false
  scripts = new Map<string, Item>()
  flows = new Map<string, Item>()
  schedules = new Map<string, Item>()
  triggers = new Map<string, Item>()
  variables = new Map<string, Item>()
  resources = new Map<string, Item>()
  resourceTypes = new Map<string, Item>()
  folders = new Map<string, Item>()
  /** What runs as a job, by path; a preview is looked up by its path too. */
  doors: Record<string, Door> = {}
  /** Every request that may change something, in order: `POST scripts/create f/hai/inbox`. */
  changes: string[] = []
  endpoint = ''
  token = 'stand-in-token-0123456789'
  /** Scripts that were begun by hash with nothing, in order, and how such a job ends; undefined while it has not. */
  warmed: string[] = []
  starts: (path: string) => Outcome | undefined = () => REFUSED
  #before = new Map<string, string>()
  #jobs = new Map<string, () => Outcome | undefined>()
  /** Jobs that are put off. */
  #waiting = new Set<string>()
  #close = () => {}

  async start(): Promise<this> {
    const app = this.#routes()
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 })
    await once(server, 'listening')
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    this.#close = () => server.close()
    return this
  }

  stop(): void {
    this.#close()
  }

  /** Makes the workspace as that one is now. */
  copy(other: StandIn): void {
    for (const kind of KINDS) {
      for (const [path, item] of structuredClone(other[kind])) this[kind].set(path, item)
    }
  }

  #routes(): Hono {
    const app = new Hono()
    app.get('/api/version', (call) => call.text(this.version))
    app.use('*', async (call, next) => {
      const outside = !call.req.path.startsWith('/api/w/')
      if (call.req.header('authorization') !== `Bearer ${this.token}` || (this.narrow && outside))
        return call.text('Unauthorized', 401)
      await next()
    })
    const user = () => ({
      username: 'operator',
      email: 'operator@example.com',
      is_admin: this.admin,
      groups: [],
    })
    app.get('/api/users/whoami', (call) => call.json(user()))
    app.get('/api/w/homelab/users/whoami', (call) => call.json(user()))
    app.post('/api/w/homelab/http_triggers/route_exists', async (call) => {
      const { route_path } = await call.req.json<{ route_path: string }>()
      return call.json(this.taken.includes(route_path))
    })
    app.get('/api/workers/is_default_tags_per_workspace', (call) => call.json(this.tagsPerWorkspace))
    app.get('/api/workers/exists_workers_with_tags', (call) => {
      const tags = (call.req.query('tags') ?? '').split(',')
      return call.json(Object.fromEntries(tags.map((tag) => [tag, this.tags.has(tag)])))
    })
    app.get('/api/workers/list', (call) => {
      return call.json(this.workers.map(({ tag, group }) => ({ worker_group: group, custom_tags: [tag] })))
    })
    app.get('/api/w/homelab/workers/custom_tags', (call) => call.json(this.customTags))
    app.get('/api/users/tokens/list', (call) => call.json(this.tokens))
    app.get('/api/settings/global/:key', (call) => call.json(this.settings[call.req.param('key')] ?? null))
    app.get('/api/w/homelab/users/list', (call) => call.json(this.users))
    app.get('/api/w/homelab/workspace_dependencies/list', (call) => call.json(this.dependencies))
    app.get('/api/w/homelab/workspaces/tarball', (call) => call.body(new Uint8Array(zipOf(this.#archive()))))
    this.#scriptRoutes(app)
    this.#jobRoutes(app)
    this.#itemRoutes(app, 'flows', this.flows)
    this.#itemRoutes(app, 'schedules', this.schedules)
    this.#itemRoutes(app, 'http_triggers', this.triggers)
    this.#itemRoutes(app, 'variables', this.variables)
    this.#itemRoutes(app, 'resources', this.resources)
    this.#itemRoutes(app, 'resources/type', this.resourceTypes)
    this.#itemRoutes(app, 'folders', this.folders)
    app.all('*', (call) => call.text(`Not found: ${call.req.method} ${call.req.path}`, 404))
    return app
  }

  #scriptRoutes(app: Hono): void {
    const base = '/api/w/homelab/scripts'
    app.post(`${base}/create`, async (call) => {
      const script = await call.req.json<Item>()
      const path = String(script.path)
      this.changes.push(`${this.scripts.has(path) ? 'update' : 'create'} script ${path}`)
      const hash = createHash('sha256').update(JSON.stringify(script)).digest('hex').slice(0, 16)
      this.#before.set(path, String(this.scripts.get(path)?.hash ?? hash))
      this.scripts.set(path, { ...script, hash, created_by: 'operator', created_at: '2026-11-22T00:00:00Z' })
      return call.text(hash, 201)
    })
    app.get(`${base}/list`, (call) => {
      const archived = call.req.query('show_archived') === 'true'
      const some = listOf(this.scripts).filter((one) => Boolean(one.archived) === archived)
      return call.json(call.req.query('page') === '1' ? below(call, some) : [])
    })
    app.get(`${base}/deployment_status/h/:hash`, (call) => call.json({ lock: '' }))
    app.get(`${base}/get/p/*`, (call) => found(call, this.scripts, '/get/p/'))
    app.post(`${base}/delete/p/*`, (call) => this.#remove(call, 'script', this.scripts, '/delete/p/'))
  }

  #itemRoutes(app: Hono, kind: string, items: Map<string, Item>): void {
    const base = `/api/w/homelab/${kind}`
    const put = async (call: Context, verb: string, path?: string) => {
      const item = await call.req.json<Item>()
      const name = path ?? String(item.path ?? item.name)
      if (kind === 'http_triggers') item.permissioned_as = this.#owner(name, item)
      this.changes.push(`${verb} ${kind} ${name}`)
      items.set(name, { ...items.get(name), ...item, path: name })
      return call.text(name, verb === 'create' ? 201 : 200)
    }
    app.get(`${base}/list`, (call) =>
      call.json((call.req.query('page') ?? '1') === '1' ? below(call, listOf(items)) : []),
    )
    app.get(`${base}/exists/*`, (call) => call.json(items.has(after(call, '/exists/'))))
    app.get(`${base}/get/*`, (call) => found(call, items, '/get/'))
    app.post(`${base}/create`, (call) => put(call, 'create'))
    app.post(`${base}/update/*`, (call) => put(call, 'update', after(call, '/update/')))
    app.delete(`${base}/delete/*`, (call) => this.#remove(call, kind, items, '/delete/'))
  }

  /** Whoever pushes owns a route, but where a rule of the folder or an admin says otherwise. */
  #owner(path: string, item: Item): unknown {
    if (this.keepsOwners) return 'u/operator'
    if (item.preserve_permissioned_as) return item.permissioned_as
    const rules = this.folders.get('hai')?.default_permissioned_as as
      | { permissioned_as: string }[]
      | undefined
    return this.triggers.get(path)?.permissioned_as ?? rules?.[0]?.permissioned_as ?? 'u/operator'
  }

  #remove(call: Context, kind: string, items: Map<string, Item>, verb: string): Response {
    const path = after(call, verb)
    this.changes.push(`remove ${kind} ${path}`)
    items.delete(path)
    return call.text('removed')
  }

  /** Jobs that were put off, and not taken back. */
  get putOff(): number {
    return this.#waiting.size
  }

  /** As `admin/migrate` does that looks only. */
  #look(tag?: string): { pending: string[] } {
    const { group, database } = this.workers.find((one) => one.tag === tag) ?? { database: true }
    if (!database) throw new Error(`HAI_DATABASE_URL is not set here: set it for the worker group ${group}`)
    if (this.refusal) throw new Error(this.refusal)
    return { pending: this.scripts.size > 0 ? [] : ['first'] }
  }

  #jobRoutes(app: Hono): void {
    const run = (path: string, args: Item) => {
      this.changes.push(`run ${path}`)
      return this.doors[path]?.(args)
    }
    app.use('/api/w/homelab/jobs/*', async (call, next) => {
      // whoever may run the bundle could read the jobs of others
      if (call.req.path.includes('/jobs/run') && call.req.query('invisible_to_owner') !== 'true')
        return call.text('visible to the owner of the folder', 500)
      return next()
    })
    app.post('/api/w/homelab/jobs/run/preview', async (call) => {
      const { path, content, tag, args } = await call.req.json<{
        path: string
        content: string
        tag?: string
        args: { look?: boolean }
      }>()
      const id = `job-${this.#jobs.size}`
      const ended = await outcome(async () => (args.look ? this.#look(tag) : run(path, { content })))
      this.#jobs.set(id, () => ended)
      return call.text(id, 201)
    })
    app.get('/api/w/homelab/jobs_u/completed/get_result_maybe/:id', (call) => {
      const job = this.#jobs.get(call.req.param('id'))?.()
      return call.json(job ? { completed: true, ...job } : { completed: false })
    })
    app.post('/api/w/homelab/jobs/run_wait_result/h/:hash', async (call) => {
      const [path] = [...this.scripts].find(([, one]) => one.hash === call.req.param('hash')) ?? []
      if (!path) return call.text('Not found: script', 404)
      return call.json((await run(path, await call.req.json<Item>())) as object)
    })
    app.post('/api/w/homelab/jobs/run_wait_result/p/*', async (call) => {
      const path = after(call, '/run_wait_result/p/')
      if (!this.doors[path]) return call.text(`Not found: script ${path}`, 404)
      return call.json((await run(path, await call.req.json<Item>())) as object)
    })
    app.post('/api/w/homelab/jobs/run/h/:hash', async (call) => {
      const [path] = [...this.scripts].find(([, one]) => one.hash === call.req.param('hash')) ?? []
      if (!path) return call.text('Not found: script', 404)
      this.warmed.push(path)
      const id = `job-${this.#jobs.size}`
      this.#jobs.set(id, () => this.starts(path))
      return call.text(id, 201)
    })
    app.post('/api/w/homelab/jobs_u/queue/cancel/:id', (call) => {
      this.#waiting.delete(call.req.param('id'))
      return call.text(call.req.param('id'))
    })
    app.post('/api/w/homelab/jobs/run/p/*', async (call) => {
      const path = after(call, '/run/p/')
      const late = this.late > 0
      if (late) this.late--
      const id = `job-${this.#jobs.size}`
      const hash = late ? this.#before.get(path) : this.scripts.get(path)?.hash
      if (Number(call.req.query('scheduled_in_secs')) >= 30) this.#waiting.add(id)
      this.#jobs.set(id, () => ({ success: true, result: null, script_hash: String(hash) }))
      return call.text(id, 201)
    })
    app.get('/api/w/homelab/jobs_u/get/:id', (call) =>
      call.json(this.#jobs.get(call.req.param('id'))?.() ?? {}),
    )
  }

  /** As the server exports a workspace: a JSON beside each script, flow, schedule and resource. */
  #archive(): Record<string, string> {
    const files: [string, unknown][] = []
    for (const [path, { content, ...script }] of this.scripts) {
      files.push([`${path}.ts`, content], [`${path}.script.json`, picked(script, SCRIPT_KEYS)])
    }
    for (const [path, flow] of this.flows) files.push([`${path}.flow.json`, picked(flow, FLOW_KEYS)])
    for (const [path, { path: _, ...schedule }] of this.schedules)
      files.push([`${path}.schedule.json`, schedule])
    for (const [path, { path: _, ...trigger }] of this.triggers)
      files.push([`${path}.http_trigger.json`, trigger])
    for (const [path, { path: _, ...resource }] of this.resources)
      files.push([`${path}.resource.json`, resource])
    for (const [name, { schema, description }] of this.resourceTypes) {
      files.push([`${name}.resource-type.json`, { schema, description }])
    }
    for (const [name, { path: _, name: __, ...folder }] of this.folders) {
      files.push([`f/${name}/folder.meta.json`, folder])
    }
    return Object.fromEntries(
      files.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
    )
  }
}

/** As a door does that misses a field. */
const REFUSED: Outcome = {
  success: false,
  result: { wm_failure: 'a field is missing', error: { message: 'a field is missing' } },
}

export interface Outcome {
  script_hash?: string
  success: boolean
  result: unknown
}

/** A job that throws has failed, with its error as its result. */
async function outcome(run: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { success: true, result: await run() }
  } catch (error) {
    return { success: false, result: { error: { name: 'Error', message: (error as Error).message } } }
  }
}

const picked = (item: Item, keys: string[]) => Object.fromEntries(keys.map((key) => [key, item[key]]))

const listOf = (items: Map<string, Item>): Item[] => [...items].map(([path, item]) => ({ ...item, path }))

const below = (call: Context, items: Item[]) =>
  items.filter((item) => String(item.path ?? item.name).startsWith(call.req.query('path_start') ?? ''))

function after(call: Context, marker: string): string {
  return decodeURIComponent(call.req.path.slice(call.req.path.indexOf(marker) + marker.length))
}

function found(call: Context, items: Map<string, Item>, marker: string): Response {
  const path = after(call, marker)
  const item = items.get(path)
  return item ? call.json({ ...item, path }) : call.text(`Not found: ${path}`, 404)
}
