import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { API_PATHS, APPROVAL_PATH, INBOX_PATH } from '../../cdk8s/machine-paths.ts'
import { PROXY } from '../../cdk8s/names.ts'
import type { Tree } from '../../cdk8s/tree.ts'
import { aTree } from './configurations.ts'

interface Rule {
  matches: { path: { type: 'Exact' | 'PathPrefix'; value: string }; method?: string }[]
  filters: {
    type: string
    requestHeaderModifier?: { remove: string[] }
    urlRewrite?: { path: { replaceFullPath?: string; replacePrefixMatch?: string } }
  }[]
  backendRefs: [{ name: string }]
  timeouts: { request: string }
}

const rulesOf = (tree: Tree): Rule[] =>
  tree.entries
    .filter(({ object }) => object.kind === 'HTTPRoute')
    .flatMap(({ object }) => (object.spec as { rules: Rule[] }).rules)

/** Where Gateway API sends a request: an exact path wins, then the longest prefix, then a method. */
function destination(tree: Tree, request: string): string {
  const [method, path] = request.split(' ') as [string, string]
  const candidates = rulesOf(tree).flatMap((rule) =>
    rule.matches.filter((match) => fits(match, method, path)).map((match) => ({ rule, match })),
  )
  const [best] = candidates.sort((a, b) => rank(b.match) - rank(a.match))
  const { rule, match } = best!
  const to = rule.filters.find(({ type }) => type === 'URLRewrite')?.urlRewrite?.path
  const arrives = to?.replaceFullPath ?? (to ? path.replace(match.path.value, to.replacePrefixMatch!) : path)
  return `${rule.backendRefs[0].name} ${arrives}`
}

function fits({ path, method }: Rule['matches'][number], asked: string, at: string): boolean {
  if (method !== undefined && method !== asked) return false
  const prefix = path.value.replace(/\/$/, '')
  return path.type === 'Exact' ? at === path.value : at === prefix || at.startsWith(`${prefix}/`)
}

const rank = ({ path, method }: Rule['matches'][number]): number =>
  (path.type === 'Exact' ? 1e6 : 0) + path.value.length * 10 + (method ? 1 : 0)

const JOB = '0199e0a1-1111-7222-8333-444455556666'
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
  ['POST /approval', '/api/r/hai/approval'],
  ['GET /admin/tasks', '/api/r/hai/admin/tasks'],
  ['GET /admin/tasks/01ABC/result', '/api/r/hai/admin/tasks/01ABC/result'],
  ['PATCH /admin/todos/01ABC', '/api/r/hai/admin/todos/01ABC'],
  ['GET /admin/costs/today', '/api/r/hai/admin/costs/today'],
  ['GET /v1/models', '/api/r/hai/v1/models'],
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
  'GET /approval',
  'POST /approval/again',
  'DELETE /admin/tasks/01ABC',
  'GET /admin/costs',
  'GET /admin',
  'GET /v1/embeddings',
  'GET /oauth2/callback',
]

describe('what is reachable from outside', () => {
  const tree = aTree()

  it.each(OPEN)('lets %s through to Windmill', (request, arrives) => {
    expect(destination(tree, request)).toBe(`windmill-app ${arrives}`)
  })

  it.each(CLOSED)('sends %s to the edge', (request) => {
    expect(destination(tree, request)).toBe(`${PROXY} ${request.split(' ')[1]}`)
  })

  it('covers every path that the CLI calls', () => {
    const sources = ['webhook', 'job-stream'].map((name) =>
      readFileSync(join(import.meta.dirname, '..', '..', 'cli', `${name}.ts`), 'utf8'),
    )
    const called = [...sources.join('\n').matchAll(/[`'](jobs(?:_u)?\/[\w/]+)/g)].map(([, path]) => path!)
    const open = API_PATHS.map(({ path }) => path.replace('/api/w/{workspace}/', ''))
    expect(called.length).toBeGreaterThan(4)
    // whoever knows a job's id can end it there, so from outside nobody can; the CLI says so
    const closed = ['jobs_u/queue/cancel/']
    expect(called.filter((path) => !open.some((prefix) => path.startsWith(prefix)))).toEqual(closed)
  })

  it('takes from every request the headers by which it could pose as another one', () => {
    for (const { filters, timeouts } of rulesOf(tree)) {
      const removed = filters.find(({ type }) => type === 'RequestHeaderModifier')?.requestHeaderModifier
        ?.remove
      expect(removed).toEqual(expect.arrayContaining(['X-Forwarded-Uri', 'X-Forwarded-User', 'Remote-User']))
      expect(timeouts.request).toMatch(/^[1-9]/)
    }
  })

  it('is told in the documentation, path by path, with the reason', () => {
    const table = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'gitops.md'), 'utf8')
    for (const { path, why, method } of [...API_PATHS, INBOX_PATH, APPROVAL_PATH]) {
      const line = table.split('\n').find((one) => one.includes(`\`${path}\``))
      expect(line, path).toContain(why)
      expect(line).toContain(method ?? 'any')
    }
  })
})

describe('the edge', () => {
  it('is a proxy that no path is exempt from', () => {
    const text = aTree().files.get('kubernetes/apps/home/hai/app/oauth2-proxy.yaml')!
    expect(text).not.toMatch(/SKIP_AUTH|SKIP_JWT|PING_USER_AGENT|PASS_AUTHORIZATION|TRUSTED_IPS/)
    for (const setting of [
      'CODE_CHALLENGE_METHOD',
      'TRUSTED_PROXY_IPS',
      'COOKIE_SECURE',
      'METRICS_ADDRESS',
    ]) {
      expect(text).toContain(`OAUTH2_PROXY_${setting}`)
    }
  })

  it('or Envoy that asks Authelia, for the browser’s route alone, and fails closed', () => {
    const tree = aTree({ edge: { kind: 'envoy-extauth' } })
    expect(destination(tree, 'GET /')).toBe('windmill-app /')
    const text = tree.files.get('kubernetes/apps/home/hai/app/securitypolicy.yaml')!
    const [asking, open] = text.split(/^---\n/m).slice(1)
    expect(asking).toContain('failOpen: false')
    expect(asking!.match(/ {6}name: .*/g)).toEqual(['      name: hai'])
    expect(open).toContain('defaultAction: Allow')
    expect(open).not.toMatch(/ {6}name: hai$/m)
  })
})
