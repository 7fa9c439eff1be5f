import { beforeAll, describe, expect, inject, it } from 'vitest'
import { startStack, type TestStack } from '../../support/stack.ts'
import { bundleFolder } from '../bundle-folder.ts'

const trigger = (script: string, method: string, route: string, auth = 'windmill', more = '') =>
  `script_path: ${script}\nis_flow: false\nroute_path: ${route}\nhttp_method: ${method}\nrequest_type: sync\nauthentication_method: ${auth}\nis_static_website: false\nworkspaced_route: false\nwrap_body: false\nraw_string: false\n${more}`
const raw = (text: string) =>
  text.replace('wrap_body: false\nraw_string: false', 'wrap_body: true\nraw_string: true')
const RIGHTS = `export async function main(path?: string) {
    const { BASE_URL, WM_WORKSPACE, WM_TOKEN, WM_USERNAME, WM_EMAIL, WM_PERMISSIONED_AS } = process.env
    const api = BASE_URL + '/api/w/' + WM_WORKSPACE + '/'
    const headers = { authorization: 'Bearer ' + WM_TOKEN, 'content-type': 'application/json' }
    const ask = async (path: string, body?: object) =>
      (await fetch(api + path, { headers, ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}) })).status
    return {
      who: [WM_USERNAME, WM_EMAIL, WM_PERMISSIONED_AS],
      may: [await ask('resources/get_value/f/hai/any'), await ask('variables/get_value/f/hai/key'), await ask('jobs/run/p/f/hai/plain', {})],
      mayNot: [
        await ask('jobs/run/preview', { content: 'export async function main() {}' }),
        await ask('variables/list'),
        await ask('resources/list'),
        await ask('variables/get_value/u/operator/secret'),
        await ask('resources/get_value_interpolated/u/operator/own'),
        await ask('resources/get_value_interpolated/f/hai/leads'),
        await ask('variables/create', { path: 'f/hai/new', value: 'x' }),
        await ask('jobs/run/p/u/operator/own', {}),
      ],
    }
  }`
const { root, write } = bundleFolder({
  'f/hai/rights.ts': RIGHTS,
  'f/hai/rights.http_trigger.yaml': trigger('f/hai/rights', 'get', 'hai/rights'),
  'u/operator/own.ts': RIGHTS,
  'u/operator/own.http_trigger.yaml': trigger('u/operator/own', 'get', 'own'),
  'u/operator/secret.variable.yaml': 'value: hush\nis_secret: true\n',
  'u/operator/own.resource.yaml': 'resource_type: x\nvalue: { a: 1 }\n',
  'f/hai/any.resource.yaml': 'resource_type: x\nvalue: { a: 1 }\n',
  'f/hai/leads.resource.yaml': 'resource_type: x\nvalue: { a: $var:u/operator/secret }\n',
  'f/hai/all.http_trigger.yaml': raw(trigger('f/hai/event', 'post', 'hai/all')),
  'f/hai/event.ts': `export async function preprocessor(event: any) {
    const { kind, method, route, path, params, query, body, trigger_path, raw_string } = event
    return { seen: { kind, method, route, path, params, query, body, trigger_path, raw_string, authorized: 'authorization' in event.headers } }
  }
  export async function main(seen: any) { return { ...seen, user: process.env.WM_USERNAME, email: process.env.WM_EMAIL } }`,
  'f/hai/plain.ts':
    'export async function main(title: string, body?: any, raw_string?: string) { return { title, body, raw_string, user: process.env.WM_USERNAME } }',
  'f/hai/accepted.ts':
    'export async function main() { return { windmill_status_code: 202, windmill_headers: { "x-a": "b" }, result: { ok: true } } }',
  'f/hai/bad.ts':
    'export async function preprocessor(event: any) { return [event] }\nexport async function main() {}',
  'f/hai/event.http_trigger.yaml': trigger('f/hai/event', 'get', 'hai/tasks/:id/files/*rest'),
  'f/hai/word.http_trigger.yaml': trigger('f/hai/plain', 'post', 'hai/tasks/first'),
  'f/hai/param.http_trigger.yaml': trigger('f/hai/event', 'post', 'hai/tasks/:id'),
  'f/hai/wrap.http_trigger.yaml': raw(trigger('f/hai/plain', 'post', 'hai/wrap')),
  'f/hai/open.http_trigger.yaml': trigger('f/hai/plain', 'post', 'hai/open', 'none'),
  'f/hai/later.http_trigger.yaml': trigger('f/hai/plain', 'post', 'hai/later').replace(
    'type: sync',
    'type: async',
  ),
  'f/hai/accepted.http_trigger.yaml': trigger('f/hai/accepted', 'put', 'hai/accepted'),
  'f/hai/key.http_trigger.yaml': trigger(
    'f/hai/plain',
    'post',
    'hai/key',
    'api_key',
    'authentication_resource_path: f/hai/key\n',
  ),
  'f/hai/key.resource.yaml':
    'resource_type: api_key_auth\nvalue: { api_key_header: X-Key, api_key_secret: $var:f/hai/key }\n',
  'f/hai/key.variable.yaml': 'value: sesame\nis_secret: false\n',
  'f/hai/signed.http_trigger.yaml': trigger('f/hai/plain', 'post', 'hai/signed', 'signature'),
})

let stack: TestStack
beforeAll(async () => {
  stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
})

interface Reply {
  status: number
  body: Record<string, unknown>
}

async function call(method: string, route: string, init: RequestInit = {}): Promise<Reply> {
  const headers = { ...(init.body ? { 'content-type': 'application/json' } : {}), ...init.headers }
  const response = await stack.request(`/api/r/${route}`, { ...init, method, headers })
  const text = await response.text()
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : { text } }
}

const NOBODY = { authorization: '' }

describe('an HTTP trigger', () => {
  it('hands path, query and body to the preprocessor of its script', async () => {
    const { status, body } = await call('GET', 'hai/tasks/01ABC/files/a/b.txt?full=yes')
    expect([status, body]).toEqual([
      200,
      {
        kind: 'http',
        method: 'get',
        route: 'hai/tasks/:id/files/*rest',
        path: 'hai/tasks/01ABC/files/a/b.txt',
        params: { id: '01ABC', rest: 'a/b.txt' },
        query: { full: 'yes' },
        body: {},
        trigger_path: 'f/hai/event',
        raw_string: null,
        authorized: true,
        user: 'operator',
        email: 'hai@example.com',
      },
    ])
  })

  it('keeps of the call only what the preprocessor returned', async () => {
    await call('GET', 'hai/tasks/01KEPT/files/a')
    const listed = await stack.request('/api/w/hai/jobs/list?script_path_exact=f/hai/event&per_page=1')
    const [{ id }] = (await listed.json()) as [{ id: string }]
    const job = await (await stack.request(`/api/w/hai/jobs_u/get/${id}`)).text()
    expect(JSON.parse(job).args).toEqual({
      seen: expect.objectContaining({ params: { id: '01KEPT', rest: 'a' } }),
    })
    expect(job).not.toContain(stack.token)
  })

  it('gives the body to a script without one, wrapped and raw if it is told to', async () => {
    const body = JSON.stringify({ title: 'a', other: 1 })
    expect((await call('POST', 'hai/tasks/first', { body })).body).toMatchObject({ title: 'a' })
    expect((await call('POST', 'hai/wrap', { body })).body).toMatchObject({
      body: { title: 'a', other: 1 },
      raw_string: body,
    })
    expect((await call('POST', 'hai/tasks/second', { body })).body).toMatchObject({
      params: { id: 'second' },
      body: { title: 'a', other: 1 },
    })
  })

  it('answers as its script shapes it, or with the id of the job', async () => {
    for (const route of ['hai/accepted', 'hai/accepted/']) {
      expect(await call('PUT', route, { body: '{}' })).toEqual({ status: 202, body: { ok: true } })
    }
    const later = await call('POST', 'hai/later', { body: '{"title":"a"}' })
    expect(later).toEqual({ status: 201, body: { text: expect.stringMatching(/^[0-9a-f-]{36}$/) } })
  })

  it('lets in whom it says: a token, a key, or everybody, who are then nobody', async () => {
    expect((await call('POST', 'hai/tasks/first', { headers: NOBODY, body: '{}' })).status).toBe(401)
    expect((await call('POST', 'hai/open', { headers: NOBODY, body: '{"title":"a"}' })).body).toMatchObject({
      user: 'HTTP-f/hai/open',
    })
    const keyed = (key: string) =>
      call('POST', 'hai/key', { headers: { ...NOBODY, 'x-key': key }, body: '{}' })
    expect((await keyed('sesam')).status).toBe(401)
    expect((await keyed('')).status).toBe(401)
    expect((await keyed('sesame')).body).toMatchObject({ user: 'HTTP-f/hai/key' })
    expect((await call('POST', 'hai/signed', { body: '{}' })).status).toBe(501)
  })

  it('takes a body of any type: what is no object is the body, what nobody knows is text or base64', async () => {
    const wrapped = async (body: NonNullable<RequestInit['body']>, type = 'application/json') =>
      (await call('POST', 'hai/wrap', { body, headers: { 'content-type': type } })).body
    expect(await wrapped('[1, 2]')).toMatchObject({ body: [1, 2], raw_string: '[1, 2]' })
    expect(await wrapped('a;b', 'text/plain')).toMatchObject({ body: {}, raw_string: 'a;b' })
    expect(await wrapped('a;b', 'text/csv')).toMatchObject({ body: {}, raw_string: 'a;b' })
    const bytes = new Uint8Array([0xff, 0x00, 0xfe])
    expect(await wrapped(bytes, 'application/octet-stream')).toMatchObject({ body: {}, raw_string: '/wD+' })
    expect((await call('POST', 'hai/all', { body: '[1]' })).body).toMatchObject({
      body: [1],
      raw_string: '[1]',
    })
    for (const body of ['{"a":', '{"a": hush }', 'hush', bytes]) {
      expect(await call('POST', 'hai/wrap', { body })).toEqual({
        ...{
          status: 400,
          body: { text: expect.stringMatching(/^Bad request: invalid (json|utf8)(?!.*hush)/) },
        },
      })
    }
    const typed = { headers: { 'content-type': 'application/json' } }
    expect(await call('GET', 'hai/rights', typed)).toMatchObject({ status: 200 })
    expect((await call('POST', 'hai/wrap', typed)).body).toMatchObject({ body: {}, raw_string: '' })
  })

  it('is not there for other routes and methods, and is there as soon as its file is', async () => {
    for (const [method, route] of [
      ['GET', 'hai/accepted'],
      ['POST', 'hai'],
      ['GET', 'hai/tasks//files/a'],
    ] as const) {
      expect((await call(method, route)).status).toBe(404)
    }
    const told = async (route: string) => JSON.stringify((await call('POST', route)).body)
    for (const near of ['hai/tasks//first', 'hai/tasks/tasks/first', 'hai/first', 'hai/tasks/first/first/'])
      expect(await told(near)).toContain(
        `POST ${near.replace(/\/$/, '')}; the nearest is /api/r/hai/tasks/first`,
      )
    for (const far of ['hai', 'hai/tasks/second/of', 'first/hai'])
      expect(await told(far)).not.toContain('nearest')
    write('f/hai/new.http_trigger.yaml', trigger('f/hai/accepted', 'get', 'hai/new'))
    await expect.poll(async () => (await call('GET', 'hai/new')).status).toBe(202)
  })
})

describe('a route of the bundle', () => {
  it.each([
    ['the operator', {}, 'operator'],
    ['a token with a label', { label: 'nas' }, 'label-nas'],
  ])('called by %s runs as a user who may run hai and reads its folder', async (_, grant, username) => {
    const made = await stack.request('/api/users/tokens/create', {
      method: 'POST',
      body: JSON.stringify(grant),
    })
    const headers = { authorization: `Bearer ${await made.text()}` }
    expect((await call('GET', 'hai/rights', { headers })).body).toEqual({
      who: [username, 'hai@example.com', 'u/hai'],
      may: [200, 200, 201],
      mayNot: Array.from({ length: 8 }, () => 403),
    })
  })

  it('has what it is sent resolved with his rights, and the text of a body left as it is', async () => {
    const body = JSON.stringify({ a: '$var:f/hai/key', b: 'say $var:f/hai/key' })
    const { body: seen } = await call('POST', 'hai/all?a=$var:f/hai/key', { body })
    expect(seen).toMatchObject({ body: { a: 'sesame', b: 'say $var:f/hai/key' }, query: { a: 'sesame' } })
    expect(seen.raw_string).toBe(body)
    const secret = '$var:u/operator/secret'
    for (const refused of [
      await call('POST', 'hai/all', { body: JSON.stringify({ a: [secret] }) }),
      await call('POST', 'hai/wrap', { body: JSON.stringify({ a: secret }) }),
      await call('POST', 'hai/wrap', { body: secret, headers: { 'content-type': 'text/plain' } }),
      await call('GET', `hai/tasks/1/files/a?b=${secret}`),
      await call('GET', `hai/tasks/1/files/${secret}`),
      await call('POST', 'hai/all', { body: '{"a":"$res:f/hai/leads"}' }),
      await call('GET', 'hai/tasks/1/files/a', { headers: { 'x-a': secret } }),
    ]) {
      expect(refused.status).toBe(422)
      expect(JSON.stringify(refused)).not.toContain('hush')
    }
  })

  it('wants the scope of its trigger, wherever the route leads', async () => {
    const scoped = async (...scopes: string[]) => {
      const made = await stack.request('/api/users/tokens/create', {
        method: 'POST',
        body: JSON.stringify({ scopes }),
      })
      return call('GET', 'hai/rights', { headers: { authorization: `Bearer ${await made.text()}` } })
    }
    for (const scope of ['f/hai/rights', 'f/hai/*']) {
      expect((await scoped(`http_triggers:read:${scope}`)).status).toBe(200)
    }
    for (const scope of ['http_triggers:read:hai/rights', 'jobs:run:scripts:f/hai/rights', 'jobs:run']) {
      expect(await scoped(scope)).toEqual({
        status: 403,
        body: { text: 'Permission denied: Access denied. Required scope: http_triggers:read:f/hai/rights' },
      })
    }
  })

  it('is his alone: nobody is made a user of that name', async () => {
    for (const user of [{ email: 'hai@example.com' }, { email: 'a@example.com', username: 'hai' }]) {
      const { status } = await stack.request('/api/w/hai/workspaces/add_user', {
        method: 'POST',
        body: JSON.stringify({ ...user, is_admin: true }),
      })
      expect(status).toBe(400)
    }
  })

  it('leaves what the operator has put behind a route of his own with his rights', async () => {
    expect((await call('GET', 'own')).body).toMatchObject({
      who: ['operator', 'operator@example.com', 'u/operator'],
    })
  })
})

describe('a preprocessor', () => {
  const run = async (query: string) => {
    const response = await stack.request(`/api/w/hai/jobs/run_wait_result/p/f/hai/event?${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-sign': 'me' },
      body: '{"seen":{"direct":true}}',
    })
    return (await response.json()) as Record<string, unknown>
  }

  it('sees all of a webhook call, and is skipped on demand', async () => {
    expect(await run('a=b&c=d&include_query=a')).toMatchObject({
      kind: 'webhook',
      query: { a: 'b', c: 'd' },
      body: { seen: { direct: true } },
      authorized: true,
    })
    expect(await run('skip_preprocessor=true')).toMatchObject({ direct: true })
  })

  it('fails its job when it returns no object', async () => {
    const { status, body } = await stack.call<{ error: { message: string } }>('f/hai/bad')
    expect([status, body.error.message]).toEqual([
      422,
      expect.stringContaining('the preprocessor returned no object'),
    ])
  })
})
