import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ErrorBody } from '../../f/hai/core/base/contract.ts'
import type { Accepted, TaskList } from '../../f/hai/core/task/shape.ts'
import { startStack, type TestStack } from '../support/stack.ts'

const MEMBERS = `
kim: { role: member, usernames: [kim] }
sam: { role: member, usernames: [sam] }
alerts: { role: machine, usernames: [alerts] }
laptop: { role: operator, usernames: [laptop] }
`
/** What a member may write on a token of her own. */
const LABELS = [
  'alerts',
  'laptop',
  'operator',
  'u/operator',
  'label-alerts',
  'webhook-alerts',
  'http-operator',
]

let stack: TestStack
let secret: string
const tokens = new Map<string, string>()

beforeAll(async () => {
  stack = await startStack({ shared: true })
  const folder = join(stack.env.XDG_CONFIG_HOME!, 'hai')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'members.yaml'), MEMBERS)
  for (const name of ['kim', 'sam', 'stranger']) {
    const email = `${name}@example.com`
    await text('/api/w/hai/workspaces/add_user', { email, username: name, is_admin: false })
    tokens.set(name, await text('/api/users/tokens/impersonate', { impersonate_email: email }))
  }
  for (const label of LABELS)
    tokens.set(label, await text('/api/users/tokens/create', { label }, tokens.get('kim')))
  const body = { source: 'test', content: 'a private question of the operator’s' }
  secret = (await stack.call<Accepted>('f/hai/inbox', { body })).body.task_id
})

async function send(path: string, body?: unknown, token = stack.token): Promise<Response> {
  const authorization = `Bearer ${token}`
  if (body === undefined) return stack.request(path, { headers: { authorization } })
  const headers = { authorization, 'content-type': 'application/json' }
  return stack.request(path, { method: 'POST', headers, body: JSON.stringify(body) })
}

async function text(...request: Parameters<typeof send>): Promise<string> {
  const answer = await send(...request)
  expect(answer.status).toBe(201)
  return answer.text()
}

async function run<T>(who: string, path: string, args: object = {}): Promise<[status: number, body: T]> {
  const answer = await send(`/api/w/hai/jobs/run_wait_result/${path}`, args, tokens.get(who))
  return [answer.status, (await answer.json()) as T]
}
const FORBIDDEN = [403, { error: { code: 'forbidden', message: expect.any(String) } }]

describe('a token that a member makes for herself', () => {
  it.each(LABELS)('is hers, whatever its label: %s', async (label) => {
    const [status, { tasks }] = await run<TaskList>(label, 'p/f/hai/task/list')
    expect([status, tasks]).toEqual([200, []])
    expect((await run(label, 'p/f/hai/task/show', { id: secret }))[0]).toBe(404)
    expect(await run(label, 'p/f/hai/cost/raise', { usd: 5 })).toEqual(FORBIDDEN)
    expect(await run(label, 'p/f/hai/worker/claim', { worker: 'w' })).toEqual(FORBIDDEN)
    expect(await run(label, 'p/f/hai/worker/sweep', { every_seconds: -1000 })).toEqual(FORBIDDEN)
  })

  it.each(LABELS)('with a label opens no route: %s', async (label) => {
    const answer = await send('/api/r/hai/admin/tasks', undefined, tokens.get(label))
    const { error } = (await answer.json()) as ErrorBody
    expect([answer.status, error.message]).toEqual([403, expect.stringContaining('make one without')])
  })

  it('without a label is hers at a route, whose script she can not run', async () => {
    const answer = await send('/api/r/hai/admin/tasks', undefined, tokens.get('kim'))
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ tasks: [] })])
    const script = await send(
      '/api/w/hai/jobs/run_wait_result/p/f/hai_routes/task/list',
      {},
      tokens.get('kim'),
    )
    expect([script.status, await script.text()]).toEqual([
      403,
      expect.stringContaining('kim has no right to run f/hai_routes/task/list'),
    ])
  })
})

describe('the job of a call of a route', () => {
  interface Listed {
    id: string
    script_path: string
    permissioned_as: string
  }
  const jobsOf = async (who?: string) => {
    const list = await send(
      '/api/w/hai/jobs/list?script_path_start=f/hai_routes',
      undefined,
      tokens.get(who ?? ''),
    )
    return (await list.json()) as Listed[]
  }

  it('is in no caller’s list, and she who called and the operator alone read what came and went', async () => {
    const body = { body: 'for all to do' }
    const added = await send('/api/r/hai/admin/todos', body, tokens.get('kim'))
    expect(added.status).toBe(201)
    const [job] = await jobsOf()
    expect(job).toMatchObject({ script_path: 'f/hai_routes/todo/add', permissioned_as: 'u/hai' })
    for (const who of ['kim', 'sam']) expect(await jobsOf(who)).toEqual([])
    for (const path of [
      'get',
      'get_args',
      'get_logs',
      'completed/get_result',
      'completed/get_result_maybe',
    ]) {
      const about = `/api/w/hai/jobs_u/${path}/${job?.id}`
      const others = await send(about, undefined, tokens.get('sam'))
      expect([others.status, await others.text()], path).toEqual([
        403,
        `Permission denied: You do not have access to run ${job?.id}`,
      ])
      expect((await send(about, undefined, tokens.get('kim'))).status, path).toBe(200)
    }
  })
})

describe('somebody who is no member', () => {
  it('rings a worker, and opens nothing', async () => {
    expect(await run('stranger', 'p/f/hai/worker/run')).toEqual([200, { ran: expect.any(Number) }])
    for (const path of ['home', 'inbox', 'task/list', 'cost/rollup', 'admin/migrate'])
      expect(await run('stranger', `p/f/hai/${path}`, { body: {} }), path).toEqual(FORBIDDEN)
    expect((await send('/api/r/hai/admin/tasks', undefined, tokens.get('stranger'))).status).toBe(403)
  })

  it('is nobody in a flow’s step either', async () => {
    const [status, told] = await run<unknown>('stranger', 'f/f/hai/cost_report', { period: 'week' })
    expect([status >= 400, JSON.stringify(told)]).toEqual([true, expect.stringContaining('forbidden')])
  })
})
