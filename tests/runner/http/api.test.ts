import { request as httpRequest } from 'node:http'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { startStack, type TestStack } from '../../support/stack.ts'
import { bundleFolder } from '../bundle-folder.ts'

const { root } = bundleFolder({
  'f/hai/echo.ts':
    'export function main(a: any, b: string = "default", when?: Date) { return { a, b, day: when?.getUTCDate(), isDate: when instanceof Date } }',
  'f/hai/nothing.ts': 'export function main() {}',
  'f/hai/shaped.ts': 'export function main(shape: any) { return shape }',
  'f/hai/throws.ts': 'export function main() { throw new Error("no") }',
  'f/hai/who.ts':
    'export function main() { return { user: process.env.WM_USERNAME, email: process.env.WM_EMAIL, path: process.env.WM_JOB_PATH, flow: process.env.WM_FLOW_PATH } }',
  'f/hai/prints.ts':
    'export function main() { console.log("one"); process.stderr.write("two\\n"); return 1 }',
})

let stack: TestStack
const RUN = '/api/w/hai/jobs/run/p/f/hai/'
const WAIT = '/api/w/hai/jobs/run_wait_result/p/f/hai/'
const JSON_TYPE = { 'content-type': 'application/json' }

beforeAll(async () => {
  stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
})

async function text(path: string, init?: RequestInit): Promise<[number, string]> {
  const response = await stack.request(path, init)
  return [response.status, await response.text()]
}

function post(path: string, body: string, headers: Record<string, string> = JSON_TYPE) {
  return text(path, { method: 'POST', headers, body })
}

async function get(path: string): Promise<unknown> {
  return (await stack.request(`/api/w/hai/${path}`)).json()
}

async function completed(id: string): Promise<Record<string, unknown>> {
  const path = `jobs_u/completed/get/${id}`
  const status = async () => (await stack.request(`/api/w/hai/${path}`)).status
  await expect.poll(status).toBe(200)
  return (await get(path)) as Record<string, unknown>
}

describe('authentication', () => {
  it('tells the version to anybody, and nothing else', async () => {
    expect(await text('/api/version', { headers: { authorization: '' } })).toEqual([200, 'CE v1.818.0'])
    for (const path of ['/api/users/whoami', '/api/w/hai/jobs/list', '/api/nope', '/']) {
      expect((await text(path, { headers: { authorization: '' } }))[0]).toBe(401)
    }
  })

  it('tells a chat client that was given this address where its own is, whatever its token', async () => {
    for (const path of ['/v1', '/v1/models', '/v1//models/', '/chat/completions'])
      for (const authorization of ['', 'Bearer wrong', `Bearer ${stack.token}`]) {
        const [status, said] = await text(path, { headers: { authorization } })
        expect(status, path).toBe(404)
        expect(said).toContain('hai status')
      }
  })

  it('refuses a wrong token before it has read the body', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { authorization: 'Bearer wrong', 'content-length': '1000000', ...JSON_TYPE }
      const url = `${stack.endpoint}${WAIT}echo`
      const call = httpRequest(url, { method: 'POST', headers }, (response) => {
        resolve(response.statusCode)
        call.destroy()
      })
      call.on('error', reject)
      // Only the first byte of the body ever comes.
      call.write('{')
    })
    expect(status).toBe(401)
  })

  it('accepts the token as bearer only, as a cookie is sent by any page and an address is logged', async () => {
    const whoami = '/api/users/whoami'
    expect((await text(whoami))[0]).toBe(200)
    const none = { authorization: '' }
    expect((await text(`${whoami}?token=${stack.token}`, { headers: none }))[0]).toBe(401)
    expect((await text(whoami, { headers: { ...none, cookie: `a=b; token=${stack.token}` } }))[0]).toBe(401)
  })

  it('serves no page of another place, and no other name of this machine', async () => {
    const version = async (headers: Record<string, string>) => {
      const { port } = new URL(stack.endpoint)
      return new Promise<number | undefined>((resolve, reject) => {
        const call = httpRequest({ port, host: '127.0.0.1', path: '/api/version', headers }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode))
        })
        call.on('error', reject).end()
      })
    }
    const host = new URL(stack.endpoint).host
    expect(await version({ host })).toBe(200)
    expect(await version({ host: 'LOCALHOST:1' })).toBe(200)
    expect(await version({ host, origin: stack.endpoint })).toBe(200)
    expect(await version({ host: 'rebound.example.com' })).toBe(403)
    expect(await version({ host: `127.0.0.1.example.com` })).toBe(403)
    expect(await version({ host, origin: 'https://example.com' })).toBe(403)
    expect(await version({ host, origin: 'null' })).toBe(403)
  })

  it('answers a large body that no route reads', async () => {
    for (let n = 0; n < 30; n += 1) {
      const body = 'x'.repeat(200_000)
      expect((await text('/api/w/hai/nowhere', { method: 'DELETE', body }))[0]).toBe(501)
      expect(
        (
          await text('/api/w/hai/nowhere', {
            method: 'DELETE',
            body,
            headers: { authorization: 'Bearer no' },
          })
        )[0],
      ).toBe(401)
    }
  })

  it('knows the operator, globally and in the workspace, and no other workspace', async () => {
    const global = await (await stack.request('/api/users/whoami')).json()
    expect(global).toMatchObject({ username: 'operator', email: 'operator@example.com', is_admin: true })
    expect(await (await stack.request('/api/w/hai/users/whoami')).json()).toEqual(global)
    const [status, body] = await text('/api/w/other/users/whoami')
    expect([status, body]).toEqual([404, expect.stringContaining('Not found: workspace other')])
  })
})

describe('arguments', () => {
  it('spreads them by name, drops unknown ones, keeps defaults and makes dates', async () => {
    const { body } = await stack.call('f/hai/echo', { zzz: 1, when: '2026-11-22T07:00:00Z', a: [1] })
    expect(body).toEqual({ a: [1], b: 'default', day: 22, isDate: true })
  })

  it('takes bodies by their content type, as Windmill does', async () => {
    const a = async (body: string, headers: Record<string, string>, path = 'echo') => {
      const [status, answer] = await post(`${WAIT}${path}`, body, headers)
      return status === 200 ? JSON.parse(answer).a : [status, answer]
    }
    expect(await a('a=x&b=y', { 'content-type': 'application/x-www-form-urlencoded' })).toBe('x')
    expect(await a('{"a":1}', { 'content-type': 'application/json; charset=utf-8' })).toBe(1)
    expect(await a('', { 'content-type': '' })).toBe(null)
    expect(await a('', JSON_TYPE)).toBe(null)
    expect(await a('', { 'content-type': 'application/json; charset=utf-8' })).toBe(null)
    expect(await a(' ', JSON_TYPE)).toEqual([400, expect.stringMatching(/^Bad request: invalid json: /)])
    // the whole body as it came is for who asks for it, and no argument
    expect(await a('{"a":1}', { 'content-type': 'application/weird' })).toBe(null)
    expect(await a('[1,2]', JSON_TYPE, 'echo?include_query=absent')).toBe(null)
    expect(await a('{"a":', JSON_TYPE)).toEqual([400, expect.stringMatching(/^Bad request: invalid json: /)])
    expect(await a('{}', { ...JSON_TYPE, 'x-sign': 'me' }, 'echo?include_header=a,X-Sign')).toBe(null)
    expect(await a('{}', JSON_TYPE, 'echo?a=from-query&include_query=a')).toBe('from-query')
  })

  it('takes the payload of a GET', async () => {
    const payload = encodeURIComponent(Buffer.from('{"a":"ünï"}').toString('base64'))
    expect(JSON.parse((await text(`${WAIT}echo?payload=${payload}`))[1]).a).toBe('ünï')
  })

  it('accepts a path whose slashes are encoded', async () => {
    const path = '/api/w/hai/jobs/run_wait_result/p/f%2Fhai%2Fnothing'
    expect(await post(path, '{}')).toEqual([200, 'null'])
  })

  it('refuses a body over 12 MB and takes one just below', async () => {
    const big = JSON.stringify({ a: 'x'.repeat(13 * 1024 * 1024) })
    expect((await post(`${WAIT}nothing`, big))[0]).toBe(413)
    expect((await post(`${WAIT}nothing`, big, { ...JSON_TYPE, authorization: 'Bearer wrong' }))[0]).toBe(401)
    const fits = JSON.stringify({ a: 'x'.repeat(11 * 1024 * 1024) })
    expect((await post(`${WAIT}nothing`, fits))[0]).toBe(200)
  })
})

describe('jobs', () => {
  it('runs asynchronously: 201 with a time-ordered id, then the job, its result and its logs', async () => {
    const [status, id] = await post(`${RUN}prints`, '{}')
    expect([status, id]).toEqual([201, expect.stringMatching(/^[0-9a-f-]{14}7[0-9a-f-]{21}$/)])
    const job = await completed(id)
    expect(job).not.toHaveProperty('type')
    expect(job).toMatchObject({
      id,
      script_path: 'f/hai/prints',
      success: true,
      canceled: false,
      created_by: 'operator',
      permissioned_as: 'u/operator',
      job_kind: 'script',
      result: 1,
      tag: 'bun',
    })
    expect((await text(`/api/w/hai/jobs_u/get_logs/${id}`))[1]).toMatch(/^(one\ntwo|two\none)\n$/)
    expect(await text(`/api/w/hai/jobs_u/completed/get_result/${id}`)).toEqual([200, '1'])
    const maybe = await get(`jobs_u/completed/get_result_maybe/${id}?get_started=true`)
    expect(maybe).toEqual({ completed: true, success: true, started: true, result: 1 })
    expect(await get(`jobs_u/getupdate/${id}?running=false&log_offset=4`)).toEqual({
      running: false,
      completed: true,
      new_logs: 'two\n',
      log_offset: 8,
      stream_offset: 0,
    })
    const [, later] = await post(`${RUN}nothing`, '{}')
    expect(later.slice(0, 13) >= id.slice(0, 13)).toBe(true)
  })

  it('keeps the failure that only the sync route unwraps', async () => {
    const shape = {
      wm_failure: 'no such todo',
      windmill_status_code: 404,
      result: { error: { code: 'not_found' } },
    }
    const [, id] = await post(`${RUN}shaped`, JSON.stringify({ shape }))
    expect(await completed(id)).toMatchObject({
      success: false,
      result: {
        error: { name: 'ManualFailure', message: 'no such todo' },
        result: { error: { code: 'not_found' } },
      },
    })
  })

  it('refuses a job id that was used, or is none', async () => {
    const id = '01a20239-18a3-79ed-a02f-0fef1cdf6374'
    expect(await post(`${RUN}nothing?job_id=${id}`, '{}')).toEqual([201, id])
    expect((await post(`${RUN}nothing?job_id=${id}`, '{}'))[0]).toBe(400)
    for (const field of ['job_id', 'parent_job', 'root_job'])
      expect(await post(`${RUN}nothing?${field}=seven`, '{}')).toEqual([
        400,
        expect.stringContaining(`${field} "seven" is not a UUID`),
      ])
  })

  it('holds a job until its time, and lets it be cancelled before', async () => {
    const [, id] = await post(`${RUN}nothing?scheduled_in_secs=3600`, '{}')
    const job = (await get(`jobs_u/get/${id}`)) as { scheduled_for: string; created_at: string }
    expect(job).toMatchObject({ type: 'QueuedJob', running: false })
    expect(Date.parse(job.scheduled_for) - Date.parse(job.created_at)).toBeGreaterThan(3_599_000)
    expect((await stack.request(`/api/w/hai/jobs_u/completed/get/${id}`)).status).toBe(404)
    expect((await post(`/api/w/hai/jobs_u/queue/cancel/${id}`, '{"reason":"not needed"}'))[0]).toBe(200)
    expect((await completed(id)).result).toEqual({
      error: {
        name: 'Canceled',
        message: 'Job canceled: not needed by operator',
        reason: 'not needed',
        canceler: 'operator',
      },
    })
    const [, soon] = await post(
      `${RUN}nothing?scheduled_for=${new Date(Date.now() + 200).toISOString()}`,
      '{}',
    )
    const { created_at, started_at } = (await completed(soon)) as { created_at: string; started_at: string }
    expect(Date.parse(started_at) - Date.parse(created_at)).toBeGreaterThanOrEqual(150)
    expect((await post(`${RUN}nothing?scheduled_for=whenever`, '{}'))[0]).toBe(400)
  })

  it('lists jobs newest first, by the filters it knows, and refuses others by name', async () => {
    const [, parent] = await post(`${RUN}nothing`, '{}')
    const [, child] = await post(`${RUN}throws?parent_job=${parent}`, '{}')
    await completed(child)
    const ids = async (query: string) => {
      const jobs = (await get(`jobs/${query}`)) as { id: string }[]
      return jobs.map(({ id }) => id)
    }
    expect((await ids('list?per_page=2')).slice(0, 2)).toEqual([child, parent])
    expect(await ids('list?per_page=1&page=2')).toEqual([parent])
    expect(await ids(`list?parent_job=${parent}&script_path_exact=f/hai/throws&success=false`)).toEqual([
      child,
    ])
    expect(await ids(`completed/list?parent_job=${parent}&status=success`)).toEqual([])
    expect(await text('/api/w/hai/jobs/list?result=x')).toEqual([
      501,
      expect.stringContaining('filter result'),
    ])
  })

  it('keeps the progress that a job tells, and what the steps of a flow keep for each other', async () => {
    const [, id] = await post(`${RUN}nothing?scheduled_in_secs=3600`, '{}')
    expect(await get(`job_metrics/get_progress/${id}`)).toBe(null)
    for (const percent of [40, 20, 100]) {
      await post(`/api/w/hai/job_metrics/set_progress/${id}`, JSON.stringify({ percent }))
    }
    expect(await get(`job_metrics/get_progress/${id}`)).toBe(99)
    expect(await get(`jobs_u/getupdate/${id}`)).toMatchObject({ progress: 99 })
    const states = `jobs/flow/user_states/${id}`
    expect(await get(`${states}/seen`)).toBe(null)
    await post(`/api/w/hai/${states}/seen`, '["a"]')
    expect(await get(`${states}/seen`)).toEqual(['a'])
    await post(`/api/w/hai/jobs_u/queue/cancel/${id}`, '{}')
  })

  it('names what does not exist or is not implemented', async () => {
    expect(await post(`${WAIT}nope`, '{}')).toEqual([404, 'Not found: script f/hai/nope not found'])
    for (const path of ['../../etc/passwd', 'f/hai/../hai/echo', 'f/hai/echo.ts', 'tests/x', 'f/hai/']) {
      const encoded = encodeURIComponent(path)
      expect((await post(`/api/w/hai/jobs/run_wait_result/p/${encoded}`, '{}'))[0]).toBe(404)
    }
    expect((await text(`/api/w/hai/jobs_u/get/01a20239-0000-79ed-a02f-0fef1cdf6374`))[0]).toBe(404)
    expect(await post('/api/w/hai/apps/create', '{}')).toEqual([
      501,
      'not implemented by the local runner: POST /api/w/hai/apps/create',
    ])
    expect((await text('/api/w/hai/jobs/resume_urls/01a20239-0000-79ed-a02f-0fef1cdf6374/1'))[0]).toBe(501)
    expect((await text('/api/w/hai/jobs/run/p/f/hai/echo'))[0]).toBe(501)
  })

  it('tells a script who called it, in the environment', async () => {
    expect((await stack.call('f/hai/who')).body).toEqual({
      user: 'operator',
      email: 'operator@example.com',
      path: 'f/hai/who',
      flow: '',
    })
  })
})
