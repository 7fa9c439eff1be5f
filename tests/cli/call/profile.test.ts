import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CannedServer, cannedServer } from '../canned-server.ts'
import { aHomeFolder, runHai } from '../run-hai.ts'

const TOKEN = 'test-token-0123456789abcdef'

let server: CannedServer
let home: ReturnType<typeof aHomeFolder>
let env: Record<string, string>

beforeEach(async () => {
  server = await cannedServer({ 'todo/list': () => ({ result: { todos: [] } }) })
  home = aHomeFolder()
  env = home.env
})

afterEach(async () => {
  await server.close()
  home.remove()
})

const file = (path: string) => join(home.path, '.config/hai', path)

function write(path: string, content: string, mode = 0o600): void {
  mkdirSync(dirname(file(path)), { recursive: true })
  writeFileSync(file(path), content, { mode })
}

function writeConfig(endpoint = server.endpoint): void {
  write('config.yaml', `profiles:\n  nas:\n    endpoint: ${endpoint}\n    workspace: test\n`)
  write('tokens/nas', `${TOKEN}\n`)
}

describe('which server is called', () => {
  it('follows --profile, then HAI_PROFILE, then the config', async () => {
    writeConfig()
    const nobody = 'http://127.0.0.1:1'
    write('tokens/away', TOKEN)
    write(
      'config.yaml',
      `profile: away\nprofiles:\n  nas: {endpoint: '${server.endpoint}', workspace: test}\n  away: {endpoint: '${nobody}', workspace: test}\n`,
    )
    expect((await runHai(['todo', 'ls'], { env })).exit).toBe(5)
    expect((await runHai(['todo', 'ls'], { env: { ...env, HAI_PROFILE: 'nas' } })).exit).toBe(0)
    expect(
      (await runHai(['todo', 'ls', '--profile', 'nas'], { env: { ...env, HAI_PROFILE: 'away' } })).exit,
    ).toBe(0)
  })

  it('lets HAI_ENDPOINT, HAI_TOKEN and HAI_WORKSPACE win over a profile', async () => {
    write('tokens/nas', 'another-token')
    write('config.yaml', 'profiles:\n  nas: {endpoint: http://127.0.0.1:1, workspace: other}\n')
    const ran = await runHai(['todo', 'ls', '--profile', 'nas'], { env: { ...env, ...server.env } })
    expect(ran.exit).toBe(0)
  })

  it("never sends a profile's token to another server", async () => {
    writeConfig('http://127.0.0.1:1')
    const { HAI_TOKEN: _, ...rest } = server.env
    const ran = await runHai(['todo', 'ls', '--profile', 'nas'], { env: { ...env, ...rest } })
    expect(ran.exit).toBe(4)
    expect(ran.stderr).toContain('→ set HAI_TOKEN')
    expect(server.calls).toEqual([])
  })

  it('names the profile on stderr when it is not the one in use', async () => {
    writeConfig()
    const ran = await runHai(['todo', 'ls', '--profile', 'nas', '--json'], { env })
    expect(ran.stderr).toContain('profile nas\n')
    expect(JSON.parse(ran.stdout)).toEqual({ todos: [] })
    await runHai(['profile', 'use', 'nas'], { env })
    const used = await runHai(['todo', 'ls', '--json'], { env })
    expect(used.stderr).not.toContain('profile nas')
  })

  it('names who starts a stack that does not answer, and sends nobody round', async () => {
    writeConfig('http://127.0.0.1:1')
    const cure = '→ whoever keeps that stack starts it by hai up; is the address right? hai profile ls'
    expect((await runHai(['todo', 'ls', '--profile', 'nas'], { env })).stderr).toContain(cure)
    const { stdout } = await runHai(['doctor', '--profile', 'nas'], { env })
    expect(stdout).toContain(cure)
    expect(stdout).not.toContain('→ hai doctor')
  })

  it.each([
    [['--profile', 'home', 'todo', 'edit'], 'hai todo edit'],
    [['todo', '--profile', 'todo', 'edit'], 'hai todo edit'],
    [['--profile=home', 'todo', 'edit', '--nope'], 'hai todo edit'],
    [['todo', 'ls', '--nope', 'home'], 'hai todo ls'],
    [['nope', 'todo', 'edit'], 'hai'],
  ])('takes no profile for a command: %j', async (argv, command) => {
    const ran = await runHai(argv, { env })
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toMatch(new RegExp(`see: ${command} --help`))
  })

  it('names the profiles there are when one is unknown', async () => {
    writeConfig()
    const ran = await runHai(['todo', 'ls', '--profile', 'nsa'], { env })
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toContain('hai: no profile is called "nsa"; there are: local, nas\n')
  })

  it.each([
    ['not a url', 'HAI_ENDPOINT: expected a URL'],
    ['ftp://example.com', 'begins with http:// or https://'],
    ['https://example.com/api', 'without /api'],
    ['https://example.com/sub/api/', 'without /api'],
    ['https://user:secret@example.com', 'must not carry a password'],
  ])('refuses HAI_ENDPOINT=%s', async (endpoint, message) => {
    const ran = await runHai(['todo', 'ls'], { env: { ...env, ...server.env, HAI_ENDPOINT: endpoint } })
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toContain(message)
    expect(ran.stderr).not.toContain('secret')
  })
})

describe('a config.yaml that is wrong', () => {
  it.each([
    ['profiles:\n  nas: [a\n', /config\.yaml:\d+:\d+: not YAML: /],
    ['profil: nas\n', /config\.yaml:1: unknown key profil; expected profile, profiles/],
    ['- a\n', /config\.yaml:1: expected a map with profile and profiles/],
    [
      '# mine\nprofiles:\n  nas:\n    endpoint: http://x\n    workspce: a\n',
      /:5: unknown key profiles\.nas\.workspce/,
    ],
    ['profiles:\n  nas:\n    endpoint: http://x\n', /:2: profiles\.nas: workspace is missing/],
    [
      'profiles:\n  nas:\n    workspace: a\n    endpoint: 7\n',
      /:4: profiles\.nas\.endpoint: 7 is not accepted; expected text/,
    ],
    ['profiles:\n  nas: {endpoint: nowhere, workspace: a}\n', /:2: profiles\.nas\.endpoint: expected a URL/],
    ['profiles:\n  local: {endpoint: http://x, workspace: a}\n', /:2: local is the stack on this machine/],
    [
      'profiles:\n  __proto__: {endpoint: http://x, workspace: a}\n',
      /:2: "__proto__": expected lower case letters/,
    ],
    ['profiles:\n  NAS: {endpoint: http://x, workspace: a}\n', /:2: "NAS": expected lower case/],
    ['\nprofile: nas\n', /:2: profile: "nas" is not defined; expected one of local/],
    ['profiles: nas\n', /:1: profiles: expected a map/],
    [
      'profiles:\n  nas:\n    endpoint: nowhere\n    workspce: a\n    tokn: b\n  NAS: {endpoint: http://x, workspace: a}\n  two: {}\n',
      /config\.yaml:3: profiles\.nas\.endpoint: expected a URL [^;]+; line 4: unknown key profiles\.nas\.workspce; [^;]+; line 5: unknown key profiles\.nas\.tokn; [^;]+; line 6: "NAS": [^;]+; line 7: profiles\.two: endpoint is missing; line 7: profiles\.two: workspace is missing$/m,
    ],
  ])('%j ends with 2, file, line and what was expected', async (text, message) => {
    write('config.yaml', text)
    const ran = await runHai(['todo', 'ls'], { env })
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toMatch(message)
    expect(ran.stderr.trim().split('\n')).toHaveLength(1)
  })

  it('is not written to', async () => {
    write('config.yaml', 'profil: nas\n')
    expect((await runHai(['profile', 'use', 'local'], { env })).exit).toBe(2)
    expect(readFileSync(file('config.yaml'), 'utf8')).toBe('profil: nas\n')
  })
})

describe('hai profile', () => {
  const add = ['profile', 'add', 'nas', '--endpoint', 'https://windmill.example.com', '--workspace', 'home']

  it('adds, lists and chooses profiles, and keeps comments', async () => {
    write('config.yaml', '# my servers\n')
    expect((await runHai(add, { env })).exit).toBe(0)
    expect((await runHai(['profile', 'use', 'nas'], { env })).stdout).toBe('hai talks to nas now\n')
    const text = readFileSync(file('config.yaml'), 'utf8')
    expect(text).toContain('# my servers')
    expect(statSync(file('config.yaml')).mode & 0o777).toBe(0o600)
    const { stdout } = await runHai(['profile', 'ls'], { env })
    expect(stdout.split('\n')[1]).toMatch(
      /^\* +nas +https:\/\/windmill\.example\.com +home +~\/\.config\/hai\/tokens\/nas$/,
    )
  })

  it('refuses a name that exists, and changes nothing', async () => {
    await runHai(add, { env })
    const before = readFileSync(file('config.yaml'), 'utf8')
    expect((await runHai(add, { env })).exit).toBe(9)
    expect(readFileSync(file('config.yaml'), 'utf8')).toBe(before)
  })

  it.each([
    [['profile', 'add', 'local', '--endpoint', 'http://x', '--workspace', 'a'], 'choose another name'],
    [['profile', 'add', '../x', '--endpoint', 'http://x', '--workspace', 'a'], 'is no profile name'],
    [['profile', 'add', 'a', '--endpoint', 'x', '--workspace', 'a'], '--endpoint x: expected a URL'],
    [['profile', 'add', 'a', '--endpoint', 'http://x'], "required option '--workspace <name>' not specified"],
    [['profile', 'use', 'b'], 'no profile is called "b"'],
  ])('refuses %j', async (argv, message) => {
    const ran = await runHai(argv, { env })
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toContain(message)
    expect(existsSync(file('config.yaml'))).toBe(false)
  })

  it('forgets one with its token, and goes back to local where it was in use', async () => {
    write('config.yaml', '# my servers\n')
    await runHai([...add, '--use'], { env })
    await runHai(['auth', 'set-token'], { env, stdin: TOKEN })
    const ran = await runHai(['profile', 'rm', 'nas'], { env })
    expect(ran).toMatchObject({
      exit: 0,
      stdout: 'removed profile nas\nremoved ~/.config/hai/tokens/nas\n',
      stderr: expect.stringContaining('hai talks to local now\n'),
    })
    expect(existsSync(file('tokens/nas'))).toBe(false)
    expect(readFileSync(file('config.yaml'), 'utf8')).toContain('# my servers')
    expect((await runHai(['profile', 'ls'], { env })).stdout).toMatch(/^\* +local/)
    expect((await runHai(add, { env })).exit).toBe(0)
  })

  it('leaves a token file that another profile has too', async () => {
    await runHai([...add, '--token-file', 'both'], { env })
    const [, , , ...rest] = add
    await runHai(['profile', 'add', 'den', ...rest, '--token-file', 'both'], { env })
    write('both', TOKEN)
    const ran = await runHai(['profile', 'rm', 'nas'], { env })
    expect(ran.stderr).toContain('its token file ~/.config/hai/both stays, as den has it too')
    expect(existsSync(file('both'))).toBe(true)
    expect((await runHai(['profile', 'rm', 'den'], { env })).stdout).toContain('removed ~/.config/hai/both')
    expect(existsSync(file('both'))).toBe(false)
  })

  it.each([
    ['local', 2, 'is the stack on this machine, and stays'],
    ['den', 3, 'no profile is called "den"'],
    ['constructor', 3, 'no profile is called "constructor"'],
  ])('does not forget %s', async (name, exit, message) => {
    await runHai(add, { env })
    const before = readFileSync(file('config.yaml'), 'utf8')
    const ran = await runHai(['profile', 'rm', name], { env })
    expect(ran).toMatchObject({ exit, stdout: '', stderr: expect.stringContaining(message) })
    expect(readFileSync(file('config.yaml'), 'utf8')).toBe(before)
  })

  it('loses none of those that are added at once', async () => {
    const [verb, noun, , ...rest] = add
    const names = ['den', 'attic', 'shed', 'barn']
    await Promise.all(names.map((name) => runHai([verb!, noun!, name, ...rest], { env })))
    const { stdout } = await runHai(['profile', 'ls'], { env })
    for (const name of names) expect(stdout).toMatch(new RegExp(`^ +${name} `, 'm'))
  })

  it('warns of an endpoint that is not encrypted', async () => {
    const argv = ['profile', 'add', 'nas', '--endpoint', 'http://nas.example.com', '--workspace', 'home']
    expect((await runHai(argv, { env })).stderr).toContain('is not encrypted')
  })
})

describe('hai auth', () => {
  it('stores a token from stdin for its owner only, and uses it', async () => {
    writeConfig()
    write('tokens/nas', 'old')
    const set = await runHai(['auth', 'set-token', '--profile', 'nas'], { env, stdin: `${TOKEN}\n` })
    expect(set).toMatchObject({ exit: 0 })
    expect(set.stdout + set.stderr).not.toContain(TOKEN)
    expect(statSync(file('tokens/nas')).mode & 0o777).toBe(0o600)
    expect((await runHai(['todo', 'ls', '--profile', 'nas'], { env })).exit).toBe(0)
  })

  it('takes no token from the command line', async () => {
    writeConfig()
    const ran = await runHai(['auth', 'set-token', TOKEN, '--profile', 'nas'], { env, stdin: '' })
    expect(ran.exit).toBe(2)
    expect(ran.stderr).not.toContain(TOKEN)
  })

  it.each([
    ['', 'the token in stdin is empty'],
    ['two words', 'a token is one word'],
    ['töken', 'a token is one word'],
  ])('refuses %j and keeps the old one', async (stdin, message) => {
    writeConfig()
    const ran = await runHai(['auth', 'set-token', '--profile', 'nas'], { env, stdin })
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toContain(message)
    expect(readFileSync(file('tokens/nas'), 'utf8')).toBe(`${TOKEN}\n`)
  })

  it('shows where the token is, its length and no more than four characters', async () => {
    writeConfig()
    const { stdout, exit } = await runHai(['auth', 'show', '--profile', 'nas'], { env })
    expect(exit).toBe(0)
    expect(stdout).toContain(server.endpoint)
    expect(stdout).toContain('~/.config/hai/tokens/nas')
    expect(stdout).toContain('27, begins with test\n')
    expect(stdout).not.toContain(TOKEN.slice(0, 5))
  })

  it('shows nothing of a short token', async () => {
    writeConfig()
    write('tokens/nas', 'abcdefgh')
    expect((await runHai(['auth', 'show', '--profile', 'nas'], { env })).stdout).toMatch(/length +8\n$/)
  })

  it('removes the token, after which calls say how to set one', async () => {
    writeConfig()
    expect((await runHai(['auth', 'logout', '--profile', 'nas'], { env })).exit).toBe(0)
    expect(existsSync(file('tokens/nas'))).toBe(false)
    const ran = await runHai(['todo', 'ls', '--profile', 'nas'], { env })
    expect(ran.exit).toBe(4)
    expect(ran.stderr).toContain('→ hai auth set-token --profile nas\n')
  })

  it('leaves the token of the local stack alone', async () => {
    for (const verb of ['set-token', 'logout']) {
      const ran = await runHai(['auth', verb], { env, ...(verb === 'set-token' ? { stdin: TOKEN } : {}) })
      expect(ran.exit).toBe(2)
      expect(ran.stderr).toContain('the local stack keeps its own token')
    }
  })

  it('warns of a token file that others can read', async () => {
    writeConfig()
    chmodSync(file('tokens/nas'), 0o644)
    const ran = await runHai(['todo', 'ls', '--profile', 'nas'], { env })
    expect(ran.exit).toBe(0)
    expect(ran.stderr).toContain(`chmod 600 ${file('tokens/nas')}`)
  })
})
