import { getCookie } from 'hono/cookie'
import { createMiddleware } from 'hono/factory'
import { ApiError } from '../api-error.ts'
import { type Identity, mayRead } from '../identity.ts'
import type { Api, Call, Stack } from './context.ts'

/** Lets only holders of a token in, before anything of the body is read. */
export function authentication(stack: Stack) {
  return createMiddleware<Api>(async (call, next) => {
    const identity = holderOf(stack, call)
    if (!identity.job) stack.called()
    call.set('identity', identity)
    await next()
  })
}

/** Whose token the call brings; 401 when it brings none that is known. */
export function holderOf(stack: Stack, call: Call): Identity {
  const token = tokenOf(call)
  const identity = token && stack.tokens.holder(token)
  if (identity && isHere(identity, workspaceOf(stack, call))) return identity
  if (identity)
    throw new ApiError(401, `Unauthorized: the token is one in the workspace ${identity.workspace} only`)
  const text = token ? 'the token is not known here' : 'no token: send it as Authorization: Bearer'
  throw new ApiError(401, `Unauthorized: ${text}`)
}

const isHere = ({ workspace }: Identity, here: string | undefined): boolean =>
  workspace === undefined || workspace === here

/** The workspace whose a call is: of what is everywhere none's, of a route that of its trigger. */
function workspaceOf({ workspace }: Stack, { req }: Call): string | undefined {
  return req.path.startsWith('/api/r/') ? workspace : /^\/api\/w\/([^/]+)\//.exec(req.path)?.[1]
}

/** What `wmill generate-metadata` asks for with nothing but a cookie. */
const BY_COOKIE = /^\/api\/w\/[^/]+\/(scripts\/raw_temp\/diff|jobs\/run\/(flow_)?dependencies_async)$/

/**
 * Windmill takes a bearer, a query parameter, or a cookie. Here a query parameter is none, as addresses are logged and
 * passed on, and a cookie only where the official CLI has nothing else: a browser sends cookies by itself.
 */
function tokenOf(call: Call): string | undefined {
  const [, bearer] = /^Bearer (.+)$/i.exec(call.req.header('authorization') ?? '') ?? []
  return bearer ?? (BY_COOKIE.test(call.req.path) ? getCookie(call, 'token') : undefined)
}

const HERE = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i

/** Refuses what a page of another place has a browser send: such a page, or a name of its own for this machine. */
export function refuseForeign() {
  return createMiddleware<Api>(async (call, next) => {
    const host = call.req.header('host') ?? ''
    const origin = call.req.header('origin')
    if (!HERE.test(host))
      throw new ApiError(403, `Permission denied: this stack serves 127.0.0.1 and no other name`)
    if (origin !== undefined && origin !== `http://${host}`) {
      throw new ApiError(403, 'Permission denied: the request comes from a page of another place')
    }
    await next()
  })
}

/** All that somebody without rights of their own may call: run what is there, and see what became of the user's own jobs. */
const FOR_EVERYBODY = [
  /^users\/whoami$/,
  /^users\/tokens\//,
  /^jobs\/(run|run_wait_result|run_and_stream)\/[pfh]\//,
  /^jobs\/(completed\/|queue\/)?list$/,
  /^jobs_u\//,
]

/** One variable, or one resource, by its path. */
const ONE_ITEM = /^(?:variables\/get_value|resources\/get_value(?:_interpolated)?)\/(.+)$/

/** Refuses with 403 what the caller has no right to, or the token no scope for. */
export function authorization() {
  return createMiddleware<Api>(async (call, next) => {
    const path = call.req.path.replace(/^\/api\/(w\/[^/]+\/)?/, '')
    refuse(call.get('identity'), call.req.method, decoded(path))
    await next()
  })
}

function refuse(identity: Identity, method: string, path: string): void {
  const need = needOf(method, path)
  if (identity.readOnly && need.action !== 'read') {
    throw new ApiError(403, `Permission denied: the token only reads, and ${method} ${path} does more`)
  }
  const { scopes, admin, user } = identity
  if (scopes && path !== 'users/whoami' && !covers(scopes, need)) {
    const wanted = [need.domain, need.action, need.kind, need.path].filter(Boolean).join(':')
    throw new ApiError(403, `Permission denied: the token's scopes lack ${wanted}`)
  }
  const [, item] = ONE_ITEM.exec(path) ?? []
  if (item && method === 'GET' && mayRead(identity, item)) return
  if (!admin && !FOR_EVERYBODY.some((pattern) => pattern.test(path))) {
    throw new ApiError(403, `Permission denied: ${user} has no right to ${method} ${path}`)
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    throw new ApiError(400, `the path ${path} is not valid percent-encoding`)
  }
}

/** What a call needs a token's scope for. */
interface Need {
  domain: string
  action: 'read' | 'write' | 'run'
  /** Of what is run. */
  kind?: 'scripts' | 'flows'
  /** Windmill's path of the thing, where the call names one. */
  path?: string
}

const RUN = /^jobs\/(?:run|run_wait_result|run_and_stream)\/(?:([pf])\/(.+))?/
const RUN_KINDS = { p: 'scripts', f: 'flows' } as const

/** What a call of the API needs; its path is what follows `/api/`, without the workspace. */
function needOf(method: string, path: string): Need {
  const [, kind, target] = RUN.exec(path) ?? [undefined, undefined, undefined]
  if (kind) return { domain: 'jobs', action: 'run', kind: RUN_KINDS[kind as 'p' | 'f'], path: target }
  if (RUN.test(path)) return { domain: 'jobs', action: 'run' }
  const [first = '', , ...rest] = path.split('/')
  const domain = ['jobs_u', 'job_metrics'].includes(first) ? 'jobs' : first
  const action = method === 'GET' || method === 'HEAD' ? 'read' : 'write'
  const start = rest.findIndex((part) => part === 'f' || part === 'u')
  return { domain, action, path: start >= 0 ? rest.slice(start).join('/') : undefined }
}

/** Whether a token with these scopes may do it; `write` includes `read`, a path may end in `/*`. */
export function covers(scopes: string[], need: Need): boolean {
  return scopes.some((scope) => {
    const [domain, action, ...rest] = scope.split(':')
    if (domain !== need.domain) return false
    if (action !== need.action && !(action === 'write' && need.action === 'read')) return false
    const kind = domain === 'jobs' && action === 'run' ? rest.shift() : undefined
    if (kind !== undefined && kind !== need.kind) return false
    const [paths] = rest
    return paths === undefined || paths.split(',').some((pattern) => matches(pattern.trim(), need.path))
  })
}

function matches(pattern: string, path: string | undefined): boolean {
  if (pattern === '*') return true
  if (path === undefined) return false
  return pattern.endsWith('/*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
}
