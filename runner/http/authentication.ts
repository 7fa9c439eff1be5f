import { getCookie } from 'hono/cookie'
import { createMiddleware } from 'hono/factory'
import { ApiError } from '../api-error.ts'
import type { Identity } from '../identity.ts'
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
