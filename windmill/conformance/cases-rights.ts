import assert from 'node:assert/strict'
import { type Case, LeftOut } from './case.ts'
import type { Server } from './server.ts'

/** A server may look for new routes only once a minute. */
const ROUTE_PATIENCE_MS = 90_000

/** Makes an HTTP trigger of the script that says who it serves; its route. */
async function makeTrigger(server: Server, method: string): Promise<string> {
  const path = server.path(`trigger_${method}`)
  const route = `${path.split('/').pop()}/who`
  const trigger = {
    path,
    script_path: server.path('who'),
    is_flow: false,
    route_path: route,
    http_method: 'post',
    request_type: 'sync',
    authentication_method: method,
    is_static_website: false,
    workspaced_route: false,
    wrap_body: false,
    raw_string: false,
  }
  const { status, text } = await server.call('http_triggers/create', { body: trigger })
  if (status === 401 || status === 403) throw new LeftOut('only an admin makes HTTP triggers')
  assert.equal(status, 201, text)
  server.cleanUp(() => server.call(`http_triggers/delete/${path}`, { method: 'DELETE' }))
  return route
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
    name: 'names a job after the user, or after the label of his token',
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
        const route = await makeTrigger(server, method)
        let user: string | undefined
        const asked = async () => {
          const { json } = await server.call(`/r/${route}`, { body: {}, token })
          user = (json as { WM_USERNAME?: string } | undefined)?.WM_USERNAME
          return user !== undefined
        }
        await server.until(asked, `the route ${route} is served`, ROUTE_PATIENCE_MS)
        return user
      }
      assert.equal(await who('windmill', server.token), server.username)
      assert.equal(await who('none', 'nobody'), `HTTP-${server.path('trigger_none')}`)
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
    name: 'ends a token at its time, and when it is deleted',
    async run(server) {
      const expiration = new Date(Date.now() + 2_000).toISOString()
      const short = await server.makeToken({ expiration })
      await server.until(
        async () => (await server.call('/users/whoami', { token: short })).status === 401,
        'it ended',
      )
      const token = await server.makeToken()
      await server.call(`/users/tokens/delete/${token.slice(0, 10)}`, { method: 'DELETE' })
      const status = async () => (await server.call('/users/whoami', { token })).status
      await server.until(async () => (await status()) === 401, 'the deleted token is refused')
    },
  },
]
