import { timingSafeEqual } from 'node:crypto'
import { Hono } from 'hono'
import { sha256 } from '../accounts.ts'
import { ApiError } from '../api-error.ts'
import type { RunRequest } from '../executor.ts'
import { type Identity, OPERATOR, ROUTE_OWNER } from '../identity.ts'
import { resolveResource } from '../items/references.ts'
import { type HttpTrigger, HttpTriggers, type Match } from '../triggers.ts'
import { allHeaders, type Input, queryOf, rawOf, routeInputOf } from './arguments.ts'
import { holderOf } from './authentication.ts'
import { type Api, type Call, pathAfter, type Stack } from './context.ts'
import { covers } from './scopes.ts'
import { streamUpdates } from './update-stream.ts'
import { completedOrTimeout } from './wait.ts'

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
    if (!match) throw new ApiError(404, `no HTTP trigger serves ${call.req.method} ${path}`)
    const { trigger } = match
    const identity = identify(stack, call, trigger)
    call.set('identity', identity)
    stack.called()
    await stack.settle()
    const request = requestOf(stack, call, match, { identity, input: await routeInputOf(call) })
    const job = await (trigger.is_flow ? stack.flows : stack.executor).submit(request)
    if (trigger.request_type === 'async') return call.text(job.id, 201)
    if (trigger.request_type === 'sync_sse') return streamUpdates(stack, call, job, RESULT_ONLY)
    return completedOrTimeout(stack, call, job)
  })
  return routes
}

const pathOf = (call: Call): string => pathAfter(call, '/api/r/').replace(/\/+$/, '')

/** A route runs with the rights of the trigger's owner. Who calls lends his name only. */
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
