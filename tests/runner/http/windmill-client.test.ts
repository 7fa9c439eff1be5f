import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { startStack, type TestStack } from '../../support/stack.ts'
import { bundleFolder } from '../bundle-folder.ts'

const { root } = bundleFolder({
  'f/other/state.ts': `import * as wmill from 'windmill-client'
export async function main() {
  const before = await wmill.getState()
  await wmill.setState({ count: (before?.count ?? 0) + 1 })
  return wmill.getState()
}`,
  'f/other/caller.ts': `import * as wmill from 'windmill-client'
export async function main(n: number) {
  const answer = await wmill.runScriptByPath('f/hai/double', { n })
  return { answer, me: (await wmill.UserService.whoami({ workspace: process.env.WM_WORKSPACE! })).username }
}`,
  'f/hai/double.ts': `export function main(n: number) {
  if (n < 0) throw new Error('no negative numbers')
  return { twice: 2 * n, parent: process.env.WM_ROOT_JOB_ID !== process.env.WM_JOB_ID }
}`,
  'f/hai/wait.ts': 'export async function main() { await new Promise(() => {}) }',
  'f/hai/greeting.variable.yaml': 'value: hello\nis_secret: false\ndescription: a greeting\n',
  'f/hai/secret.variable.yaml': 'value: hush\nis_secret: true\n',
  'f/hai/chat.resource.yaml':
    'resource_type: c_chat\nvalue:\n  token: $var:f/hai/secret\n  nested: { rooms: [a, $var:f/hai/greeting] }\n',
  'u/operator/loop.resource.yaml': 'resource_type: any\nvalue: { again: $res:u/operator/loop }\n',
  'u/operator/dangling.resource.yaml': 'resource_type: any\nvalue: { a: $var:f/hai/none }\n',
  'f/hai/worker/sweep.ts': 'export function main() {}',
  'f/hai/worker/sweep.schedule.yaml':
    'schedule: 0 * * * * *\ntimezone: Etc/UTC\ncron_version: v2\nscript_path: f/hai/worker/sweep\nis_flow: false\nenabled: true\nargs: {}\n',
})

type Client = typeof import('windmill-client')

let stack: TestStack
let client: Client

beforeAll(async () => {
  stack = await startStack({ bundle: root, databaseUrl: inject('databaseUrl') })
  // The client reads these when it is loaded.
  process.env.WM_WORKSPACE = stack.workspace
  process.env.WM_TOKEN = stack.token
  process.env.BASE_INTERNAL_URL = stack.endpoint
  client = await import('windmill-client')
})

describe('the real windmill-client', () => {
  it('runs scripts, and throws what they threw', async () => {
    expect(await client.runScriptByPath('f/hai/double', { n: 4 })).toMatchObject({ twice: 8 })
    await expect(client.runScriptByPath('f/hai/double', { n: -1 })).rejects.toThrow('no negative numbers')
    const none = { workspace: 'hai', path: 'f/hai/none', requestBody: {} }
    await expect(client.JobService.runScriptByPath(none)).rejects.toMatchObject({ status: 404 })
  })

  it('starts scripts for later and cancels them', async () => {
    const id = await client.runScriptByPathAsync('f/hai/wait', {}, 60)
    await client.cancelJob(id, 'changed my mind')
    await expect(client.waitJob(id)).rejects.toThrow(/was not successful.*changed my mind/)
  })

  it('reads variables and sets them, those of the files too', async () => {
    expect(await client.getVariable('f/hai/greeting')).toBe('hello')
    await client.setVariable('f/hai/greeting', 'good evening')
    await client.setVariable('u/operator/new', 'value', true)
    expect(await client.getVariable('f/hai/greeting')).toBe('good evening')
    expect(await client.getVariable('u/operator/new')).toBe('value')
    await expect(client.getVariable('f/hai/none')).rejects.toThrow('Not found: variable f/hai/none not found')
    const listed = await client.VariableService.listVariable({ workspace: 'hai' })
    expect(listed.map(({ path, value }) => [path, value])).toEqual([
      ['f/hai/greeting', 'good evening'],
      ['f/hai/secret', null],
      ['u/operator/new', null],
    ])
  })

  it('reads resources with their references resolved, and sets them', async () => {
    expect(await client.getResource('f/hai/chat')).toEqual({
      token: 'hush',
      nested: { rooms: ['a', 'good evening'] },
    })
    const { ResourceService } = client
    const raw = await ResourceService.getResourceValue({ workspace: 'hai', path: 'f/hai/chat' })
    expect(raw).toMatchObject({ token: '$var:f/hai/secret' })
    await client.setResource({ a: 1 }, 'f/hai/mine', 'any')
    await client.setResource({ a: 2 }, 'f/hai/mine')
    expect(await client.getResource('f/hai/mine')).toEqual({ a: 2 })
    expect(await client.getResource('f/hai/none', true)).toBeUndefined()
    await expect(client.getResource('u/operator/loop')).rejects.toThrow('indicates a circular')
    await expect(client.getResource('u/operator/dangling')).rejects.toThrow('variable f/hai/none not found')
    await expect(client.setResource({}, 'f/hai/../etc', 'any')).rejects.toMatchObject({ status: 400 })
  })

  it('lists schedules', async () => {
    const [sweep] = await client.ScheduleService.listSchedules({ workspace: 'hai' })
    expect(sweep).toMatchObject({
      path: 'f/hai/worker/sweep',
      script_path: 'f/hai/worker/sweep',
      enabled: true,
    })
  })

  it('works inside a script, with a token of the job: state, and running other scripts as the same caller', async () => {
    expect((await stack.call('f/other/state')).body).toEqual({ count: 1 })
    expect((await stack.call('f/other/state')).body).toEqual({ count: 2 })
    const { body } = await stack.call('f/other/caller', { n: 5 })
    expect(body).toEqual({ answer: { twice: 10, parent: true }, me: 'operator' })
  })

  it('finds after a restart what was set, in a file that only the owner reads', async () => {
    const file = join(stack.instance.data_dir, 'state.json')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const state = JSON.parse(readFileSync(file, 'utf8'))
    expect(state.variables['u/operator/new'].value).toBe('value')
    expect(state.resources['f/other/state/user'].value).toEqual({ count: 2 })
  })
})
