import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { CONTRACT } from '../../../f/hai/core/base/contract.ts'
import { clusterDirOf } from '../../../runner/postgres/cluster.ts'
import { type CannedServer, cannedServer } from '../canned-server.ts'
import { aLocalStack, type LocalStack } from '../local-stack.ts'
import { aHomeFolder, type FakeIo, runHai, until } from '../run-hai.ts'
import { anEvent, doorsOfTask } from '../samples.ts'

let server: CannedServer
let home: ReturnType<typeof aHomeFolder>
let env: Record<string, string>
let stack: LocalStack
let dataDir: string

beforeEach(async () => {
  server = await cannedServer({ 'todo/list': () => ({ result: { todos: [] } }) })
  home = aHomeFolder()
  stack = await aLocalStack(home.path, server)
  dataDir = stack.dataDir
  env = { ...home.env, ...stack.env }
})

afterEach(async () => {
  stack.stop()
  await server.close()
  home.remove()
})

const started = () => existsSync(join(dataDir, 'logs'))

describe('the local profile', () => {
  it('goes to the stack that runs, with its token, and names no profile', async () => {
    const ran = await runHai(['todo', 'ls'], { env })
    expect(ran).toMatchObject({ exit: 0, stderr: 'nothing is open\n' })
    expect(started()).toBe(false)
  })

  it('does not bring back a stack that was stopped while it waited', async () => {
    Object.assign(server.doors, doorsOfTask('running', {}, [anEvent(1, 'started')]))
    let io: FakeIo | undefined
    const running = runHai(['ask', 'x', '-v'], {
      env,
      onIo: (given) => {
        io = given
      },
    })
    await until(() => io?.stderr.text.includes('started') ?? false, 'the first step')
    rmSync(join(dataDir, 'runner.json'))
    await server.close()
    await until(() => io?.stderr.text.includes('the local stack was stopped') ?? false, 'the note')
    io?.interrupt()
    expect((await running).exit).toBe(130)
    expect(started()).toBe(false)
  })
})

describe('hai status', () => {
  it('prints the keys of the contract with --json', async () => {
    const { stdout } = await runHai(['status', '--json'], { env })
    expect(JSON.parse(stdout)).toEqual({
      running: true,
      endpoint: server.endpoint,
      chat_endpoint: null,
      idle_minutes: null,
      workspace: 'test',
      token_file: join(dataDir, 'token'),
      data_dir: dataDir,
      cluster_dir: null,
      programs_dir: null,
      config_dir: join(home.path, '.config/hai'),
      logs_dir: join(dataDir, 'logs'),
      state_dir: join(home.path, '.local/state/hai'),
      database_url: 'postgresql://hai@127.0.0.1:5433/hai',
      pids: { runner: stack.pid, postgres: null, workers: [7, 8] },
      version: '0.1.0',
    })
  })

  it('shows people where it runs, without the password', async () => {
    const { stdout } = await runHai(['status'], { env })
    expect(stdout).toContain('postgresql://hai:***@127.0.0.1:5433/hai')
    expect(stdout).toContain(`runner ${stack.pid}, workers 7 8`)
    expect(stdout).not.toContain('secret')
  })

  it('says which stack it is about when another profile is in use', async () => {
    const ran = await runHai(['status'], { env: { ...env, ...server.env } })
    expect(ran.stderr).toContain(
      `this is the stack on this machine; the profile in use is ${server.endpoint}`,
    )
  })
})

describe('hai down', () => {
  it.runIf(process.getuid?.() === 0)('as root says what is kept outside of the data directory', async () => {
    // closed to the account that PostgreSQL gets
    chmodSync(dataDir, 0o700)
    const cluster = clusterDirOf(dataDir)
    onTestFinished(() => rmSync(dirname(cluster), { recursive: true }))
    mkdirSync(cluster, { recursive: true })
    const { exit, stderr } = await runHai(['down'], { env })
    expect(cluster).not.toContain(dataDir)
    expect({ exit, stderr }).toMatchObject({ exit: 0, stderr: expect.stringContaining(cluster) })
    expect(stderr).toContain(`what it keeps is in ${dataDir.replace(home.path, '~')}, and as root in `)
  })
})

describe('hai logs', () => {
  const log = () => join(dataDir, 'logs/runner.log')

  beforeEach(() => {
    mkdirSync(join(dataDir, 'logs'))
    writeFileSync(log(), Array.from({ length: 30_000 }, (_, n) => `line ${n}\n`).join(''))
  })

  it.each([
    [['-n', '2'], 'line 29998\nline 29999\n'],
    [['-n', '20000'], Array.from({ length: 20_000 }, (_, n) => `line ${n + 10_000}\n`).join('')],
  ])('prints the last lines with %j', async (options, expected) => {
    expect(await runHai(['logs', ...options], { env })).toMatchObject({ exit: 0, stdout: expected })
  })

  it('goes on as the file grows, until Ctrl-C', async () => {
    let io: FakeIo | undefined
    const running = runHai(['logs', '-n', '1', '-f'], {
      env,
      onIo: (given) => {
        io = given
      },
    })
    await until(() => io?.stdout.text.includes('line 29999') ?? false, 'the last line')
    writeFileSync(log(), 'one more\n', { flag: 'a' })
    await until(() => io?.stdout.text.includes('one more') ?? false, 'the new line')
    io?.interrupt()
    expect(await running).toMatchObject({ exit: 0, stdout: 'line 29999\none more\n' })
  })
})

describe('hai doctor', () => {
  it('has one line per check and a cure for each that failed', async () => {
    const health = {
      contract: CONTRACT + 1,
      schema: { version: 1, expected: 2 },
      problems: ['the sweep is late; hai up'],
    }
    const queue = { pending: 1, running: 0, awaiting_approval: 0 }
    server.doors['admin/health'] = () => ({ result: { ...health, queue } })
    const { exit, stdout } = await runHai(['doctor'], { env })
    expect(exit).toBe(11)
    for (const check of ['node', 'build', 'PATH', 'disk', 'profile', 'token', 'server']) {
      expect(stdout).toMatch(new RegExp(`^. ${check}: `, 'm'))
    }
    expect(stdout).toContain(
      `✗ contract: ${CONTRACT + 1}, this hai speaks ${CONTRACT}\n  → this hai speaks contract ${CONTRACT}, the server ${CONTRACT + 1}: update`,
    )
    expect(stdout).toContain('✗ schema: 1, the bundle expects 2\n  → hai down && hai up')
    expect(stdout).toContain('✗ queue: the sweep is late; hai up')
  })

  it.each([
    [{ default: 'a/m', reason: 'free and reachable' }, {}, /^✓ model: a\/m answers: free and reachable$/m],
    [
      { default: 'a/m' },
      { trouble: { code: 'unreachable', text: 'nothing listens at 127.0.0.1:9' } },
      /^✗ model: a\/m: nothing listens at 127\.0\.0\.1:9\n {2}→ hai model ls$/m,
    ],
    [
      { default: 'a/m' },
      { billing: 'metered', price: null },
      /^✗ model: a\/m has no price.*\n {2}→ write input/m,
    ],
    [
      { default: 'b/n', reason: 'the default is b/n, but there is no backend b', unusable: true },
      {},
      /^✗ model: nothing answers by default: the default is b\/n/m,
    ],
    [
      { default: null, models: [] },
      {},
      /^– model: there is none; what is built in answers\n {2}→ hai model add URL$/m,
    ],
  ])('says who answers, and what keeps it from that: %j %j', async (list, row, said) => {
    const health = { contract: 1, schema: { version: 1, expected: 1 }, problems: [] }
    const queue = { pending: 0, running: 0, awaiting_approval: 0 }
    server.doors['admin/health'] = () => ({ result: { ...health, queue } })
    const models = [{ backend: 'a', model: 'm', billing: 'local', enabled: true, price: null, ...row }]
    server.doors['model/list'] = () => ({ result: { models, offers: [], ...list } })
    const { exit, stdout } = await runHai(['doctor'], { env })
    expect(stdout).toMatch(said)
    expect(exit === 11).toBe(stdout.includes('✗'))
  })

  it('says what is wrong with the config, and ends with 11', async () => {
    mkdirSync(join(home.path, '.config/hai'), { recursive: true })
    writeFileSync(join(home.path, '.config/hai/config.yaml'), 'nope: 1\n')
    const { exit, stdout } = await runHai(['doctor'], { env })
    expect(exit).toBe(11)
    expect(stdout).toMatch(/✗ profile: .*config\.yaml:1: unknown key nope/)
  })
})
