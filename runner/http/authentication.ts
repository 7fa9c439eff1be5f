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
  if (identity) return identity
  const text = token ? 'the token is not known here' : 'no token: send it as Authorization: Bearer'
  throw new ApiError(401, `Unauthorized: ${text}`)
}

/** Windmill takes a bearer, a query parameter, or a cookie; `wmill generate-metadata` sends only the cookie. */
function tokenOf(call: Call): string | undefined {
  const [, bearer] = /^Bearer (.+)$/i.exec(call.req.header('authorization') ?? '') ?? []
  return bearer ?? call.req.query('token') ?? getCookie(call, 'token')
}
