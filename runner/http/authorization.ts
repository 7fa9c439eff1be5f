import { createMiddleware } from 'hono/factory'
import { ApiError } from '../api-error.ts'
import { type Identity, mayRead } from '../identity.ts'
import type { Api } from './context.ts'
import { covers, needOf } from './scopes.ts'

/** All that somebody without rights of his own may call: run what is there, and see what became of his own jobs. */
const FOR_EVERYBODY = [
  /^users\/whoami$/,
  /^users\/tokens\//,
  /^jobs\/(run|run_wait_result|run_and_stream)\/[pfh]\//,
  /^jobs\/(completed\/|queue\/)?list$/,
  /^jobs_u\//,
]

/** One variable, or one resource, by its path. */
const ONE_ITEM = /^(?:variables\/get_value|resources\/get_value(?:_interpolated)?)\/(.+)$/

/** Refuses with 403 what the caller has no right to, or his token no scope for. */
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
