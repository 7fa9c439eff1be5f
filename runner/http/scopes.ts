/** What a call needs a token's scope for. */
export interface Need {
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
export function needOf(method: string, path: string): Need {
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
