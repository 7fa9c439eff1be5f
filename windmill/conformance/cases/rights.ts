import assert from 'node:assert/strict'
import { ASKS } from '../scripts.ts'
import { type Case, LeftOut, type Server } from '../server.ts'

/** A server may look for new routes only once a minute. */
const ROUTE_PATIENCE_MS = 90_000
/** And keeps who a token's holder is for two. */
const LOGIN_PATIENCE_MS = 150_000

interface Trigger {
  path: string
  route: string
}

interface Wanted {
  name: string
  method: string
  script: string
  raw?: true
  /** Whose rights it has; whoever makes it when not given. */
  owner?: string
  /** Where the script lies, when not among this run's own. */
  at?: string
}

/** A variable until the end of the run. */
async function makeVariable(server: Server, path: string, value: string): Promise<string> {
  const variable = { path, value, is_secret: false, description: '' }
  assert.equal((await server.call('variables/create', { body: variable })).status, 201)
  server.cleanUp(() => server.call(`variables/delete/${path}`, { method: 'DELETE' }))
  return path
}

/** Makes an HTTP trigger of a script; its name tells it from others. */
async function makeTrigger(
  server: Server,
  { name, method, script, raw, owner, at = server.path(script) }: Wanted,
): Promise<Trigger> {
  const path = server.path(`trigger_${name}`)
  const route = `${path.split('/').pop()}/${script}`
  const trigger = {
    path,
    script_path: at,
    is_flow: false,
    route_path: route,
    http_method: 'post',
    request_type: 'sync',
    authentication_method: method,
    is_static_website: false,
    workspaced_route: false,
    wrap_body: raw ?? false,
    raw_string: raw ?? false,
    ...(owner ? { permissioned_as: `u/${owner}`, preserve_permissioned_as: true } : {}),
  }
  const { status, text } = await server.call('http_triggers/create', { body: trigger })
  if (status === 401 || status === 403) throw new LeftOut('only an admin makes HTTP triggers')
  assert.equal(status, 201, text)
  server.cleanUp(() => server.call(`http_triggers/delete/${path}`, { method: 'DELETE' }))
  return { path, route }
}

/** The answer of a route once the server knows it. */
async function firstAnswer(server: Server, route: string, call: { body: unknown; token: string }) {
  let answer: Awaited<ReturnType<Server['call']>> | undefined
  const asked = async () => {
    answer = await server.call(`/r/${route}`, call)
    return answer.status === 200
  }
  await server.until(asked, `the route ${route} is served`, ROUTE_PATIENCE_MS)
  return answer!
}

/** What a token may, and whom a job thinks it serves. */
export const RIGHTS_CASES: Case[] = [
  {
    name: 'says whose token it is, globally and in the workspace',
    async run(server) {
      const global = (await server.call('/users/whoami')).json as { email: string }
      const here = (await server.call('users/whoami')).json as { email: string; username: string }
      assert.equal(global.email, here.email)
      assert.equal(here.username, server.username)
    },
  },
  {
    name: 'names a job after the user, or after the label of the token',
    async run(server) {
      const who = async (label?: string) => {
        const token = label === undefined ? server.token : await server.makeToken({ label })
        const { json } = await server.wait('who', {}, { token })
        return (json as { WM_USERNAME: string }).WM_USERNAME
      }
      assert.equal(await who('laptop'), 'label-laptop')
      for (const label of ['webhook-x', 'http-x', 'email-x', 'ws-x']) assert.equal(await who(label), label)
      const unlabelled = await server.makeToken()
      const { json } = await server.wait('who', {}, { token: unlabelled })
      assert.equal((json as { WM_USERNAME: string }).WM_USERNAME, server.username)
    },
  },
  {
    name: 'names a job of a schedule after the schedule',
    async run(server) {
      const path = server.path('every_second')
      const target = { script_path: server.path('who'), is_flow: false, args: {}, enabled: true }
      const time = { schedule: '* * * * * *', timezone: 'Etc/UTC', cron_version: 'v2' }
      const { status, text } = await server.call('schedules/create', { body: { path, ...time, ...target } })
      assert.ok(status < 300, text)
      server.cleanUp(() => server.call(`schedules/delete/${path}`, { method: 'DELETE' }))
      let result: Record<string, string> | undefined
      await server.until(async () => {
        const { json } = await server.call(`jobs/completed/list?schedule_path=${path}`)
        const [job] = json as { id: string }[]
        if (job) result = (await server.completed(job.id)).result as Record<string, string>
        return job !== undefined
      }, 'the schedule ran')
      assert.match(result?.WM_USERNAME ?? '', /^schedule-/)
      await server.call(`schedules/setenabled/${path}`, { body: { enabled: false } })
    },
  },
  {
    name: 'names a job of an HTTP trigger after its caller, or after the trigger when anybody may call',
    async run(server) {
      const who = async (method: string, token: string) => {
        const { route } = await makeTrigger(server, { name: method, method, script: 'who' })
        const { json } = await firstAnswer(server, route, { body: {}, token })
        return (json as { WM_USERNAME: string }).WM_USERNAME
      }
      assert.equal(await who('windmill', server.token), server.username)
      assert.equal(await who('none', 'nobody'), `HTTP-${server.path('trigger_none')}`)
    },
  },
  {
    name: 'wants for an HTTP trigger the scope of its path, and brings the text of a body as it came',
    async run(server) {
      const named = await makeVariable(server, server.path('named'), 'found')
      const given = { name: 'sent', method: 'windmill', script: 'sent', raw: true } as const
      const { path, route } = await makeTrigger(server, given)
      const body = { a: `$var:${named}`, b: ['say $var:x'] }
      const token = await server.makeToken({ scopes: [`http_triggers:read:${path}`] })
      const { json } = await firstAnswer(server, route, { body, token })
      const { raw_string, ...seen } = json as { raw_string: string; body: unknown }
      assert.deepEqual(JSON.parse(raw_string), body)
      assert.deepEqual(seen, { body: { a: 'found', b: ['say $var:x'] } })
      const list = await server.call(`/r/${route}/`, { body: [1, { a: 2 }], token })
      assert.deepEqual(list.json, { body: [1, { a: 2 }], raw_string: '[1,{"a":2}]' })
      const csv = { body: 'a,b', headers: { 'content-type': 'text/csv' }, token }
      assert.deepEqual((await server.call(`/r/${route}`, csv)).json, { body: {}, raw_string: 'a,b' })
      assert.equal((await server.call(`/r/${route}`, { body: '{"a":', token })).status, 400)
      const head = await server.call(`/r/${route}`, { method: 'HEAD', token: 'nobody' })
      assert.deepEqual([head.status, head.text], [200, ''])
      for (const scope of [`http_triggers:read:${route}`, `jobs:run:scripts:${server.path('sent')}`]) {
        const other = await server.makeToken({ scopes: [scope] })
        const refused = await server.call(`/r/${route}`, { body, token: other })
        assert.equal(refused.status, 403)
        assert.match(refused.text, new RegExp(`Required scope: http_triggers:read:${path}`))
      }
    },
  },
  {
    name: 'tells a job its own id, workspace and state path',
    async run(server) {
      const id = await server.start('who')
      const result = (await server.completed(id)).result as Record<string, string>
      assert.deepEqual([result.WM_JOB_ID, result.WM_WORKSPACE], [id, server.workspace])
      assert.equal(result.WM_STATE_PATH, `${server.path('who')}/user`)
    },
  },
  {
    name: 'holds a token to its scopes',
    async run(server) {
      const token = await server.makeToken({ scopes: [`jobs:run:scripts:${server.path('double')}`] })
      assert.equal((await server.wait('double', { n: 1 }, { token })).status, 200)
      assert.ok([401, 403].includes((await server.wait('nothing', {}, { token })).status))
      for (const path of ['variables/list', 'resources/list']) {
        assert.ok([401, 403].includes((await server.call(path, { token })).status), path)
      }
      const body = { content: 'export async function main() {}', language: 'bun', args: {} }
      assert.ok([401, 403].includes((await server.call('jobs/run/preview', { token, body })).status))
    },
  },
  {
    name: 'knows a token that was made for the workspace in the workspace alone',
    async run(server) {
      const token = await server.makeToken({ workspace_id: server.workspace })
      assert.equal((await server.call('users/whoami', { token })).status, 200)
      assert.equal((await server.call('/users/whoami', { token })).status, 401)
    },
  },
  {
    name: 'gives whoever calls an HTTP trigger at most a token of its owner’s',
    async run(server) {
      const path = await makeVariable(server, server.path('owned'), 'kept')
      const { route } = await makeTrigger(server, { name: 'asks', method: 'none', script: 'asks' })
      const body = { a: { opens: `$var:${path}`, token: '$WM_TOKEN' } }
      assert.equal((await firstAnswer(server, route, { body, token: 'nobody' })).json, server.username)
      const missing = { a: { opens: `$var:${server.path('none')}`, token: '$WM_TOKEN' } }
      const refused = await server.call(`/r/${route}`, { body: missing, token: 'nobody' })
      assert.equal(refused.status, 422)
      assert.doesNotMatch(refused.text, /kept|eyJ/)
    },
  },
  {
    name: 'shows a second user nothing of the first’s by a text, and at most gives a token of one’s own',
    async run(server) {
      const { username, token } = await server.secondUser('second')
      const at = `u/${username}/asks`
      await server.deploy('asks_second', ASKS, { path: at })
      const ask = (opens: string) => {
        const body = { a: { opens: `$var:${opens}`, token: '$WM_TOKEN' } }
        return server.call(`jobs/run_wait_result/p/${at}`, { body, token })
      }
      const own = await makeVariable(server, `u/${username}/own`, 'theirs')
      assert.equal((await ask(own)).json, username)
      const hidden = await makeVariable(server, server.path('hidden'), 'hush')
      for (const path of [hidden, server.path('missing')]) {
        const refused = await ask(path)
        assert.equal(refused.status, 422)
        assert.doesNotMatch(refused.text, /hush|eyJ/)
      }
    },
  },
  {
    name: 'runs a route as the user whom an admin gave it, and shows through it nothing of whoever calls',
    async run(server) {
      const { username } = await server.secondUser('service')
      const at = `u/${username}/asks`
      const owner = username
      await server.deploy('asks_service', ASKS, { path: at })
      const { path, route } = await makeTrigger(server, {
        name: 'given',
        method: 'windmill',
        script: 'asks',
        owner,
        at,
      })
      const { json } = await server.call(`http_triggers/get/${path}`)
      assert.equal((json as { permissioned_as: string }).permissioned_as, `u/${username}`)
      const own = await makeVariable(server, `u/${username}/own`, 'theirs')
      const asked = (opens: string) => ({
        body: { a: { opens: `$var:${opens}`, token: '$WM_TOKEN' } },
        token: server.token,
      })
      assert.equal((await firstAnswer(server, route, asked(own))).json, username)
      const hidden = await makeVariable(server, server.path('callers'), 'hush')
      const refused = await server.call(`/r/${route}`, asked(hidden))
      assert.equal(refused.status, 422)
      assert.doesNotMatch(refused.text, /hush|eyJ/)
    },
  },
  {
    name: 'ends a token at its time, and when it is deleted',
    async run(server) {
      const expiration = new Date(Date.now() + 2_000).toISOString()
      const short = await server.makeToken({ expiration })
      await server.until(
        async () => (await server.call('/users/whoami', { token: short })).status === 401,
        'it ended',
        LOGIN_PATIENCE_MS,
      )
      const token = await server.makeToken()
      await server.call(`/users/tokens/delete/${token.slice(0, 10)}`, { method: 'DELETE' })
      const status = async () => (await server.call('/users/whoami', { token })).status
      await server.until(
        async () => (await status()) === 401,
        'the deleted token is refused',
        LOGIN_PATIENCE_MS,
      )
    },
  },
]
