import { describe, expect, it } from 'vitest'
import { type CannedWorld, cannedWorld } from './canned-world.ts'
import { runHai } from './run-hai.ts'

const MEMBERS = {
  operator: { role: 'operator', usernames: ['operator'] },
  kim: { role: 'member', usernames: ['kim'] },
}
const USERS = ['operator', 'kim'].map((username) => ({ username, email: `${username}@example.com` }))
const MADE = 'made0123456789abcdef'

let world: CannedWorld
cannedWorld(
  (made) => {
    world = made
  },
  () => ({
    'config/show': () => ({ result: { settings: [{ name: 'members', value: MEMBERS, origin: {} }] } }),
    'users/whoami': () => ({ result: USERS[0] }),
    'users/list': () => ({ result: USERS }),
    // Windmill makes it without scopes, whatever is asked for
    '/api/users/tokens/impersonate': () => ({ status: 201, body: world.server.token }),
    '/api/users/tokens/create': () => ({ status: 201, body: MADE }),
    '/api/users/tokens/list': () => ({ result: [] }),
    '/api/users/tokens/delete/test-token': () => ({ status: 200, body: 'deleted' }),
  }),
)

const run = (...argv: string[]) => runHai(argv, { env: world.env })
const made = () =>
  world.server.calls.filter(({ path }) => path.startsWith('/api/users/tokens/')).map(({ path }) => path)

describe('a token for another on a server', () => {
  it('is made by one that ends at once, has the scopes and no label', async () => {
    expect(await run('auth', 'token', 'add', '--for', 'kim')).toMatchObject({ exit: 0, stdout: `${MADE}\n` })
    expect(made()).toEqual([
      '/api/users/tokens/impersonate',
      '/api/users/tokens/create',
      '/api/users/tokens/delete/test-token',
    ])
    const [acting] = world.server.callsOf('/api/users/tokens/impersonate')
    expect(acting!.args).toEqual({ impersonate_email: 'kim@example.com', expiration: expect.any(String) })
    const minutes = (Date.parse(String(acting!.args.expiration)) - Date.now()) / 60_000
    expect(minutes).toBeLessThanOrEqual(5)
    const [created] = world.server.callsOf('/api/users/tokens/create')
    expect(Object.keys(created!.args).sort()).toEqual(['expiration', 'scopes', 'workspace_id'])
  })

  it('is asked for once: what may have arrived is not sent again', async () => {
    world.server.doors['/api/users/tokens/create'] = () => 'hang up'
    const ran = await run('auth', 'token', 'add', '--for', 'kim')
    expect(ran).toMatchObject({ exit: 5, stdout: '' })
    expect(ran.stderr).toContain('whether it was done is not known')
    expect(made().filter((path) => path.endsWith('/create'))).toHaveLength(1)
    // the one that acted is ended all the same
    expect(made()).toContain('/api/users/tokens/delete/test-token')
  })

  it('is printed also where the one that made it could not be ended, which is said', async () => {
    world.server.doors['/api/users/tokens/delete/test-token'] = () => ({ status: 500, body: 'no' })
    const ran = await run('auth', 'token', 'add', '--for', 'kim')
    expect(ran).toMatchObject({ exit: 0, stdout: `${MADE}\n` })
    expect(ran.stderr).toContain('the token test-token…')
    expect(ran.stderr).not.toContain(world.server.token)
  })

  it.each([
    ['users/list', 403],
    ['/api/users/tokens/impersonate', 401],
    ['/api/users/tokens/impersonate', 403],
    ['/api/users/tokens/create', 403],
  ])('is not made, and how to is told, where %s answers %i', async (path, status) => {
    world.server.doors[path] = () => ({ status, body: 'Not authorized: require superadmin' })
    const ran = await run('auth', 'token', 'add', '--for', 'kim')
    expect(ran).toMatchObject({ exit: 4, stdout: '' })
    expect(ran.stderr).toContain('no token was made')
    expect(ran.stderr).toContain('does not let this token do it: Not authorized: require superadmin')
  })
})

it('says whose tokens it could not see, and claims nothing of them', async () => {
  world.server.doors['/api/users/tokens/impersonate'] = () => ({ status: 403, body: 'require superadmin' })
  expect(await run('auth', 'token', 'revoke', '--for', 'kim')).toMatchObject({
    exit: 4,
    stdout: '',
    stderr: expect.stringContaining("the tokens of kim can't be seen"),
  })
  const listed = await run('auth', 'token', 'ls')
  expect(listed).toMatchObject({ exit: 0, stdout: '' })
  expect(listed.stderr).toContain('not shown are the tokens of kim')
  const members = JSON.parse((await run('member', 'ls', '--json')).stdout).members
  expect(members.map(({ tokens }: { tokens: unknown }) => tokens)).toEqual([[], null])
})
