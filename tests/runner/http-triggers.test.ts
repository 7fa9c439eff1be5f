import { beforeAll, describe, expect, inject, it } from 'vitest'
import { startStack, type TestStack } from '../support/stack.ts'
import { bundleFolder } from './bundle-folder.ts'

const trigger = (script: string, method: string, route: string, auth = 'windmill', more = '') =>
  `script_path: ${script}\nis_flow: false\nroute_path: ${route}\nhttp_method: ${method}\nrequest_type: sync\nauthentication_method: ${auth}\nis_static_website: false\nworkspaced_route: false\nwrap_body: false\nraw_string: false\n${more}`
const { root, write } = bundleFolder({
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
  'f/hai/wrap.http_trigger.yaml': trigger('f/hai/plain', 'post', 'hai/wrap', 'windmill').replace(
    'wrap_body: false\nraw_string: false',
    'wrap_body: true\nraw_string: true',
  ),
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
  const headers = { 'content-type': 'application/json', ...init.headers }
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
        path: '/api/r/hai/tasks/01ABC/files/a/b.txt',
        params: { id: '01ABC', rest: 'a/b.txt' },
        query: { full: 'yes' },
        body: {},
        trigger_path: 'f/hai/event',
        raw_string: null,
        authorized: true,
        user: 'operator',
        email: 'operator@example.com',
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
    expect(await call('PUT', 'hai/accepted', { body: '{}' })).toEqual({ status: 202, body: { ok: true } })
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

  it('resolves no reference for somebody who may not read', async () => {
    const body = JSON.stringify({ title: '$var:f/hai/key' })
    const { status, body: answer } = await call('POST', 'hai/open', { headers: NOBODY, body })
    expect(status).toBe(422)
    expect(JSON.stringify(answer)).not.toContain('sesame')
  })

  it('is not there for other routes and methods, and is there as soon as its file is', async () => {
    for (const [method, route] of [
      ['GET', 'hai/accepted'],
      ['POST', 'hai'],
      ['GET', 'hai/tasks//files/a'],
    ] as const) {
      expect((await call(method, route)).status).toBe(404)
    }
    write('f/hai/new.http_trigger.yaml', trigger('f/hai/accepted', 'get', 'hai/new'))
    await expect.poll(async () => (await call('GET', 'hai/new')).status).toBe(202)
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

  it('sees of a webhook call what the query names, and is skipped on demand', async () => {
    expect(await run('a=b&c=d&include_query=a')).toMatchObject({
      kind: 'webhook',
      query: { a: 'b' },
      body: { seen: { direct: true } },
      authorized: false,
    })
    expect(await run('skip_preprocessor=true')).toMatchObject({ direct: true })
  })

  it('that returns no object fails its job', async () => {
    const { status, body } = await stack.call<{ error: { message: string } }>('f/hai/bad')
    expect([status, body.error.message]).toEqual([
      422,
      expect.stringContaining('the preprocessor returned no object'),
    ])
  })
})
