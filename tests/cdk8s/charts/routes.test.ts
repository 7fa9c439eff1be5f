import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { MACHINE_PATHS, machinePrefixes } from '../../../cdk8s/charts/machine-paths.ts'
import { PROXY } from '../../../cdk8s/names.ts'
import type { Tree } from '../../../cdk8s/tree.ts'
import { aTree, objectIn } from '../configurations.ts'

const root = join(import.meta.dirname, '..', '..', '..')

interface Match {
  path: { type: 'Exact' | 'PathPrefix'; value: string }
  method?: string
  headers?: { type: 'RegularExpression'; name: 'Authorization'; value: string }[]
}

interface Rule {
  matches: Match[]
  filters: {
    type: string
    requestHeaderModifier?: { remove: string[] }
    urlRewrite?: { path: { replaceFullPath?: string; replacePrefixMatch?: string } }
    requestRedirect?: { path: { replaceFullPath: string } }
    extensionRef?: { name: string }
  }[]
  backendRefs?: [{ name: string }]
  timeouts?: { request: string }
}

type Routed = Rule & { route: string }

const rulesOf = (tree: Tree): Routed[] =>
  tree.entries
    .filter(({ object }) => object.kind === 'HTTPRoute')
    .flatMap(({ object }) =>
      (object.spec as { rules: Rule[] }).rules.map((rule) => ({ ...rule, route: object.metadata.name })),
    )

const TOKEN = 'Bearer s3cret'

/** Where Gateway API sends a request: an exact path wins, then the longest prefix, then a method and headers. */
function taken(tree: Tree, request: string, authorization?: string): { rule: Routed; arrives: string } {
  const [method, path] = request.split(' ') as [string, string]
  const candidates = rulesOf(tree).flatMap((rule) =>
    rule.matches
      .filter((match) => fits(match, { method, path, authorization }))
      .map((match) => ({ rule, match })),
  )
  const [best, second] = candidates.sort((a, b) => rank(b.match) - rank(a.match))
  const { rule, match } = best!
  // two of one rank are told apart by their age and name, which nobody means
  if (second) expect(rank(match), request).toBeGreaterThan(rank(second.match))
  const to = rule.filters.find(({ type }) => type === 'URLRewrite')?.urlRewrite?.path
  const arrives = to?.replaceFullPath ?? (to ? path.replace(match.path.value, to.replacePrefixMatch!) : path)
  return { rule, arrives }
}

function destination(tree: Tree, request: string, authorization?: string): string {
  const { rule, arrives } = taken(tree, request, authorization)
  return rule.backendRefs ? `${rule.backendRefs[0].name} ${arrives}` : rule.route
}

interface Request {
  method: string
  path: string
  authorization: string | undefined
}

function fits(match: Match, { method, path, authorization }: Request): boolean {
  if (match.method !== undefined && match.method !== method) return false
  // the whole value, as Envoy has it; RE2 writes a flag at the beginning
  const isHeaded = (match.headers ?? []).every(({ value }) => {
    const flags = value.startsWith('(?i)') ? 'i' : ''
    const whole = new RegExp(`^(?:${value.replace('(?i)', '')})$`, flags)
    return authorization !== undefined && whole.test(authorization)
  })
  const prefix = match.path.value.replace(/\/$/, '')
  const isBelow = path === prefix || path.startsWith(`${prefix}/`)
  return isHeaded && (match.path.type === 'Exact' ? path === match.path.value : isBelow)
}

const rank = ({ path, method, headers = [] }: Match): number =>
  (path.type === 'Exact' ? 1e6 : 0) + path.value.length * 10 + (method ? 1 : 0) + headers.length

const JOB = '0199e0a1-1111-7222-8333-444455556666'
/** Where the rule for Authelia is written. */
const ACCESS_CONTROL = [...aTree({ edge: { kind: 'envoy-extauth' } }).files.keys()].find((file) =>
  file.endsWith('/authelia-access-control.yaml'),
)!

const OPEN: [string, string][] = [
  ['POST /api/w/main/jobs/run_wait_result/p/f/hai/inbox', '/api/w/main/jobs/run_wait_result/p/f/hai/inbox'],
  [
    'POST /api/w/main/jobs/run_wait_result/p/f/hai/task/show',
    '/api/w/main/jobs/run_wait_result/p/f/hai/task/show',
  ],
  ['POST /api/w/main/jobs/run/p/f/hai/model/test', '/api/w/main/jobs/run/p/f/hai/model/test'],
  [
    `GET /api/w/main/jobs_u/completed/get_result_maybe/${JOB}`,
    `/api/w/main/jobs_u/completed/get_result_maybe/${JOB}`,
  ],
  [`GET /api/w/main/jobs_u/getupdate_sse/${JOB}`, `/api/w/main/jobs_u/getupdate_sse/${JOB}`],
  [`GET /api/w/main/jobs_u/get_logs/${JOB}`, `/api/w/main/jobs_u/get_logs/${JOB}`],
  ['POST /inbox', '/api/r/hai/inbox'],
  ['GET /admin/tasks', '/api/r/hai/admin/tasks'],
  ['GET /admin/tasks/01ABC/result', '/api/r/hai/admin/tasks/01ABC/result'],
  ['PATCH /admin/todos/01ABC', '/api/r/hai/admin/todos/01ABC'],
  ['GET /admin/costs/today', '/api/r/hai/admin/costs/today'],
  ['GET /v1/models', '/api/r/hai/v1/models'],
  ['GET /v1/models/hai', '/api/r/hai/v1/models/hai'],
  ['POST /v1/chat/completions', '/api/r/hai/v1/chat/completions'],
]

const CLOSED = [
  'GET /',
  'GET /api/version',
  'POST /api/auth/login',
  'GET /api/users/whoami',
  'POST /api/users/tokens/create',
  'POST /api/w/main/jobs/run/preview',
  'POST /api/w/main/jobs/run_wait_result/preview',
  'GET /api/w/main/jobs/run_wait_result/p/f/hai/inbox',
  'POST /api/w/main/jobs/run_wait_result/p/f/haibutnot/inbox',
  'POST /api/w/main/jobs/run_wait_result/p/u/operator/mine',
  'POST /api/w/main/jobs/run_wait_result/f/f/hai/ask',
  'POST /api/w/main/jobs/run/h/123',
  'POST /api/w/other/jobs/run_wait_result/p/f/hai/inbox',
  'GET /api/w/main/jobs/list',
  `GET /api/w/main/jobs_u/get/${JOB}`,
  `GET /api/w/main/jobs_u/completed/get_result/${JOB}`,
  `POST /api/w/main/jobs_u/queue/cancel/${JOB}`,
  'GET /api/w/main/resources/get_value_interpolated/f/hai/models',
  'GET /api/w/main/variables/get_value/u/operator/anthropic_key',
  'GET /api/w/main/scripts/list',
  'POST /api/r/hai/inbox',
  'POST /api/r/anything/else',
  'GET /inbox',
  'POST /approval',
  'DELETE /admin/tasks/01ABC',
  'GET /admin/costs',
  'GET /admin',
  'GET /v1/embeddings',
  'GET /oauth2/callback',
]

describe('what is reachable from outside', () => {
  const tree = aTree()

  it.each(OPEN)('lets %s through to Windmill, with a token', (request, arrives) => {
    expect(destination(tree, request, TOKEN)).toBe(`windmill-app ${arrives}`)
    expect(destination(tree, request, 'bearer s3cret')).toBe(`windmill-app ${arrives}`)
  })

  it.each(CLOSED)('sends %s to the edge', (request) => {
    expect(destination(tree, request, TOKEN)).toBe(`${PROXY} ${request.split(' ')[1]}`)
  })

  it.each([undefined, '', 'Bearer', 'Bearer ', 'Basic dTpw', 'Token x', 'Bearerx', 'x Bearer y'])(
    'sends every machine path to the edge with Authorization: %s, whatever cookie comes along',
    (authorization) => {
      for (const [request] of OPEN) {
        expect(destination(tree, request, authorization)).toBe(`${PROXY} ${request.split(' ')[1]}`)
      }
    },
  )

  it('has a trigger behind every path, with its method, and a path in front of every trigger', () => {
    const doors = join(root, 'f/hai/http')
    const triggers = readdirSync(doors, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.http_trigger.yaml'))
      .map((file) => parse(readFileSync(join(doors, file), 'utf8')))
      // no token, no way past the edge: whoever wants a signed webhook from outside makes a route for it
      .filter(({ authentication_method }) => authentication_method !== 'none')
      .map(({ route_path, http_method }) => ({ path: `/${route_path}`, method: http_method.toUpperCase() }))
    const published = MACHINE_PATHS.flatMap(({ trigger, method, below }) =>
      trigger ? [{ path: `/hai${trigger}`, method, below }] : [],
    )
    const leads = (one: (typeof published)[number], to: (typeof triggers)[number]) =>
      (to.path === one.path || (one.below && to.path.startsWith(`${one.path}/`))) &&
      (one.method === undefined || one.method === to.method)
    expect(triggers.length).toBeGreaterThan(10)
    expect(published.filter((one) => !triggers.some((to) => to.path === one.path && leads(one, to)))).toEqual(
      [],
    )
    expect(triggers.filter((to) => !published.some((one) => leads(one, to)))).toEqual([])
  })

  it('covers every path that the CLI calls', () => {
    const sources = ['call/webhook', 'answer/job-stream'].map((name) =>
      readFileSync(join(root, 'cli', `${name}.ts`), 'utf8'),
    )
    const called = [...sources.join('\n').matchAll(/[`'](jobs(?:_u)?\/[\w/]+)/g)].map(([, path]) => path!)
    const open = MACHINE_PATHS.map(({ path }) => path.replace('/api/w/{workspace}/', ''))
    expect(called.length).toBeGreaterThan(4)
    // whoever knows a job's id can end it there, so from outside nobody can; the CLI says so
    const closed = ['jobs_u/queue/cancel/']
    expect(called.filter((path) => !open.some((prefix) => path.startsWith(prefix)))).toEqual(closed)
  })

  it('takes from every request the headers by which it could pose as another one, and a machine’s cookies', () => {
    for (const { filters, route } of rulesOf(tree)) {
      const [{ remove } = { remove: [] }] = filters.flatMap(
        ({ requestHeaderModifier }) => requestHeaderModifier ?? [],
      )
      expect(remove).toEqual(expect.arrayContaining(['X-Forwarded-Uri', 'X-Forwarded-User', 'Remote-User']))
      expect(remove.length).toBeLessThanOrEqual(16)
      expect(remove.includes('Cookie'), route).toBe(route === 'hai-api')
    }
  })

  it('leaves a stream of a page time, and an answer that is waited for longer than the slowest door takes', () => {
    const seconds = (rule: Rule) => {
      const [, count, unit] = /^(\d+)([smh])$/.exec(rule.timeouts!.request)!
      return Number(count) * { s: 1, m: 60, h: 3600 }[unit as 's' | 'm' | 'h']
    }
    const env = proxyEnv(tree)
    expect(seconds(taken(tree, 'GET /').rule)).toBe(3600)
    expect(env.UPSTREAM_TIMEOUT).toBe('330s')
    expect(seconds(taken(tree, OPEN[0]![0], TOKEN).rule)).toBe(330)
  })

  it('is told in the documentation, path by path, with the reason', () => {
    const rows = readFileSync(join(root, 'docs', 'gitops.md'), 'utf8').matchAll(/^\| `(\/\S+)` \| (.*)$/gm)
    const told = new Map([...rows].map(([, path, row]) => [path!, row]))
    for (const { path, why, method } of MACHINE_PATHS) {
      expect(told.get(path), path).toContain(why)
      expect(told.get(path)).toContain(method ?? 'any')
    }
    expect([...told.keys()].sort()).toEqual(MACHINE_PATHS.map(({ path }) => path).sort())
  })
})

/** What the proxy's container is told, without the names' beginning. */
function proxyEnv(tree: Tree): Record<string, string> {
  interface Pod {
    template: { spec: { containers: [{ env: { name: string; value?: string }[] }] } }
  }
  const { env } = (objectIn(tree, 'Deployment', PROXY).spec as Pod).template.spec.containers[0]
  return Object.fromEntries(env.map(({ name, value = '' }) => [name.replace('OAUTH2_PROXY_', ''), value]))
}

const targets = (tree: Tree, kind: string, name: string): string[] =>
  (objectIn(tree, kind, name).spec as { targetRefs: { name: string }[] }).targetRefs.map((ref) => ref.name)

const policies = (tree: Tree) =>
  tree.entries
    .map(({ object }) => object)
    .filter(({ kind }) => kind === 'SecurityPolicy')
    .map(({ metadata }) => metadata.name)

describe('the edge', () => {
  it('is a proxy that no path is exempt from', () => {
    const env = proxyEnv(aTree())
    expect(Object.keys(env).join()).not.toMatch(
      /SKIP_AUTH|SKIP_JWT|PING_USER_AGENT|PASS_AUTHORIZATION|TRUSTED_IPS/,
    )
    expect(env).toMatchObject({ CODE_CHALLENGE_METHOD: 'S256', COOKIE_SECURE: 'true' })
    expect(Object.keys(env)).toEqual(expect.arrayContaining(['TRUSTED_PROXY_IPS', 'METRICS_ADDRESS']))
  })

  it('answers a machine that misses its path as one, and sends a browser to the login', () => {
    const answers401 = new RegExp(proxyEnv(aTree()).API_ROUTES!)
    const paths = MACHINE_PATHS.map(({ path }) => path.replace('{workspace}', 'main'))
    const missed = [...paths, ...machinePrefixes()].flatMap((one) => [
      one,
      `${one}/`,
      `${one}/x`,
      `${one}?x=1`,
    ])
    for (const path of missed) {
      expect(path).toMatch(answers401)
    }
    for (const page of ['/', '/adminx', '/inboxes', '/runs', '/x/api/']) expect(page).not.toMatch(answers401)
  })

  it('lets nobody stay for longer than the operator says, and refreshes only where it has what to do it by', () => {
    const { SCOPE, COOKIE_REFRESH, COOKIE_EXPIRE } = proxyEnv(aTree())
    expect(COOKIE_EXPIRE).toBe('1h')
    expect(proxyEnv(aTree({ edge: { kind: 'oauth2-proxy', session: '30m' } })).COOKIE_EXPIRE).toBe('30m')
    expect(SCOPE!.split(' ').includes('offline_access')).toBe(COOKIE_REFRESH !== undefined)
  })

  it('has its figures apart from where routes lead', () => {
    const ports = (name: string) => (objectIn(aTree(), 'Service', name).spec as { ports: object[] }).ports
    expect(ports(PROXY)).toEqual([{ name: 'http', port: 4180, targetPort: 'http' }])
  })

  const extAuth = { edge: { kind: 'envoy-extauth' } }

  it('has Envoy ask Authelia for the browser’s routes alone, and fails closed', () => {
    const tree = aTree(extAuth)
    expect(destination(tree, 'GET /')).toBe('windmill-app /')
    expect(policies(tree)).toEqual(['hai-extauth', 'hai-extauth-api'])
    const asked = policies(tree).flatMap((name) => targets(tree, 'SecurityPolicy', name))
    expect(asked).toEqual(['hai', 'hai-browser-api'])
    for (const name of policies(tree)) {
      expect(objectIn(tree, 'SecurityPolicy', name).spec).toMatchObject({ extAuth: { failOpen: false } })
    }
    // every rule that leads to Windmill without a token is asked for
    for (const { route, matches, backendRefs } of rulesOf(tree)) {
      if (backendRefs && !matches.every(({ headers }) => headers)) expect(asked).toContain(route)
    }
  })

  it('where Authelia is asked no machine is sent to a login, with a slash or without', () => {
    const tree = aTree(extAuth)
    const missed = MACHINE_PATHS.map(({ path }) => path.replace('{workspace}', 'main'))
    for (const path of missed.flatMap((one) => [one, `${one}/`, `${one}/x`])) {
      const { route } = taken(tree, `POST ${path}`).rule
      // below /api a page of Windmill's calls too: Authelia is asked, and told of nothing that takes a page
      expect(route, path).toBe(path.startsWith('/api/') ? 'hai-browser-api' : 'hai-refused')
    }
    const told = (name: string) =>
      (objectIn(tree, 'SecurityPolicy', name).spec as { extAuth: { headersToExtAuth: string[] } }).extAuth
        .headersToExtAuth
    expect(told('hai-extauth-api')).toEqual(['cookie', 'x-forwarded-proto'])
    const { directResponse } = objectIn(tree, 'HTTPRouteFilter', 'hai-unauthorized').spec as {
      directResponse: { statusCode: number; contentType: string; body: { inline: string } }
    }
    expect(directResponse).toMatchObject({ statusCode: 401, contentType: 'application/json' })
    expect(JSON.parse(directResponse.body.inline)).toEqual({
      error: { code: 'unauthorized', message: expect.stringContaining('Bearer') },
    })
  })

  it.each(['Basic dTpw', 'basic dTpw', 'BASIC  dTpw', 'Bearer x,Basic dTpw', 'Bearer x, basic dTpw'])(
    'never asks Authelia of a request with a password, nor shows Windmill one: %s',
    (password) => {
      for (const landing of [undefined, '/runs']) {
        const tree = aTree({ ...extAuth, route: { landing } })
        for (const request of ['GET /', 'POST /', 'GET /runs', 'GET /api/version', ...CLOSED]) {
          expect(destination(tree, request, password), request).toBe('hai-refused')
        }
      }
    },
  )

  it('lets a page’s own requests through to where Authelia is asked', () => {
    const tree = aTree(extAuth)
    for (const value of [undefined, '', 'Bearer x', 'Bearer basic']) {
      expect(taken(tree, 'GET /api/version', value).rule.route).toBe('hai-browser-api')
      expect(taken(tree, 'GET /runs', value).rule.route).toBe('hai')
    }
  })

  it('has a rule for Authelia that lets in the configured groups by two factors, and nobody else', () => {
    const rules = (edge: object) =>
      parse(aTree({ edge: { ...extAuth.edge, ...edge } }).files.get(ACCESS_CONTROL)!).access_control.rules
    expect(rules({ allowed_groups: ['admins', 'family'] })).toEqual([
      { domain: 'hai.example.com', policy: 'two_factor', subject: ['group:admins', 'group:family'] },
      { domain: 'hai.example.com', policy: 'deny' },
    ])
    expect(rules({ policy: 'one_factor' })[0].policy).toBe('one_factor')
  })
})

describe('what a Gateway says for all', () => {
  it.each([
    [{}, ['hai', 'hai-api']],
    [{ edge: { kind: 'envoy-extauth' } }, ['hai', 'hai-api', 'hai-browser-api']],
  ])('retries nothing of hai’s, and stays in all else, with %j', (input, routes) => {
    const tree = aTree(input)
    const withBackend = new Set(
      rulesOf(tree).flatMap(({ route, backendRefs }) => (backendRefs ? [route] : [])),
    )
    expect([...withBackend].sort()).toEqual(routes)
    const of = tree.entries.filter(({ object }) => object.kind === 'BackendTrafficPolicy')
    expect(of.map(({ object }) => object.spec)).toEqual([
      { targetRefs: expect.anything(), mergeType: 'StrategicMerge', retry: { numRetries: 0 } },
    ])
    expect(targets(tree, 'BackendTrafficPolicy', 'hai-once').sort()).toEqual(routes)
  })

  it.each([
    [{}, [], ['hai', 'hai-api']],
    [{ kind: 'envoy-extauth' }, ['hai-extauth', 'hai-extauth-api'], ['hai-api', 'hai-refused']],
  ])('is replaced only where that is asked for, with the edge %j', (edge, asking, open) => {
    const input = { edge: { kind: 'oauth2-proxy', ...edge } }
    const kept = aTree(input)
    expect(policies(kept)).toEqual(asking)
    for (const name of asking) {
      expect(objectIn(kept, 'SecurityPolicy', name).spec).toMatchObject({ mergeType: 'StrategicMerge' })
    }
    const replacing = aTree({ ...input, gateway: { override_policy: true } })
    expect(policies(replacing)).toEqual([...asking, 'hai-own-check'])
    expect(targets(replacing, 'SecurityPolicy', 'hai-own-check')).toEqual(open)
    for (const name of asking) {
      expect(objectIn(replacing, 'SecurityPolicy', name).spec).not.toHaveProperty('mergeType')
    }
  })
})

describe('the browser’s route', () => {
  it('has what the operator notes on it, and no other route has', () => {
    const annotations = { 'gatus.home-operations.com/enabled': 'true' }
    const tree = aTree({ route: { annotations } })
    const noted = tree.entries
      .map(({ object }) => object)
      .filter(({ kind, metadata }) => kind === 'HTTPRoute' && metadata.annotations)
    expect(noted.map(({ metadata }) => [metadata.name, metadata.annotations])).toEqual([['hai', annotations]])
  })

  it('leads from / to where the operator says, and nowhere else', () => {
    const tree = aTree({ route: { landing: '/apps/get/p/f/hai/home' } })
    const { rule } = taken(tree, 'GET /')
    expect(rule.filters).toEqual([
      {
        type: 'RequestRedirect',
        requestRedirect: {
          path: { type: 'ReplaceFullPath', replaceFullPath: '/apps/get/p/f/hai/home' },
          statusCode: 302,
        },
      },
    ])
    expect(destination(tree, 'GET /apps/get/p/f/hai/home')).toBe(`${PROXY} /apps/get/p/f/hai/home`)
    expect(destination(aTree(), 'GET /')).toBe(`${PROXY} /`)
  })
})
