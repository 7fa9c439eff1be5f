import { readFileSync } from 'node:fs'
import { chmod, mkdir, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { Setting } from '../../f/hai/core/base/contract.ts'
import type { ModelList, ModelTest } from '../../f/hai/core/model/shape.ts'
import type { Health, Home } from '../../f/hai/core/shape.ts'
import type { Accepted } from '../../f/hai/core/task/shape.ts'
import { readInstance } from '../../runner/instance.ts'
import { testDatabase } from '../support/database.ts'
import fc from '../support/fast-check.ts'
import { hai } from '../support/hai.ts'
import { aPulledModel, type FakeOllama, fakeOllama } from '../support/models/ollama.ts'
import { fakeOpenAi } from '../support/models/openai.ts'
import { startStack, type TestStack } from '../support/stack.ts'

const KEYS = { LLAMA_KEY: 'sk-llama-5f1e', GROQ_API_KEY: 'sk-groq-77aa' }

const db = testDatabase()
let ollama: FakeOllama
let server: Awaited<ReturnType<typeof fakeOpenAi>>
let stack: TestStack
let folder: string
beforeAll(async () => {
  ollama = await fakeOllama({ models: [aPulledModel()] })
  server = await fakeOpenAi({ models: ['gpt-fake'] })
  // the stack begins without an Ollama, as that of somebody who had not exported its address yet
  stack = await startStack({ databaseUrl: db.url, env: KEYS })
  folder = join(stack.env.XDG_CONFIG_HOME!, 'hai')
  await mkdir(folder, { recursive: true })
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
})
afterAll(async () => {
  await stack?.stop()
  await ollama?.stop()
  await server?.stop()
})

const write = (name: string, text: string | Uint8Array) => writeFile(join(folder, name), text)

async function call<T>(path: string, args: unknown = {}): Promise<T> {
  const { status, body } = await stack.call<T>(`f/hai/${path}`, args)
  if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`)
  return body
}

/** What doors go by, once any command has run. */
async function capAtNextCommand(): Promise<number | undefined> {
  await call('todo/list')
  const [row] = await db.sql`select value #>> '{caps,day,usd}' as usd from hai.config where name = 'budget'`
  return row && Number(row.usd)
}

const cap = (usd: number) => `caps:\n  day:\n    usd: ${usd}\n`

describe('a changed setting is in force at the next command', () => {
  it('when its file is made, changed, moved away, moved back and deleted', async () => {
    expect(await capAtNextCommand()).toBe(30)
    await write('budget.yaml', cap(41))
    expect(await capAtNextCommand()).toBe(41)
    await write('budget.yaml', cap(42))
    expect(await capAtNextCommand()).toBe(42)
    await rename(join(folder, 'budget.yaml'), join(folder, 'aside'))
    expect(await capAtNextCommand()).toBe(30)
    await rename(join(folder, 'aside'), join(folder, 'budget.yaml'))
    expect(await capAtNextCommand()).toBe(42)
    await rm(join(folder, 'budget.yaml'))
    expect(await capAtNextCommand()).toBe(30)
  })

  it('also when neither its size nor its time tells', async () => {
    const file = join(folder, 'budget.yaml')
    await write('budget.yaml', cap(43))
    expect(await capAtNextCommand()).toBe(43)
    const { atime, mtime } = await stat(file)
    await write('budget.yaml', cap(44))
    await utimes(file, atime, mtime)
    expect(await capAtNextCommand()).toBe(44)
  })

  it('also through a link, when its target changes or it leads elsewhere', async () => {
    const dotfiles = join(stack.env.HOME!, 'dotfiles')
    await mkdir(dotfiles, { recursive: true })
    await writeFile(join(dotfiles, 'one.yaml'), cap(45))
    await writeFile(join(dotfiles, 'two.yaml'), cap(46))
    await symlink(join(dotfiles, 'one.yaml'), join(folder, 'budget.yaml'))
    expect(await capAtNextCommand()).toBe(45)
    await writeFile(join(dotfiles, 'one.yaml'), cap(47))
    expect(await capAtNextCommand()).toBe(47)
    await rm(join(folder, 'budget.yaml'))
    await symlink(join(dotfiles, 'two.yaml'), join(folder, 'budget.yaml'))
    expect(await capAtNextCommand()).toBe(46)
  })

  it('for each of many commands at once', async () => {
    await write('budget.yaml', cap(48))
    expect(await Promise.all(Array.from({ length: 8 }, capAtNextCommand))).toEqual(Array(8).fill(48))
  })
})

/** What may be written into a settings file, beginning with what is good. */
const GOOD: Record<string, object> = {
  budget: { caps: { day: { usd: 50 } }, on_cap: 'dead' },
  models: { liveness_seconds: 60, backends: { x: { kind: 'claude-code', billing: 'subscription' } } },
  channels: { phone: { kind: 'webhook', url: 'https://ntfy.example.com', format: 'ntfy', topic: 'hai' } },
  members: { sam: { role: 'member', usernames: ['sam'] } },
}

/** Ways in which a good text becomes one that can't be meant so. */
const breaks = fc.oneof(
  fc.tuple(fc.constantFrom('capz', 'xx', 'defaultt', '<<', '__proto__', 'Caps', '0'), fc.json()).map(
    ([key, value]) =>
      (text: string) =>
        `${text}${JSON.stringify(key)}: ${value}\n`,
  ),
  fc.constantFrom(
    (text: string) => `${text}\tx: 1\n`,
    (text: string) => `${text}${text}`,
    (text: string) => `${text}---\n${text}`,
    (text: string) => `- ${text.split('\n')[0]}\n`,
    (text: string) => `${text}x: [1, 2\n`,
    (text: string) => `${text}x: "open\n`,
    (text: string) => `${text}x: *nothing\n`,
    (text: string) => `${text}x: !secret y\n`,
    (text: string) => `!include ${JSON.stringify(text)}\n`,
    (text: string) => text.replace(/: (?=\S)/g, ':'),
    (text: string) => text.replace(/^( *)(\w+): (\S+)$/m, '$1$2: [$3]'),
    (text: string) => text.replace(/^( *)(\w+): (\S+)$/m, '$1$2: "\\0"'),
    (text: string) => text.replace(/^( *)(\w+): (\S+)$/m, '$1$2: .inf'),
    (text: string) => text.replace(/^( *)(\w+): (\S+)$/m, '$1$2: -.inf'),
    (text: string) => text.replace(/^( *)(\w+): (\S+)$/m, '$1$2: .nan'),
    (text: string) => text.replace(/^( *)(\w+): (\S+)$/m, '$1$2: !!set {a, b}'),
    (text: string) => text.replace(/^( *)(\w+): (\S+)$/m, '$1$2: !!binary aGFp'),
    (text: string) => `${text}nothing:\n`,
    () => 'a text\n',
    () => 'false\n',
    () => '0\n',
    () => '[]\n',
    (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le'),
    (text: string) => Buffer.from(`${text}# caf\xe9\n`, 'latin1'),
  ),
)

describe('a broken setting', () => {
  it('is never passed over: it is told with its file, and what was good before is in force', async () => {
    const cases = fc.asyncProperty(fc.constantFrom(...Object.keys(GOOD)), breaks, async (name, broken) => {
      const good = stringify(GOOD[name])
      await write(`${name}.yaml`, good)
      expect((await call<Home>('home')).problems ?? []).toEqual([])
      const [before] = await db.sql`select value from hai.config where name = ${name}`
      expect(before?.value).toMatchObject(GOOD[name]!)
      await write(`${name}.yaml`, broken(good))
      const told = expect.stringMatching(
        new RegExp(`^${name} configuration \\(${name}\\.yaml, .*; what was good before is in force$`, 's'),
      )
      expect((await call<Home>('home')).problems).toEqual([told])
      const [after] = await db.sql`select value from hai.config where name = ${name}`
      expect(after?.value).toEqual(before?.value)
      await rm(join(folder, `${name}.yaml`))
    })
    await fc.assert(cases, { numRuns: 40 })
  })

  it.each([
    ['caps:\n\tday: 1\n', 'line 2, column 1: a tab; YAML is indented with spaces'],
    ['a: 1\na: 2\n', 'line 2, column 1: the same name is there twice; keep one'],
    ['a: 1\n---\nb: 1\n', 'line 2, column 1: a second document begins with ---'],
    ['caps:\n  day:\n    usd: lots\n', 'caps.day.usd: "lots" is not accepted; expected number'],
    ['capz: {}\n', 'unknown field capz; did you mean caps?'],
    ['caps: {day: {usdd: 1}}\n', 'unknown field caps.day.usdd; did you mean usd?'],
  ])('%j is told with the place and what to do', async (text, words) => {
    await write('budget.yaml', text)
    expect((await call<Home>('home')).problems?.join()).toContain(words)
  })

  it('is none when its file is empty, holds only comments, or begins with a byte order mark', async () => {
    for (const text of [
      '',
      '# nothing yet\n',
      '---\n',
      `\ufeff${cap(49)}`,
      cap(49).replaceAll('\n', '\r\n'),
    ]) {
      await write('budget.yaml', text)
      expect((await call<Home>('home')).problems ?? []).toEqual([])
    }
    expect(await capAtNextCommand()).toBe(49)
  })

  it('is told when it is a folder, a link to nothing, or another’s', async () => {
    const file = join(folder, 'budget.yaml')
    await mkdir(file)
    expect((await call<Home>('home')).problems?.join()).toContain('it is a folder')
    await rm(file, { recursive: true })
    await symlink('/nowhere/budget.yaml', file)
    expect((await call<Home>('home')).problems?.join()).toContain('it is a link to a file that is not there')
    await rm(file)
    await write('budget.yaml', cap(1))
    await chmod(file, 0)
    // root may read anything
    const denied = process.getuid?.() === 0 ? [] : [expect.stringContaining('change its mode or owner')]
    expect((await call<Home>('home')).problems ?? []).toEqual(denied)
  })

  it('is told by ask, hai, doctor and config show, each with the file’s own path and an exit status that says so', async () => {
    await write('budget.yaml', 'caps:\n  day:\n    usd: lots\n')
    await write('models.yml', 'liveness_seconds: 5\n')
    await write('models.yaml.bak', '')
    const path = join(folder, 'budget.yaml').replace(stack.env.HOME!, '~')
    const broken = `${path}: caps.day.usd: "lots" is not accepted; expected number`
    const misnamed = `${path.replace('budget.yaml', 'models.yml')} is not read`
    const asked = await hai(stack.env, ['ask', '-q', 'what is open?'])
    expect(asked).toMatchObject({ code: 0, stdout: 'nothing is open\n' })
    expect(asked.stderr).toContain(`! ${broken}`)
    expect(asked.stderr).toContain(misnamed)
    expect(asked.stderr).not.toMatch(/Windmill|models\.yaml\.bak/)
    const home = await hai(stack.env, [])
    expect(home.stdout).toContain(broken)
    expect(home.stdout).toContain(misnamed)
    await write('agents.yaml', '')
    const doctor = await hai(stack.env, ['doctor'])
    await rm(join(folder, 'agents.yaml'))
    expect(doctor.stdout).toMatch(/– settings: .*agents\.yaml is not read; .* budget\.yaml, /)
    expect(doctor.stdout).toContain(`✗ settings: ${broken}`)
    expect(doctor.stdout).toMatch(
      /✗ settings: .*models\.yml is not read.*\n {2}→ mv \S+models\.yml \S+models\.yaml/,
    )
    expect(doctor.code).toBe(11)
    const shown = await hai(stack.env, ['config', 'show', '--origin'])
    expect(shown.code).toBe(2)
    expect(shown.stderr).toContain(`! ${broken}`)
    expect(shown.stderr).toContain(misnamed)
    expect(shown.stdout).not.toContain('~/.config/hai')
    expect((await hai(stack.env, ['--help'])).stdout).toContain(
      '11  hai doctor or gitops status found something to mend',
    )
    await rm(join(folder, 'budget.yaml'))
    await rm(join(folder, 'models.yml'))
    const mended = await hai(stack.env, ['doctor'])
    expect(mended).toMatchObject({ code: 0, stdout: expect.stringContaining(`✓ settings: those of`) })
  })

  it('says where values come from by the folder that is read', async () => {
    await write('budget.yaml', cap(50))
    const { stdout } = await hai(stack.env, ['config', 'show', 'budget', '--origin'])
    const shown = join(folder, 'budget.yaml').replace(stack.env.HOME!, '~')
    expect(stdout).toMatch(new RegExp(`^budget\\.caps\\.day\\.usd +50 +${shown}$`, 'm'))
    const { settings } = await call<{ settings: Setting[] }>('config/show', { name: 'budget' })
    expect(settings[0]?.origin['caps.day.usd']).toBe('u/operator/hai_budget')
  })
})

describe('a guard that is off', () => {
  it('is told by ask once a day, by hai each time, and by doctor as what may be meant', async () => {
    await write('budget.yaml', 'caps: {day: null}\n')
    await write('models.yaml', 'backends: {x: {kind: anthropic, billing: metered}}\n')
    const words = 'no cap holds for all work of a day or month'
    expect((await hai(stack.env, ['ask', 'what is open?'])).stderr).toContain(words)
    expect((await hai(stack.env, ['ask', 'what is open?'])).stderr).not.toContain(words)
    expect((await hai(stack.env, [])).stdout).toContain(words)
    const doctor = await hai(stack.env, ['doctor'])
    expect(doctor.stdout).toContain(`– settings: ${words}`)
    expect(doctor.code).toBe(0)
  })
})

describe('the environment of the stack', () => {
  const backend = (reference: string) =>
    `backends:\n  llama:\n    kind: openai-compatible\n    url: ${server.url}/v1\n    billing: local\n    api_key: ${reference}\n    models: {gpt-fake: {}}\n`
  const keyOf = () => server.calls.findLast(({ method }) => method === 'POST')?.headers.authorization

  it('gives workers every name that the settings refer to, also one that they begin to refer to while it runs', async () => {
    await write('models.yaml', backend('$env:LLAMA_KEY'))
    expect(await call('model/test')).toMatchObject({ ok: true })
    expect(keyOf()).toBe(`Bearer ${KEYS.LLAMA_KEY}`)
    await write('models.yaml', backend('$env:GROQ_API_KEY'))
    expect(await call('model/test')).toMatchObject({ ok: true })
    expect(keyOf()).toBe(`Bearer ${KEYS.GROQ_API_KEY}`)
  })

  it('where a name is empty, the one who asks is told where it must be set', async () => {
    await write('models.yaml', backend('$env:MISSING_KEY'))
    const asked = await hai(stack.env, ['ask', 'please explain'])
    expect(asked.code).toBe(6)
    expect(asked.stderr).toMatch(
      /api_key of llama is \$env:MISSING_KEY, which is empty; .*export MISSING_KEY=…, then hai down.*WHITELIST_ENVS/,
    )
    const listed = await hai(stack.env, ['model', 'ls'])
    expect(listed.stderr).toContain(
      'the settings refer to $env:MISSING_KEY, which is not set in the running stack',
    )
    const doctor = await hai(stack.env, ['doctor'])
    expect(doctor.stdout).toContain('✗ environment: the settings refer to $env:MISSING_KEY')
    expect(doctor.code).toBe(11)
    const exported = await hai({ ...stack.env, MISSING_KEY: 'sk-now-here' }, ['model', 'ls'])
    expect(exported.stderr).toMatch(/MISSING_KEY is set here and not in the running stack → hai down/)
  })

  it('is compared with that of a command: what was exported later is told, by name, and what helps', async () => {
    const later = { ...stack.env, OLLAMA_HOST: ollama.url, HTTPS_PROXY: 'http://proxy.example.com:3128' }
    const differs = /OLLAMA_HOST is set to another value here than in the running stack → hai down/
    const unset = /HTTPS_PROXY is set here and not in the running stack → hai down/
    const told = [
      await hai(later, ['model', 'ls']),
      await hai(later, ['ask', 'please explain']),
      await hai(later, ['model', 'test']),
      await hai(later, []),
    ]
    for (const { stdout, stderr } of told) {
      expect(stdout + stderr).toMatch(differs)
      expect(stdout + stderr).toMatch(unset)
      expect(stdout + stderr).not.toContain('proxy.example.com')
    }
    const elsewhere = 'postgresql://hai:pass-word@db.example.com/other'
    const moved = (await hai({ ...stack.env, HAI_DATABASE_URL: elsewhere }, ['doctor'])).stdout
    expect(moved).toMatch(/– environment: HAI_DATABASE_URL is set to another value/)
    expect(moved).not.toMatch(/pass-word|db\.example/)
    const doctor = await hai(later, ['doctor'])
    expect(doctor.stdout).toMatch(/– environment: OLLAMA_HOST is set to another value/)
    for (const args of [['model', 'ls'], [], ['doctor']]) {
      const { stdout, stderr } = await hai(stack.env, args)
      expect(stdout + stderr).not.toContain('running stack')
    }
    const { environment } = readInstance(stack.instance.data_dir)!
    expect(environment?.variables).toHaveProperty('OLLAMA_HOST')
    const record = readFileSync(join(stack.instance.data_dir, 'runner.json'), 'utf8')
    for (const value of [...Object.values(KEYS), stack.env.OLLAMA_HOST!]) expect(record).not.toContain(value)
  })

  it('is compared by programs too: a claude on this PATH alone', async () => {
    const bin = join(stack.env.HOME!, '.local', 'bin')
    await mkdir(bin, { recursive: true })
    await writeFile(join(bin, 'claude'), '#!/bin/sh\n', { mode: 0o755 })
    const { stderr } = await hai({ ...stack.env, PATH: `${bin}:${stack.env.PATH}` }, ['model', 'ls'])
    expect(stderr).toContain(
      `claude is on the PATH here (${join(bin, 'claude')}), not on the running stack's`,
    )
  })
})

describe('hai status', () => {
  it('names every folder that holds data, and shows no password', async () => {
    const { stdout } = await hai(stack.env, ['status', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      data_dir: stack.instance.data_dir,
      cluster_dir: null,
      config_dir: folder,
      state_dir: join(stack.env.XDG_STATE_HOME!, 'hai'),
      logs_dir: join(stack.instance.data_dir, 'logs'),
    })
    const { password } = new URL(db.url)
    if (password) expect(stdout).not.toContain(`:${password}@`)
    const text = (await hai(stack.env, ['status'])).stdout
    expect(text).toContain(folder.replace(stack.env.HOME!, '~'))
  })
})

describe('a worker process that somebody ends', () => {
  const log = () => readFileSync(join(stack.instance.data_dir, 'logs', 'runner.log'), 'utf8')
  const workers = () => readInstance(stack.instance.data_dir)!.pids.workers

  it('leaves a line in the log: signal, process, and what it ran', async () => {
    const idle = workers()[0]!
    process.kill(idle, 'SIGKILL')
    await expect.poll(log).toMatch(new RegExp(`process ${idle} was ended by SIGKILL while it was idle`))
    await write(
      'models.yaml',
      `backends:\n  llama:\n    kind: openai-compatible\n    url: ${server.url}/v1\n    billing: local\n    models: {gpt-fake: {}}\n`,
    )
    server.next({ text: ['one ', 'two '], ending: 'hang' })
    const before = server.calls.length
    const { task_id } = await call<Accepted>('inbox', { body: { source: 'test', content: 'please explain' } })
    await expect.poll(() => server.calls.length).toBeGreaterThan(before)
    const [task] = await db.sql`select job_id from hai.task_queue where id = ${task_id}`
    const job = await stack.request(`/api/w/hai/jobs_u/get/${task?.job_id}`)
    const { worker } = (await job.json()) as { worker: string }
    const pid = Number(worker.replace(/\D/g, ''))
    process.kill(pid, 'SIGKILL')
    await expect
      .poll(log)
      .toMatch(
        new RegExp(
          `the work process ${pid} was ended by SIGKILL while it ran f/hai/worker/run, job [0-9a-f-]{36}`,
        ),
      )
    await call('task/cancel', { id: task_id })
  })
})

describe('a server’s hai', () => {
  it('says nothing of this machine’s files', async () => {
    await write('budget.yml', cap(1))
    await write('budget.yaml', 'capz: 1\n')
    const remote = {
      ...stack.env,
      HAI_ENDPOINT: stack.endpoint,
      HAI_WORKSPACE: stack.workspace,
      HAI_TOKEN: stack.token,
      OLLAMA_HOST: ollama.url,
    }
    const { stderr } = await hai(remote, ['ask', 'what is open?'])
    expect(stderr).toContain('! u/operator/hai_budget: unknown field capz; did you mean caps?')
    expect(stderr).not.toMatch(/budget\.y|running stack/)
    const { problems } = await call<Health>('admin/health')
    expect(problems.join()).toContain('unknown field capz')
    expect((await call<ModelList>('model/list')).error).toBeUndefined()
    expect(await call<ModelTest>('model/test').catch((error: Error) => error.message)).toBeTruthy()
  })
})
