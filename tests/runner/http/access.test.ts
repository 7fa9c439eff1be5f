import { randomUUID } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { startStack, type TestStack } from '../../support/stack.ts'
import { bundleFolder } from '../bundle-folder.ts'

const WHO = `export async function main(value: any) {
  const { WM_USERNAME, WM_EMAIL, WM_END_USER_EMAIL, WM_PERMISSIONED_AS, BASE_URL, WM_WORKSPACE, WM_TOKEN } = process.env
  const secret = await fetch(BASE_URL + '/api/w/' + WM_WORKSPACE + '/variables/get_value/u/operator/secret', {
    headers: { authorization: 'Bearer ' + WM_TOKEN },
  })
  return { user: WM_USERNAME, email: WM_EMAIL, end: WM_END_USER_EMAIL, as: WM_PERMISSIONED_AS, reads: secret.status, value }
}`
/** Whether a script finds the database's address: at main, and in what the system tells of its process. */
const ADDRESS = `import { readFileSync } from 'node:fs'
export async function main() {
  return [process.env.HAI_DATABASE_URL !== undefined, readFileSync('/proc/self/environ', 'utf8').includes('HAI_DATABASE_URL')]
}`
const { root } = bundleFolder({
  'f/hai/address.ts': ADDRESS,
  'f/other/address.ts': ADDRESS,
  'u/guest/address.ts': ADDRESS,
  'u/operator/address.ts': ADDRESS,
  'f/hai/who.ts': WHO,
  'f/other/who.ts': WHO,
  'u/operator/who.ts': WHO,
  'u/guest/who.ts': WHO,
  'f/hai/core/who.ts': WHO,
  'u/operator/own__flow/flow.yaml':
    'summary: own\nvalue:\n  modules:\n    - id: a\n      value: { type: script, path: u/operator/who, input_transforms: {} }\n',
  'f/hai_routes/who.ts': WHO,
  'f/hai_routes/who.http_trigger.yaml': [
    'script_path: f/hai_routes/who',
    'route_path: who',
    'http_method: post',
    'request_type: sync',
    'authentication_method: windmill',
    'is_flow: false',
  ].join('\n'),
  'f/hai/secret.variable.yaml': 'value: hush\nis_secret: true\n',
  'f/hai_routes/secret.variable.yaml': 'value: hush\nis_secret: true\n',
  'u/operator/secret.variable.yaml': 'value: hush\nis_secret: true\n',
})

let stack: TestStack
const WAIT = '/api/w/hai/jobs/run_wait_result/p'

beforeAll(async () => {
  stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
  await ask('/api/w/hai/workspaces/add_user', {
    email: 'guest@example.com',
    username: 'guest',
    is_admin: false,
  })
})

async function ask(
  path: string,
  body?: unknown,
  token = stack.token,
  method?: string,
): Promise<[number, string]> {
  const response = await fetch(`${stack.endpoint}${path}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  return [response.status, await response.text()]
}

async function made(grant: object = {}): Promise<string> {
  const [status, token] = await ask('/api/users/tokens/create', grant)
  expect(status).toBe(201)
  return token
}

async function guests(): Promise<string> {
  const [, token] = await ask('/api/users/tokens/impersonate', { impersonate_email: 'guest@example.com' })
  return token
}

async function who(token: string, script = 'f/hai/who', args: object = {}): Promise<Record<string, unknown>> {
  return JSON.parse((await ask(`${WAIT}/${script}`, args, token))[1])
}

describe('who a job is created by', () => {
  it.each([
    [{}, 'operator'],
    [{ label: 'laptop' }, 'label-laptop'],
    [{ label: 'webhook-alerts' }, 'webhook-alerts'],
    [{ label: 'http-x' }, 'http-x'],
    [{ label: 'email-x' }, 'email-x'],
    [{ label: 'ws-x' }, 'ws-x'],
    [{ label: 'webhooks' }, 'label-webhooks'],
  ])('with a token made by %j is %s', async (grant, name) => {
    const token = await made(grant)
    expect(await who(token)).toMatchObject({ user: name, email: 'operator@example.com', as: 'u/operator' })
    const whoami = JSON.parse((await ask('/api/users/whoami', undefined, token))[1])
    expect(whoami).toMatchObject({ username: 'operator', is_admin: true })
  })

  it('is another user with a token of hers', async () => {
    const token = await guests()
    expect(await who(token)).toMatchObject({ user: 'guest' })
    expect(JSON.parse((await ask('/api/w/hai/users/whoami', undefined, token))[1])).toMatchObject({
      username: 'guest',
      email: 'guest@example.com',
      is_admin: false,
    })
  })
})

describe('a token', () => {
  it('is kept as its digest, in a file that only the owner reads, and survives', async () => {
    const token = await made({ label: 'kept' })
    const file = join(stack.instance.data_dir, 'accounts.json')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8')).not.toContain(token)
  })

  it('is listed by its first characters, and ends when it is deleted', async () => {
    const token = await made({ label: 'doomed', scopes: ['jobs:read'] })
    const listed = JSON.parse((await ask('/api/users/tokens/list'))[1]) as { token_prefix: string }[]
    const shown = listed.find(({ token_prefix }) => token.startsWith(token_prefix))
    expect(shown).toMatchObject({ label: 'doomed', scopes: ['jobs:read'] })
    expect(
      await ask(`/api/users/tokens/delete/${shown!.token_prefix}`, undefined, stack.token, 'DELETE'),
    ).toEqual([200, `token ${shown!.token_prefix} deleted`])
    expect((await ask('/api/users/whoami', undefined, token))[0]).toBe(401)
  })

  it('ends at its time', async () => {
    const token = await made({ expiration: new Date(Date.now() + 4_000).toISOString() })
    expect((await ask('/api/users/whoami', undefined, token))[0]).toBe(200)
    await expect.poll(async () => (await ask('/api/users/whoami', undefined, token))[0]).toBe(401)
    expect((await ask('/api/users/tokens/create', { expiration: '2020-01-01T00:00:00Z' }))[0]).toBe(400)
  })

  it.each([
    [['jobs:run:scripts:f/hai/*'], [200, 403, 403, 403]],
    [['jobs:run:scripts:f/other/who'], [403, 403, 403, 403]],
    [['jobs:run'], [200, 403, 403, 403]],
    [
      ['jobs:run:flows:f/hai/*', 'jobs:read'],
      [403, 200, 403, 403],
    ],
    [['jobs:write'], [403, 200, 403, 403]],
    [['variables:read:f/hai/*'], [403, 403, 200, 403]],
    [['variables:read:f/x/*,f/hai/secret'], [403, 403, 200, 403]],
    [['variables:read:f/hai'], [403, 403, 403, 403]],
    [['resources:write'], [403, 403, 403, 200]],
  ])('with the scopes %j may do that and no more', async (scopes, expected) => {
    const token = await made({ scopes })
    const calls = [
      ask(`${WAIT}/f/hai/who`, {}, token),
      ask('/api/w/hai/jobs/list', undefined, token),
      ask('/api/w/hai/variables/get_value/f/hai/secret', undefined, token),
      ask('/api/w/hai/resources/exists/f/hai/models', undefined, token),
    ]
    expect((await Promise.all(calls)).map(([status]) => status)).toEqual(expected)
    expect((await ask('/api/users/tokens/create', {}, token))[0]).toBe(403)
  })

  it('changes and runs nothing when it may only read', async () => {
    const token = await made({ read_only: true })
    expect((await ask('/api/w/hai/variables/get_value/f/hai/secret', undefined, token))[0]).toBe(200)
    expect((await ask(`${WAIT}/f/hai/who`, undefined, token))[0]).toBe(403)
    expect((await ask('/api/w/hai/variables/create', { path: 'f/hai/x', value: 'x' }, token))[0]).toBe(403)
  })
})

describe('a member without rights', () => {
  it('runs doors with her own rights', async () => {
    const token = await guests()
    expect(await who(token)).toMatchObject({
      user: 'guest',
      as: 'u/guest',
      email: 'guest@example.com',
      end: '',
      reads: 403,
    })
    expect(await who(token, 'u/guest/who')).toMatchObject({ user: 'guest', as: 'u/guest', reads: 403 })
  })

  it('runs nothing that finds the database’s address but the scripts of the bundle', async () => {
    const token = await guests()
    const seen = async (what: string, body: object = {}, by = token) =>
      JSON.parse((await ask(`/api/w/hai/jobs/run_wait_result/${what}`, body, by))[1]) as unknown
    expect(await seen('p/f/hai/address')).toEqual([true, false])
    expect(await seen('p/u/guest/address')).toEqual([false, false])
    for (const path of ['f/other/address', 'u/operator/address'])
      expect(await seen(`p/${path}`, {}, stack.token)).toEqual([false, false])
    const preview = { content: ADDRESS, language: 'bun', args: {} }
    expect(await seen('preview', preview, stack.token)).toEqual([false, false])
    // by such a one a deploy migrates
    expect(await seen('preview', { ...preview, path: 'f/hai/admin/any' }, stack.token)).toEqual([true, false])
    const uploaded = {
      path: 'f/hai/uploaded',
      content: ADDRESS,
      language: 'bun',
      summary: '',
      description: '',
    }
    expect((await ask('/api/w/hai/scripts/create', uploaded))[0]).toBe(201)
    expect(await seen('p/f/hai/uploaded')).toEqual([false, false])
  })

  it('runs nothing of the operator’s own, by any route', async () => {
    const token = await guests()
    const { hash } = JSON.parse((await ask('/api/w/hai/scripts/get/p/u/operator/who'))[1])
    for (const what of [
      'p/u/operator/who',
      'p/f/other/who',
      'p/f/hai/core/who',
      'f/u/operator/own',
      `h/${hash}`,
    ]) {
      for (const mode of ['run', 'run_wait_result', 'run_and_stream']) {
        expect(await ask(`/api/w/hai/jobs/${mode}/${what}`, {}, token)).toEqual([
          403,
          expect.stringMatching(/^Permission denied: guest has no right to run /),
        ])
      }
    }
    expect((await ask('/api/w/hai/jobs/run_wait_result/f/u/operator/own', {}))[0]).toBe(200)
  })

  it('does not choose the processes that a job runs in', async () => {
    const at = '/api/w/hai/jobs/run_wait_result/p/f/hai/who?tag=hai-work'
    expect(await ask(at, {}, await guests())).toEqual([
      403,
      expect.stringContaining('Only admins choose a tag'),
    ])
    expect((await ask(at, {}))[0]).toBe(200)
  })

  it('has so many unfinished jobs, bytes in them and streams, and the operator goes on', async () => {
    const token = await guests()
    const later = '/api/w/hai/jobs/run/p/f/hai/who?scheduled_for=2100-01-01T00:00:00Z'
    const ids: string[] = []
    const hoard = async (args: object) => {
      for (let n = 0; n < 200; n += 1) {
        const [status, text] = await ask(later, args, token)
        if (status !== 201) return [status, text]
        ids.push(text)
      }
      return []
    }
    const free = async () => {
      for (const id of ids.splice(0)) await ask(`/api/w/hai/jobs_u/queue/cancel/${id}`, {}, token)
    }
    expect(await hoard({})).toEqual([429, expect.stringContaining('guest has 100 unfinished jobs')])
    // a machine that calls a route comes again after this one, and not after the other
    expect(await ask('/api/r/who', {}, token)).toEqual([503, expect.stringContaining('guest has 100')])
    expect((await ask(`${WAIT}/f/hai/who`, {}))[0]).toBe(200)
    await free()
    expect(await hoard({ value: 'x'.repeat(5_000_000) })).toEqual([429, expect.stringContaining('bytes')])
    expect(ids.length).toBeLessThan(6)
    await free()
    expect((await ask(`${WAIT}/f/hai/who`, {}, token))[0]).toBe(200)
    const [, id] = await ask(later, {}, token)
    const stop = new AbortController()
    const headers = { authorization: `Bearer ${token}` }
    const open = () =>
      fetch(`${stack.endpoint}/api/w/hai/jobs_u/getupdate_sse/${id}`, { headers, signal: stop.signal })
    const streams = await Promise.all(Array.from({ length: 51 }, open))
    expect(
      streams.filter(({ status }) => status === 429).map((one) => one.headers.get('retry-after')),
    ).toEqual(['10'])
    stop.abort()
    await expect
      .poll(
        async () =>
          (
            await fetch(`${stack.endpoint}/api/w/hai/jobs_u/getupdate_sse/${id}`, {
              headers,
              signal: AbortSignal.timeout(5_000),
            })
          ).status,
      )
      .toBe(200)
    await ask(`/api/w/hai/jobs_u/queue/cancel/${id}`, {}, token)
  })

  it.each([
    ['GET', 'resources/get_value/u/operator/hai_models'],
    ['GET', 'resources/get_value_interpolated/f/hai_routes/models'],
    ['GET', 'resources/list'],
    ['GET', 'variables/get_value/f/hai_routes/secret'],
    ['GET', 'variables/get_value/u/operator/secret'],
    ['GET', 'variables/list'],
    ['POST', 'variables/create'],
    ['POST', 'jobs/run/preview'],
    ['POST', 'jobs/run_wait_result/preview'],
    ['POST', 'jobs/run/preview_flow'],
    ['POST', 'jobs/run/dependencies_async'],
    ['GET', 'scripts/raw/p/f/hai/who.ts'],
    ['POST', 'scripts/create'],
    ['GET', 'schedules/list'],
    ['GET', 'users/list'],
    ['POST', 'workspaces/add_user'],
  ])('is refused %s %s', async (method, path) => {
    const body = method === 'POST' ? {} : undefined
    const [status, text] = await ask(`/api/w/hai/${path}`, body, await guests(), method)
    expect([status, text]).toEqual([403, expect.stringContaining('Permission denied: guest has no right')])
  })

  it('cannot become another', async () => {
    const body = { impersonate_email: 'operator@example.com' }
    expect((await ask('/api/users/tokens/impersonate', body, await guests()))[0]).toBe(403)
    const [, own] = await ask('/api/users/tokens/create', { label: 'mine' }, await guests())
    expect(await who(own, 'u/guest/who')).toMatchObject({ user: 'label-mine', as: 'u/guest', reads: 403 })
  })

  it.each([
    'session',
    'ephemeral-script',
    'ephemeral-script-end-user-operator',
    'ephemeral-webhook-x',
    'mcp-oauth-x',
  ])('gets no token with the label %s, which stands for another on some servers', async (label) => {
    expect(await ask('/api/users/tokens/create', { label }, await guests())).toEqual([
      400,
      expect.stringContaining('is not accepted'),
    ])
  })

  it('bears no name that routes, labels or schedules go by', async () => {
    for (const username of [
      'hai',
      'operator',
      'label-alerts',
      'schedule-x',
      'HTTP-x',
      'webhook-x',
      'session',
    ])
      expect(await ask('/api/w/hai/workspaces/add_user', { email: 'x@example.com', username })).toEqual([
        400,
        expect.stringContaining(`username "${username}" is not accepted`),
      ])
  })

  it('sees her own jobs and nobody else’s', async () => {
    const token = await guests()
    const [, mine] = await ask('/api/w/hai/jobs/run/p/f/hai/who', {}, token)
    const [, other] = await ask('/api/w/hai/jobs/run/p/f/hai/who', {})
    expect((await ask(`/api/w/hai/jobs_u/get/${mine}`, undefined, token))[0]).toBe(200)
    for (const path of ['get', 'get_logs', 'getupdate', 'completed/get_result_maybe', 'get_root_job_id']) {
      expect((await ask(`/api/w/hai/jobs_u/${path}/${other}`, undefined, token))[0]).toBe(403)
    }
    expect((await ask(`/api/w/hai/jobs_u/queue/cancel/${other}`, {}, token))[0]).toBe(403)
    expect((await ask(`/api/w/hai/jobs_u/getupdate_sse/${other}`, undefined, token))[1]).toContain('notfound')
    const listed = JSON.parse((await ask('/api/w/hai/jobs/list', undefined, token))[1]) as { id: string }[]
    const ids = listed.map(({ id }) => id)
    expect(ids).toContain(mine)
    expect(ids).not.toContain(other)
  })

  it.each(['parent_job', 'root_job'])(
    'says of no job that it comes from somebody else’s, as %s',
    async (name) => {
      const token = await guests()
      const [, other] = await ask('/api/w/hai/jobs/run/p/f/hai/who', {})
      const [, mine] = await ask('/api/w/hai/jobs/run/p/f/hai/who', {}, token)
      for (const id of [other, randomUUID()])
        for (const route of ['run', 'run_wait_result'])
          expect(await ask(`/api/w/hai/jobs/${route}/p/f/hai/who?${name}=${id}`, {}, token)).toEqual([
            400,
            expect.stringContaining(`${name} is no job that you may see`),
          ])
      expect((await ask(`/api/w/hai/jobs/run/p/f/hai/who?${name}=${mine}`, {}, token))[0]).toBe(201)
      expect((await ask(`/api/w/hai/jobs/run/p/f/hai/who?${name}=${mine}`, {}))[0]).toBe(201)
    },
  )

  it('gets nothing resolved by a reference in an argument that she may not read, where the operator does', async () => {
    const args = (path: string) => ({ value: { deep: `$var:${path}` } })
    const found = { value: { deep: 'hush' } }
    for (const path of ['f/hai_routes/secret', 'u/operator/secret']) {
      expect(await who(stack.token, 'f/hai/who', args(path))).toMatchObject(found)
      expect(await who(await guests(), 'f/hai/who', args(path))).toEqual({
        error: {
          name: 'InternalErr',
          message: `Not found: Variable ${path} not found for \`deep\`: you don't have access to ${path}`,
        },
      })
    }
    // as on a server, where whoever calls reads folder hai: so that no secret lies there
    expect(await who(await guests(), 'f/hai/who', args('f/hai/secret'))).toMatchObject(found)
  })

  it('is gone with her tokens', async () => {
    await ask('/api/w/hai/workspaces/add_user', { email: 'bob@example.com', username: 'bob', is_admin: true })
    const [, token] = await ask('/api/users/tokens/impersonate', { impersonate_email: 'bob@example.com' })
    expect(await who(token, 'f/other/who')).toMatchObject({ user: 'bob', as: 'u/bob', reads: 200 })
    await ask('/api/w/hai/users/delete/bob', undefined, stack.token, 'DELETE')
    expect((await ask('/api/users/whoami', undefined, token))[0]).toBe(401)
  })
})
