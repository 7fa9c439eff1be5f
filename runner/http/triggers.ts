import { timingSafeEqual } from 'node:crypto'
import { Hono } from 'hono'
import { sha256 } from '../accounts.ts'
import { ApiError } from '../api-error.ts'
import type { RunRequest } from '../executor.ts'
import { type Identity, OPERATOR, ROUTE_OWNER } from '../identity.ts'
import { isOwn } from '../items/bundle.ts'
import type { Catalog } from '../items/catalog.ts'
import { resolveResource } from '../items/references.ts'
import { covers, holderOf } from './access.ts'
import { completedOrTimeout } from './answer.ts'
import { allHeaders, type Input, objectOf, pathField, queryOf, rawOf, routeInputOf } from './arguments.ts'
import { type Api, type Call, pathAfter, type Stack } from './context.ts'
import { streamUpdates } from './updates.ts'

const RESULT_ONLY = { logOffset: 0, streamOffset: 0, noLogs: true, onlyResult: true }

/** The bundle's own HTTP routes, below `/api/r`. Each says for itself who may call it. */
export function triggerRoutes(stack: Stack): Hono<Api> {
  const routes = new Hono<Api>()
  const triggers = new HttpTriggers(stack.catalog, stack.workspace)
  routes.all('/*', async (call) => {
    // Windmill answers these itself, whatever is there
    if (call.req.method === 'HEAD' || call.req.method === 'OPTIONS') return call.text('')
    const path = pathOf(call)
    const match = triggers.find(call.req.method, path)
    if (!match) {
      const meant = triggers.meant(path)
      const hint = meant ? `; the nearest is /api/r/${meant}` : ''
      throw new ApiError(404, `no HTTP trigger serves ${call.req.method} ${path}${hint}`)
    }
    const { trigger } = match
    const identity = identify(stack, call, trigger)
    call.set('identity', identity)
    stack.called()
    await stack.settle()
    const request = requestOf(stack, call, match, { identity, input: await routeInputOf(call) })
    const job = await submitted(stack, trigger, request)
    if (trigger.request_type === 'async') return call.text(job.id, 201)
    if (trigger.request_type === 'sync_sse') return streamUpdates(stack, call, job, RESULT_ONLY)
    return completedOrTimeout(stack, call, job)
  })
  return routes
}

/**
 * Machines call routes, and come again after a 503. A 429, as there is for more jobs than a user may have, they take for a
 * refusal: Alertmanager drops what it has to tell.
 */
async function submitted(stack: Stack, { is_flow }: HttpTrigger, request: RunRequest) {
  try {
    return await (is_flow ? stack.flows : stack.executor).submit(request)
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 429) throw error
    throw new ApiError(503, error.message, error.retryAfter)
  }
}

const pathOf = (call: Call): string => pathAfter(call, '/api/r/').replace(/\/+$/, '')

/** A route runs with the rights of the trigger's owner. Who calls lends a name only. */
function requestOf(
  stack: Stack,
  call: Call,
  { trigger, params }: Match,
  { identity, input }: { identity: Identity; input: Input },
): RunRequest {
  const { script_path: path, wrap_body: wrap, raw_string: raw } = trigger
  const text = rawOf(input, raw)
  const args = { ...(wrap ? { body: input.body } : input.args), ...text }
  const event = () => ({
    kind: 'http',
    body: input.body,
    raw_string: text.raw_string ?? null,
    route: trigger.route_path,
    path: pathOf(call),
    method: call.req.method.toLowerCase(),
    params,
    query: queryOf(call),
    headers: allHeaders(call),
    trigger_path: trigger.path,
  })
  const owner = ownerOf(stack, trigger)
  return { path, args, bytes: input.text.length, event, identity, owner }
}

function ownerOf({ accounts }: Stack, { path, permissioned_as: as }: HttpTrigger): Identity {
  const own = [OPERATOR, ROUTE_OWNER].find(({ user }) => as === `u/${user}`)
  if (own) return own
  const user = accounts.users.find(({ username }) => as === `u/${username}`)
  if (!user) throw new ApiError(403, `HTTP trigger ${path} has the rights of ${as}, who is no user`)
  const { username, email, admin } = user
  return { username, user: username, email, admin, job: false }
}

function identify(stack: Stack, call: Call, trigger: HttpTrigger): Identity {
  const { authentication_method: method, path } = trigger
  if (method === 'windmill') {
    const holder = holderOf(stack, call)
    if (!holder.scopes || covers(holder.scopes, { domain: 'http_triggers', action: 'read', path })) {
      return { ...holder, job: false }
    }
    throw new ApiError(403, `Permission denied: Access denied. Required scope: http_triggers:read:${path}`)
  }
  if (method === 'api_key' || method === 'basic_http') checkSecret(stack, call, trigger)
  else if (method !== 'none') {
    throw new ApiError(501, `not implemented by the local runner: ${method} authentication of ${path}`)
  }
  return { ...OPERATOR, username: `HTTP-${path}`, admin: false }
}

function checkSecret({ items }: Stack, call: Call, trigger: HttpTrigger): void {
  const { authentication_resource_path: path = '', authentication_method: method } = trigger
  const resource = items.resource(path)
  if (!resource) throw new ApiError(500, `trigger ${trigger.path}: the resource "${path}" is not there`)
  const value = resolveResource(
    resource.value,
    items.reader(() => true),
  ) as Record<string, string>
  const [header, expected] =
    method === 'api_key'
      ? [value.api_key_header ?? '', value.api_key_secret ?? '']
      : ['authorization', `Basic ${btoa(`${value.username}:${value.password}`)}`]
  const given = call.req.header(header) ?? ''
  if (expected !== '' && timingSafeEqual(sha256(given), sha256(expected))) return
  throw new ApiError(401, `Unauthorized: ${call.req.path} wants another ${header}`)
}

/** HTTP allTriggers themselves, below `/api/w/:workspace`: reading all, and making ones that lie in no file. */
export function triggerItemRoutes(stack: Stack): Hono<Api> {
  const { uploads } = stack
  const routes = new Hono<Api>()
  routes.get('/http_triggers/list', (call) => call.json(allTriggers(stack)))
  routes.get('/http_triggers/exists/*', (call) => {
    const path = pathAfter(call, '/http_triggers/exists/')
    return call.json(allTriggers(stack).some((trigger) => trigger.path === path))
  })
  routes.get('/http_triggers/get/*', (call) => {
    const path = pathAfter(call, '/http_triggers/get/')
    const found = allTriggers(stack).find((trigger) => trigger.path === path)
    if (!found) throw new ApiError(404, `HTTP trigger ${path} not found`)
    return call.json(found)
  })
  routes.post('/http_triggers/create', async (call) => {
    const body = await objectOf(call)
    const path = pathField(body)
    const { http_method, route_path } = readTrigger(path, body)
    const taken = allTriggers(stack).find((other) => {
      return other.path === path || (other.http_method === http_method && other.route_path === route_path)
    })
    if (taken) throw new ApiError(400, `HTTP trigger ${taken.path} has this path or route already`)
    uploads.setItem('http_triggers', path, body)
    return call.text(path, 201)
  })
  routes.delete('/http_triggers/delete/*', (call) => {
    const path = pathAfter(call, '/http_triggers/delete/')
    if (!uploads.has('http_triggers', path)) throw new ApiError(404, `HTTP trigger ${path} was not made here`)
    uploads.remove('http_triggers', path)
    return call.text(`HTTP trigger ${path} deleted`)
  })
  return routes
}

function allTriggers({ catalog, workspace }: Stack) {
  return catalog.items('http_trigger').map(([path, item]) => ({
    workspace_id: workspace,
    edited_by: 'operator',
    email: 'operator@example.com',
    extra_perms: {},
    ...readTrigger(path, item),
  }))
}

/** An HTTP route that runs a script or flow, as its file has it. */
interface HttpTrigger {
  path: string
  script_path: string
  is_flow: boolean
  /** Such as `hai/tasks/:id` or `files/*rest`. */
  route_path: string
  http_method: string
  request_type: string
  authentication_method: string
  authentication_resource_path: string | undefined
  workspaced_route: boolean
  wrap_body: boolean
  raw_string: boolean
  /** Whose rights its jobs have, such as `u/hai`. */
  permissioned_as: string
}

/** The trigger that a request is for, and what stands for the parameters of its route. */
interface Match {
  trigger: HttpTrigger
  params: Record<string, string>
}

/** All HTTP triggers, read anew when something changed. */
class HttpTriggers {
  #catalog: Catalog
  #workspace: string
  #stamp: string | undefined
  #triggers: HttpTrigger[] = []

  constructor(catalog: Catalog, workspace: string) {
    this.#catalog = catalog
    this.#workspace = workspace
  }

  /** Undefined when no trigger serves it. Of several the one with the fewest parameters. */
  find(method: string, path: string): Match | undefined {
    const matches = this.#read()
      .filter((trigger) => trigger.http_method.toUpperCase() === method)
      .flatMap((trigger) => {
        const params = paramsOf(this.#routeOf(trigger), path)
        return params ? [{ trigger, params }] : []
      })
    return matches.sort((a, b) => count(a) - count(b))[0]
  }

  /** The route that was likely meant where a slash or a segment is doubled, or one of its segments left out. */
  meant(path: string): string | undefined {
    const given = path.split('/').filter((segment, at, all) => segment !== '' && segment !== all[at - 1])
    const routes = this.#read().map((trigger) => this.#routeOf(trigger))
    const near = routes.filter((route) => {
      const wanted = route.split('/')
      let at = 0
      for (const segment of wanted) if (segment === given[at]) at += 1
      return at === given.length && wanted.length <= given.length + 1 && wanted.at(-1) === given.at(-1)
    })
    return near.sort((a, b) => a.length - b.length)[0]
  }

  #routeOf({ workspaced_route, route_path }: HttpTrigger): string {
    return workspaced_route ? `${this.#workspace}/${route_path}` : route_path
  }

  #read(): HttpTrigger[] {
    const stamp = this.#catalog.stamp()
    if (stamp !== this.#stamp) {
      this.#triggers = this.#catalog.items('http_trigger').map(([path, item]) => readTrigger(path, item))
      this.#stamp = stamp
    }
    return this.#triggers
  }
}

const count = ({ params }: Match) => Object.keys(params).length

/** A trigger of these fields; throws when one is missing. */
function readTrigger(path: string, item: Item): HttpTrigger {
  const text = (field: string): string => {
    const value = item[field]
    if (typeof value === 'string') return value
    throw new ApiError(400, `HTTP trigger ${path}: ${field} is missing: expected text`)
  }
  const resource = item.authentication_resource_path
  return {
    path,
    script_path: text('script_path'),
    route_path: text('route_path'),
    http_method: text('http_method'),
    request_type: text('request_type'),
    authentication_method: text('authentication_method'),
    authentication_resource_path: typeof resource === 'string' ? resource : undefined,
    is_flow: item.is_flow === true,
    workspaced_route: item.workspaced_route === true,
    wrap_body: item.wrap_body === true,
    raw_string: item.raw_string === true,
    permissioned_as: ownerIn(path, item),
  }
}

/** Whom an admin who makes it names and asks to keep; of the bundle's a user for just this, else the operator, who makes it. */
function ownerIn(path: string, { permissioned_as: named, preserve_permissioned_as: kept }: Item): string {
  if (kept === true && typeof named === 'string') return named
  return `u/${isOwn(path) ? ROUTE_OWNER.user : OPERATOR.user}`
}

type Item = Record<string, unknown>

function paramsOf(route: string, path: string): Record<string, string> | undefined {
  const wanted = route.split('/')
  const given = path.split('/')
  const params: Record<string, string> = {}
  for (const [index, segment] of wanted.entries()) {
    if (segment.startsWith('*')) {
      if (given.length <= index) return undefined
      params[segment.slice(1)] = given.slice(index).join('/')
      return params
    }
    const value = given[index]
    if (value === undefined || value === '') return undefined
    if (segment.startsWith(':')) params[segment.slice(1)] = value
    else if (segment !== value) return undefined
  }
  return given.length === wanted.length ? params : undefined
}
