import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { hai } from '../../support/hai.ts'
import { startStack, type TestStack } from '../../support/stack.ts'
import { runHai } from '../run-hai.ts'

const db = testDatabase()
let stack: TestStack
let file: string
beforeAll(async () => {
  stack = await startStack({ databaseUrl: db.url })
  file = join(stack.env.XDG_CONFIG_HOME!, 'hai', 'members.yaml')
  mkdirSync(join(file, '..'), { recursive: true })
})

const FILE = `# who may call
kim: { role: member, usernames: [kim] } # upstairs
alerts:
  role: machine
  usernames: [alerts]
`
const run = (...argv: string[]) => runHai(argv, { env: stack.env })
const text = () => readFileSync(file, 'utf8')

/** The token that a command printed: nothing else is on stdout. */
async function tokenOf(...argv: string[]): Promise<string> {
  const ran = await run('auth', 'token', 'add', ...argv)
  expect(ran).toMatchObject({ exit: 0, stdout: expect.stringMatching(/^[\w-]{20,}\n$/) })
  expect(ran.stderr).not.toContain(ran.stdout.trim())
  return ran.stdout.trim()
}

async function ask(path: string, token: string, body?: unknown): Promise<number> {
  const { status } = await stack.request(path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return status
}
const door = (path: string, token: string, args: object = {}) =>
  ask(`/api/w/hai/jobs/run_wait_result/p/f/hai/${path}`, token, args)

/** A machine of somebody else's, which has a profile and his token, and nothing of this one. */
async function elsewhere(token: string) {
  const home = join(stack.env.HOME!, 'elsewhere')
  rmSync(home, { recursive: true, force: true })
  mkdirSync(home)
  const env = { PATH: stack.env.PATH!, HOME: home, HAI_DATA_DIR: join(home, 'data') }
  const add = 'profile add home --use --workspace hai --endpoint'.split(' ')
  expect((await runHai([...add, stack.endpoint], { env })).exit).toBe(0)
  expect((await runHai(['auth', 'set-token'], { env, stdin: token })).exit).toBe(0)
  return (...argv: string[]) => runHai(argv, { env })
}

describe('hai member add', () => {
  it('makes a user and writes an entry under what is there, once', async () => {
    writeFileSync(file, '# who may call\n\nold: { role: machine, usernames: [old] } # the attic\n')
    const ran = await run('member', 'add', 'kim', '--role', 'member')
    expect(ran).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('kim is a member with the role member'),
    })
    expect(text()).toBe(
      '# who may call\n\nold: { role: machine, usernames: [ old ] } # the attic\nkim: { role: member, usernames: [ kim ] }\n',
    )
    const again = await run('member', 'add', 'kim', '--role', 'member')
    expect(again).toMatchObject({ exit: 0, stdout: expect.stringContaining('is a member already') })
    expect((await run('member', 'add', 'alerts', '--role', 'machine')).exit).toBe(0)
    expect((await run('member', 'ls')).stdout).toMatch(/^alerts +machine +alerts +0$/m)
    const listed = JSON.parse((await run('member', 'ls', '--json')).stdout)
    expect(listed.members).toContainEqual({ name: 'kim', role: 'member', usernames: ['kim'], tokens: [] })
  })

  it.each([
    ['# nobody yet\n', '# nobody yet\n\nkim: { role: member, usernames: [ kim ] }\n'],
    ['{}\n', 'kim: { role: member, usernames: [ kim ] }\n'],
    ['', 'kim: { role: member, usernames: [ kim ] }\n'],
  ])('begins a file that holds %j', async (before, after) => {
    writeFileSync(file, before)
    expect((await run('member', 'add', 'kim', '--role', 'member')).exit).toBe(0)
    expect(text()).toBe(after)
  })

  it('makes the user anew who is gone, and takes another name for him', async () => {
    writeFileSync(file, 'sam: { role: member, usernames: [sam] }\n')
    const ran = await run('member', 'add', 'sam', '--role', 'member')
    expect(ran.stdout).toContain('made the user sam, who was missing')
    expect((await run('member', 'add', 'den-pc', '--role', 'machine')).stdout).toContain('as the user den_pc')
    expect((await run('member', 'add', 'tv', '--role', 'machine', '--user', 'television')).exit).toBe(0)
    expect(text()).toContain('tv: { role: machine, usernames: [ television ] }')
  })

  it.each([
    [['kim', '--role', 'machine'], 9, 'kim has the role member already'],
    [['kim', '--role', 'member', '--user', 'kimberly'], 9, 'kim is a member already, as kim'],
    [['lee', '--role', 'member', '--user', 'kim'], 9, 'the user kim is the member kim already'],
    [
      ['lee', '--role', 'member', '--user', 'operator'],
      9,
      'the user operator is the member operator already',
    ],
    [['hai', '--role', 'machine'], 2, "hai is the user that hai's routes run as"],
    [['Lee', '--role', 'member'], 2, '"Lee" is no name of a member'],
    [['__proto__', '--role', 'member'], 2, '"__proto__" is no name of a member'],
    [['9lives', '--role', 'member'], 2, '"9lives" is no name of a user'],
    [['lee', '--role', 'member', '--user', 'label-lee'], 2, '"label-lee" is no name of a user'],
    [['lee', '--role', 'boss'], 2, 'Allowed choices are member, machine, operator'],
    [['lee'], 2, "required option '--role <role>' not specified"],
    [
      ['lee', '--role', 'member', '--email', 'operator@example.com'],
      9,
      'the address operator@example.com is that of the member operator (user operator)',
    ],
    [
      ['lee', '--role', 'member', '--email', 'Kim@Example.com'],
      9,
      'the address Kim@Example.com is that of the member kim (user kim)',
    ],
    [
      ['kim', '--role', 'member', '--email', 'lee@example.com'],
      9,
      'the user kim is there, with the address kim@example.com and not lee@example.com',
    ],
    [['lee', '--role', 'member', '--email', 'hai@example.com'], 2, 'is that of the user hai'],
    [['lee', '--role', 'member', '--email', 'lee'], 2, '--email "lee" is no address'],
    [['lee', '--role', 'member', '--email', ''], 2, '--email "" is no address'],
  ])('refuses %j and changes nothing', async (argv, exit, said) => {
    writeFileSync(file, FILE)
    const users = () => ask('/api/w/hai/users/list', stack.token)
    expect(await users()).toBe(200)
    const ran = await run('member', 'add', ...argv)
    expect(ran).toMatchObject({ exit, stdout: '', stderr: expect.stringContaining(said) })
    expect(text()).toBe(FILE)
    expect((await run('member', 'ls')).stdout).not.toMatch(/lee|9lives/)
  })

  it('lets several run at once, and loses none', async () => {
    writeFileSync(file, FILE)
    const names = ['ada', 'ben', 'cleo', 'cleo']
    const rans = await Promise.all(names.map((name) => run('member', 'add', name, '--role', 'member')))
    expect(rans.map(({ exit, stderr }) => [exit, stderr])).toEqual(
      names.map((name) => [0, `a token to call with: hai auth token add --for ${name}\n`]),
    )
    expect(rans.filter(({ stdout }) => stdout.includes('cleo is a member already'))).toHaveLength(1)
    await Promise.all([run('member', 'rm', 'ben'), run('member', 'add', 'dora', '--role', 'machine')])
    expect(text()).toBe(
      FILE.replaceAll('[kim]', '[ kim ]').replaceAll('[alerts]', '[ alerts ]') +
        'ada: { role: member, usernames: [ ada ] }\ncleo: { role: member, usernames: [ cleo ] }\n' +
        'dora: { role: machine, usernames: [ dora ] }\n',
    )
  })

  it('says when the name was had before, with what is kept under it', async () => {
    writeFileSync(file, FILE)
    expect((await run('member', 'add', 'noa', '--role', 'member')).stderr).not.toContain('before')
    const token = await tokenOf('--for', 'noa')
    expect(await door('inbox', token, { body: { source: 'test', content: 'what is open?' } })).toBe(200)
    expect((await run('member', 'rm', 'noa')).exit).toBe(0)
    const again = await run('member', 'add', 'noa', '--role', 'member')
    expect(again.stderr).toContain(
      '! there was a member noa before: whoever has the name sees a task of that time (hai task ls --requester noa)',
    )
    expect((await run('member', 'add', 'noa', '--role', 'member')).stderr).not.toContain('before')
  })

  it.each([
    ['kim: {', /line 1, column 7/],
    ['- kim\n', /expected|mapping/],
    ['kim: { role: king, usernames: [kim] }\n', /king/],
    [Buffer.from([0x6b, 0x3a, 0x20, 0xff, 0x0a]), /UTF-8/],
  ])('leaves a broken file as it is, %#', async (broken, said) => {
    writeFileSync(file, broken)
    for (const argv of [
      ['add', 'lee', '--role', 'member'],
      ['rm', 'operator'],
    ]) {
      const ran = await run('member', ...argv)
      expect([2, 4]).toContain(ran.exit)
      expect(readFileSync(file)).toEqual(Buffer.from(broken))
      if (ran.exit === 2) expect(ran.stderr).toMatch(said)
      else expect(ran.stderr).toContain('nobody can remove the caller')
    }
  })
})

describe('with members', () => {
  beforeAll(async () => {
    writeFileSync(file, FILE)
    for (const [name, role] of [
      ['kim', 'member'],
      ['alerts', 'machine'],
    ])
      expect((await run('member', 'add', name!, '--role', role!)).exit).toBe(0)
  })

  it('lets a person do with her token what a member does, and see her own', async () => {
    await run('task', 'add', 'what is open?')
    const token = await tokenOf('--for', 'kim')
    const kims = await elsewhere(token)
    const asked = await kims('ask', 'what is open?')
    expect(asked).toMatchObject({ exit: 0 })
    for (const argv of [
      ['home'],
      ['todo', 'add', 'oil the hinge'],
      ['todo', 'ls'],
      ['cost'],
      ['model', 'ls'],
      ['task', 'tail', '@'],
      ['task', 'show', '@'],
      ['doctor'],
    ]) {
      const ran = await kims(...argv)
      expect([argv, ran.exit, ran.stderr]).toEqual([argv, 0, expect.not.stringContaining('scope')])
    }
    const { tasks } = JSON.parse((await kims('task', 'ls', '--json')).stdout)
    expect(new Set(tasks.map(({ requester }: { requester: string }) => requester))).toEqual(new Set(['kim']))
    const body = { content: 'add todo: wax the floor', source: 'test' }
    expect(await ask('/api/r/hai/inbox', token, body)).toBe(202)
    for (const argv of [
      ['member', 'ls'],
      ['member', 'add', 'lee', '--role', 'operator'],
      ['member', 'rm', 'alerts'],
      ['auth', 'token', 'add', '--for', 'operator'],
      ['auth', 'token', 'ls'],
      ['auth', 'token', 'revoke', '--for', 'alerts'],
    ]) {
      const ran = await kims(...argv)
      expect([argv, ran.exit, ran.stdout]).toEqual([argv, 4, ''])
      expect(ran.stderr).toContain('only the operator keeps members and tokens')
    }
    expect(text()).toBe(FILE)
    expect((await run('auth', 'token', 'ls', '--for', 'kim')).stdout).toMatch(
      new RegExp(`^${token.slice(0, 10)}  kim  kim .* just now +run a member's commands$`, 'm'),
    )
  })

  it('tells a member nothing to do that only the operator may', async () => {
    const kims = await elsewhere(await tokenOf('--for', 'kim'))
    const asked = await kims('ask', 'how deep is the sea?')
    expect(asked).toMatchObject({ exit: 6, stderr: expect.stringContaining('→ ask the operator: ') })
    const doctor = await kims('doctor')
    expect(doctor.stdout).not.toContain('u/operator/')
    expect(doctor.stdout).toContain(
      '– model: there is none; what is built in answers\n  → ask the operator\n',
    )
    const models = await kims('model', 'ls')
    expect(models.stderr).toContain('nothing answers by default; ask the operator for a model')
    for (const argv of [
      ['model', 'test'],
      ['config', 'show'],
      ['cost', 'cap', 'raise', '5', '--today'],
    ]) {
      const ran = await kims(...argv)
      expect([argv, ran.exit, ran.stdout]).toEqual([argv, 4, ''])
      expect(ran.stderr).toContain('ask the operator')
    }
    for (const ran of [doctor, models]) expect(ran.stdout + ran.stderr).not.toMatch(/hai (model|config|up)\b/)
  })

  it('says to a member without scopes too that it is the operator’s', async () => {
    const impersonate = { impersonate_email: 'kim@example.com' }
    const response = await stack.request('/api/users/tokens/impersonate', {
      method: 'POST',
      body: JSON.stringify(impersonate),
      headers: { 'content-type': 'application/json' },
    })
    const kims = await elsewhere(await response.text())
    const ran = await kims('member', 'ls')
    expect(ran).toMatchObject({ exit: 4, stdout: '' })
    expect(ran.stderr).toContain('only the operator keeps members and tokens')
  })

  it.each([
    ['90d', 90],
    ['12w', 84],
    ['6mo', 180],
    ['1y', 365],
    ['1.5y', 547.5],
  ])('makes a token that is good for %s', async (span, days) => {
    await run('auth', 'token', 'revoke', '--for', 'kim')
    await tokenOf('--for', 'kim', '--expires', span)
    const { tokens } = JSON.parse((await run('auth', 'token', 'ls', '--for', 'kim', '--json')).stdout)
    const [{ created_at, expiration }] = tokens
    expect((Date.parse(expiration) - Date.parse(created_at)) / 86_400_000).toBeCloseTo(days, 3)
  })

  it('tells somebody elsewhere no address that is another machine there', async () => {
    const { stderr } = await run('auth', 'token', 'add', '--for', 'kim')
    const { host, port } = new URL(stack.endpoint)
    expect(stderr).toContain(`answers on this machine alone; from another one: ssh -N -L ${port}:${host} `)
  })

  it('gives a machine what it is for and nothing else', async () => {
    const token = await tokenOf('--for', 'alerts')
    const body = { content: 'what is open?', source: 'alertmanager' }
    expect(await door('inbox', token, { body })).toBe(200)
    expect(await ask('/api/r/hai/inbox', token, body)).toBe(202)
    const others = [
      'home',
      'task/list',
      'todo/list',
      'todo/add',
      'worker/claim',
      'cost/record',
      'config/show',
    ]
    for (const path of others) expect([path, await door(path, token)]).toEqual([path, 403])
    for (const path of ['/api/r/hai/admin/tasks', '/api/r/hai/v1/models', '/api/w/hai/jobs/list'])
      expect([path, await ask(path, token)]).toEqual([path, 403])
    // outside of its workspace
    expect(await ask('/api/users/tokens/list', token)).toBe(401)
    expect(await ask('/api/users/tokens/create', token, {})).toBe(401)
    const chat = await tokenOf('--for', 'alerts', '--allow', 'chat')
    expect(await ask('/api/r/hai/v1/models', chat)).toBe(200)
    // what hai serve calls for it, and no other door
    expect(await door('inbox', chat, { body })).toBe(200)
    expect(await door('todo/list', chat)).toBe(403)
    const watch = await tokenOf('--for', 'alerts', '--allow', 'health')
    expect(await door('admin/health', watch)).toBe(200)
    expect(await door('inbox', watch, { body })).toBe(403)
    const worker = await tokenOf('--for', 'alerts', '--allow', 'worker', 'inbox', '--expires', 'never')
    expect(await door('worker/claim', worker, {})).toBe(400)
    expect(await door('inbox', worker, { body })).toBe(200)
    expect((await run('auth', 'token', 'ls', '--for', 'alerts')).stdout).toMatch(
      /never +(just now|never) +put work down, work on tasks$/m,
    )
    expect(await run('auth', 'token', 'add', '--for', 'kim', '--allow', 'chat')).toMatchObject({ exit: 2 })
  })

  it('keeps the token out of argv, of logs and of every file', async () => {
    const made = await hai(stack.env, ['auth', 'token', 'add', '--for', 'kim'])
    const token = made.stdout.trim()
    const kims = await elsewhere(token)
    expect((await kims('home')).exit).toBe(0)
    const seen = readdirSync('/proc').flatMap((pid) => {
      try {
        return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : []
      } catch {
        // it has ended
        return []
      }
    })
    const { data_dir } = stack.instance
    const kept = ['logs/runner.log', 'accounts.json', 'runner.json'].map((name) =>
      readFileSync(join(data_dir, name), 'utf8'),
    )
    expect([...seen, ...kept, text()].filter((one) => one.includes(token))).toEqual([])
    expect(seen.length).toBeGreaterThan(3)
  })

  it('refuses a revoked token at once, and names what is meant by too few letters', async () => {
    await run('auth', 'token', 'revoke', '--for', 'kim')
    await run('auth', 'token', 'revoke', '--for', 'alerts')
    const token = await tokenOf('--for', 'kim')
    const kept = await tokenOf('--for', 'kim')
    expect(await door('home', token)).toBe(200)
    const ran = await run('auth', 'token', 'revoke', token.slice(0, 10))
    expect(ran).toMatchObject({ exit: 0, stdout: `revoked ${token.slice(0, 10)}… of kim\n` })
    expect(await door('home', token)).toBe(401)
    expect(await door('home', kept)).toBe(200)
    expect((await run('auth', 'token', 'revoke', token.slice(0, 10))).exit).toBe(3)
    // somebody pastes all of it: it is found, and not said again
    const pasted = await run('auth', 'token', 'revoke', kept)
    expect(pasted).toMatchObject({ exit: 0, stdout: expect.not.stringContaining(kept) })
    // of 63 tokens two begin alike
    const first = new Map<string, string>()
    let twins: string[] = []
    while (twins.length === 0) {
      const response = await stack.request('/api/users/tokens/impersonate', {
        method: 'POST',
        body: JSON.stringify({ impersonate_email: 'kim@example.com' }),
        headers: { 'content-type': 'application/json' },
      })
      const made = await response.text()
      // an option begins with -, and this is typed
      expect(made).toMatch(/^[A-Za-z0-9]{32}$/)
      const one = made.slice(0, 10)
      const other = first.get(one[0]!)
      if (other) twins = [one, other]
      first.set(one[0]!, one)
    }
    const ambiguous = await run('auth', 'token', 'revoke', twins[0]![0]!)
    expect(ambiguous).toMatchObject({ exit: 9, stdout: '' })
    for (const prefix of twins) expect(ambiguous.stderr).toContain(`${prefix} of kim`)
    const { stdout } = await run('auth', 'token', 'revoke', '--for', 'kim')
    expect(stdout.trim().split('\n').length).toBeGreaterThanOrEqual(2)
    expect((await run('auth', 'token', 'revoke', '--for', 'kim')).stderr).toContain('kim has no token')
  })

  it.each([
    [['add', '--for', 'kim', '--expires', '90'], 2, '--expires "90" is not accepted'],
    [['add', '--for', 'kim', '--expires', '1 year'], 2, 'such as 12h, 90d, 12w, 6mo or 1y'],
    [['add', '--for', 'kim', '--expires', '11y'], 2, '--expires "11y" is not accepted'],
    [['add', '--for', 'kim', '--expires', '1constructor'], 2, 'is not accepted'],
    [['add', '--for', 'kim', '--expires', '0d'], 2, '--expires "0d" is not accepted'],
    [['add', '--for', 'kim', '--expires', '-1d'], 2, '--expires "-1d" is not accepted'],
    [['add', '--for', 'kim', '--expires', '1e999d'], 2, '--expires "1e999d" is not accepted'],
    [['add', '--for', 'kim', '--expires', '999999999w'], 2, '--expires "999999999w" is not accepted'],
    [['add', '--for', 'kim', '--expires', ''], 2, '--expires "" is not accepted'],
    [['add', '--for', 'kmi'], 3, 'did you mean kim?'],
    [['add', '--for', 'constructor'], 3, 'no member is called "constructor"'],
    [['add'], 2, "required option '--for <name>' not specified"],
    [['ls', '--for', 'kmi'], 3, 'did you mean kim?'],
    [['revoke', '--for', 'kmi'], 3, 'did you mean kim?'],
    [['revoke'], 2, 'expected the beginning of a token, or --for NAME'],
    [['revoke', ''], 3, 'no token begins so'],
    [['revoke', 'x', '--for', 'kim'], 2, 'expected the beginning of a token, or --for NAME'],
  ])('refuses hai auth token %j', async (argv, exit, said) => {
    const ran = await run('auth', 'token', ...argv)
    expect(ran).toMatchObject({ exit, stdout: '', stderr: expect.stringContaining(said) })
  })

  it('tells by doctor what ends soon and what has ended', async () => {
    await run('auth', 'token', 'revoke', '--for', 'kim')
    await run('auth', 'token', 'revoke', '--for', 'alerts')
    await tokenOf('--for', 'alerts', '--expires', '15d')
    expect((await run('doctor')).stdout).toContain('✓ tokens: 1, none ends within 14 days')
    const soon = await tokenOf('--for', 'kim', '--expires', '13d')
    const over = await tokenOf('--for', 'kim', '--expires', '1s')
    await expect.poll(() => door('home', over)).toBe(401)
    const { stdout } = await run('doctor')
    expect(stdout).toMatch(
      new RegExp(
        `^– tokens: ${soon.slice(0, 10)} of kim expires .*\\n {2}→ hai auth token add --for kim$`,
        'm',
      ),
    )
    expect(stdout).toMatch(new RegExp(`^– tokens: ${over.slice(0, 10)} of kim expired `, 'm'))
    expect(stdout).not.toContain('of alerts')
    expect((await run('auth', 'token', 'ls')).stdout).toContain('expired just now')
    expect((await run('member', 'ls')).stdout).toMatch(/^kim +member +kim +1 /m)
  })

  it('tells by doctor of a label, which routes refuse', async () => {
    await run('auth', 'token', 'revoke', '--for', 'kim')
    const grant = { impersonate_email: 'kim@example.com', label: 'phone' }
    const response = await stack.request('/api/users/tokens/impersonate', {
      method: 'POST',
      body: JSON.stringify(grant),
    })
    const labelled = (await response.text()).slice(0, 10)
    const { stdout } = await run('doctor')
    expect(stdout).toContain(
      `– tokens: ${labelled} of kim has the label phone: HTTP routes refuse it\n` +
        `  → hai auth token add --for kim, which gives it none; then hai auth token revoke ${labelled}`,
    )
    expect(stdout.match(/has the label/g)).toHaveLength(1)
    await run('auth', 'token', 'revoke', labelled)
    expect((await run('doctor')).stdout).not.toContain('has the label')
  })

  it('prints steps where the token can’t do it, nothing on stdout, and does nothing', async () => {
    const narrow = await tokenOf('--for', 'operator')
    const before = (await run('auth', 'token', 'ls', '--json')).stdout
    const far = await elsewhere(narrow)
    const token = await far('auth', 'token', 'add', '--for', 'kim', '--expires', '30d')
    expect(token).toMatchObject({ exit: 4, stdout: '' })
    expect(token.stderr).toContain('no token was made')
    const [, body = ''] = /-d '(\{.*\})' <<END/.exec(token.stderr) ?? []
    expect(JSON.parse(body)).toEqual({
      scopes: [
        expect.stringMatching(/^jobs:run:scripts:f\/hai\/inbox,/),
        'jobs:read',
        'http_triggers:read:f/hai/http/*',
      ],
      expiration: expect.any(String),
      workspace_id: 'hai',
    })
    const revoked = await far('auth', 'token', 'revoke', '--for', 'kim')
    expect(revoked).toMatchObject({ exit: 4, stdout: '' })
    const added = await far('member', 'add', 'lee', '--role', 'member')
    expect(added).toMatchObject({ exit: 4, stderr: expect.stringContaining('nothing was done') })
    expect(added.stdout).toContain('lee: { role: member, usernames: [lee] }')
    expect((await far('member', 'rm', 'kim')).exit).toBe(4)
    expect((await far('member', 'ls')).stdout).toMatch(/^kim +member +kim +\?$/m)
    const after = (await run('auth', 'token', 'ls', '--json')).stdout
    const ids = (text: string) =>
      JSON.parse(text).tokens.map((one: { token_prefix: string }) => one.token_prefix)
    expect(ids(after)).toEqual(ids(before))
    expect(text()).toBe(FILE)
  })

  it('does on a server with a superadmin’s token what it does here', async () => {
    const far = await elsewhere(stack.token)
    const ran = await far('auth', 'token', 'add', '--for', 'kim')
    expect(ran).toMatchObject({ exit: 0, stdout: expect.stringMatching(/^[\w-]{20,}\n$/) })
    expect(await door('home', ran.stdout.trim())).toBe(200)
    expect((await far('auth', 'token', 'revoke', ran.stdout.slice(0, 10))).exit).toBe(0)
    expect(await door('home', ran.stdout.trim())).toBe(401)
  })

  it('says of a user who was there that his tokens are good again', async () => {
    await tokenOf('--for', 'kim')
    writeFileSync(file, '')
    const ran = await run('member', 'add', 'kim', '--role', 'member')
    expect(ran).toMatchObject({
      exit: 0,
      stderr: expect.stringMatching(/the user kim was there, and \d+ tokens? of that user will do/),
    })
    writeFileSync(file, FILE)
  })

  it('ends a membership with its tokens and its user, and keeps what was put down', async () => {
    const token = await tokenOf('--for', 'kim')
    const body = { content: 'what is open?', source: 'test' }
    expect(await door('inbox', token, { body })).toBe(200)
    const ran = await run('member', 'rm', 'kim')
    expect(ran).toMatchObject({ exit: 0, stdout: expect.stringContaining('kim is no member any more') })
    expect(ran.stderr).toMatch(
      /what kim put down stays, \d+ tasks?: hai task ls --requester kim, and the todos/,
    )
    expect(await door('home', token)).toBe(401)
    expect(text()).not.toContain('kim')
    expect(text()).toContain('alerts:\n  role: machine\n  usernames: [ alerts ]\n')
    expect((await run('task', 'ls', '--requester', 'kim', '--json')).stdout).toContain('what is open?')
    expect(await run('member', 'rm', 'kim')).toMatchObject({ exit: 3, stdout: '' })
    for (const name of ['operator', 'alert']) {
      const refused = await run('member', 'rm', name)
      expect(refused).toMatchObject({ exit: name === 'alert' ? 3 : 4, stdout: '' })
    }
  })
})
