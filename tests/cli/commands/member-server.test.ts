import { describe, expect, it } from 'vitest'
import { CONTRACT } from '../../../f/hai/core/base/contract.ts'
import { type CannedWorld, cannedWorld } from '../canned-world.ts'
import { runHai } from '../run-hai.ts'

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

const HEALTH = {
  contract: CONTRACT,
  schema: { version: 1, expected: 1 },
  queue: { pending: 0, running: 0, awaiting_approval: 0 },
  problems: [],
}

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

describe('hai doctor on a server', () => {
  const seen = async (...users: object[]) => {
    world.server.doors['admin/health'] = () => ({ result: HEALTH })
    world.server.doors['model/list'] = () => ({ result: { default: null, models: [], offers: [] } })
    if (users.length > 0) world.server.doors['users/list'] = () => ({ result: users })
    const { stdout, exit } = await run('doctor')
    return { exit, lines: stdout.split('\n').filter((line) => / users: /.test(line)), stdout }
  }
  const operator = { ...USERS[0], is_admin: true, operator: false }
  const kim = { ...USERS[1], is_admin: false, operator: true, disabled: false }

  it('names everybody but the operator who may write scripts, with what to do', async () => {
    const lee = { username: 'lee', email: 'lee@example.com', is_admin: true, operator: false }
    const { lines, stdout, exit } = await seen(operator, { ...kim, operator: false }, lee)
    expect(lines).toEqual([
      "✗ users: kim (hai's member) may write scripts there, and with one read all keys and the whole database",
      '✗ users: lee (an admin, no member of hai) may write scripts there, and with one read all keys and the whole database',
    ])
    expect(stdout).toContain('→ give kim the role Operator in Windmill')
    expect(exit).toBe(11)
  })

  it('finds nothing in who runs what is there, or can not come in', async () => {
    const gone = { username: 'gone', email: 'gone@example.com', operator: false, disabled: true }
    const { lines } = await seen(operator, kim, gone)
    expect(lines).toEqual(["✓ users: 2 seen, none but the operator's own writes scripts"])
  })

  it('says nothing where it can not know: a server that tells no roles, scopes without users, no operator', async () => {
    expect((await seen(...USERS)).lines).toEqual([])
    for (const status of [401, 403]) {
      world.server.doors['users/list'] = () => ({ status, body: 'Required scope: users:read' })
      expect((await seen()).lines).toEqual([])
    }
    world.server.doors['config/show'] = () => ({
      status: 403,
      result: { error: { code: 'forbidden', message: 'kim is not the operator' } },
    })
    expect((await seen(operator, { ...kim, operator: false })).lines).toEqual([])
  })

  it('names who stands for two members', async () => {
    const problem =
      'members configuration (members.yaml, on Windmill u/operator/hai_members): nas.usernames: kim is kim already; one user name is one member; what was good before is in force'
    world.server.doors['admin/health'] = () => ({ result: { ...HEALTH, problems: [problem] } })
    const { stdout, exit } = await run('doctor')
    expect(stdout).toContain('✗ settings: u/operator/hai_members: nas.usernames: kim is kim already')
    expect(exit).toBe(11)
  })
})
