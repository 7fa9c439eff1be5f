import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { Models } from '../../../f/hai/core/base/backends.ts'
import type { ModelList, ModelRow } from '../../../f/hai/core/model/shape.ts'
import { type CannedServer, cannedServer, refusal } from '../canned-server.ts'
import { aLocalStack, type LocalStack } from '../local-stack.ts'
import { aHomeFolder, runHai, until } from '../run-hai.ts'
import { startHai } from '../running-hai.ts'

const JOB = '01938f5e-0000-7000-8000-000000000001'

const aRow = (fields: Partial<ModelRow> = {}): ModelRow => ({
  backend: 'ollama',
  model: 'llama3.1:8b',
  kind: 'openai-compatible',
  url: 'http://127.0.0.1:11434',
  billing: 'local',
  found: true,
  enabled: true,
  loaded: true,
  context: null,
  price: null,
  ...fields,
})

const CLAUDE = aRow({
  backend: 'anthropic',
  model: 'claude-sonnet-4-5',
  kind: 'anthropic',
  url: null,
  billing: 'metered',
  found: false,
  loaded: null,
  context: 200_000,
  price: { input: 3, output: 15 },
})

const LIST: ModelList = {
  default: 'ollama/llama3.1:8b',
  reason: 'loaded already',
  models: [aRow(), CLAUDE],
  offers: [{ backend: 'claude-code', how: 'claude is on the PATH; its login answers' }],
}

let server: CannedServer
let home: ReturnType<typeof aHomeFolder>

beforeEach(async () => {
  server = await cannedServer({ 'model/list': () => ({ result: LIST }) })
  home = aHomeFolder()
})

afterEach(async () => {
  await server.close()
  home.remove()
})

const remote = (...argv: string[]) => runHai(argv, { env: { ...home.env, ...server.env } })

describe('hai model ls', () => {
  it('shows state, context and price, and marks the default', async () => {
    const { stdout, stderr } = await remote('model', 'ls')
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^\* +ollama\/llama3\.1:8b +found, loaded +free +http/),
      expect.stringMatching(/^ +anthropic\/claude-sonnet-4-5 +enabled +200k +\$3 in, \$15 out$/),
      '',
    ])
    expect(stderr).toContain('claude is on the PATH; its login answers → hai model enable claude-code')
    expect(stderr).toContain('ollama/llama3.1:8b answers: loaded already')
  })

  it('shows the window in force, and whose word it is where it is not the operator’s', async () => {
    const models = [
      aRow({ context: 2048, context_from: 'server' }),
      aRow({ model: 'b', context: 4000, context_from: 'earlier_call' }),
      { ...CLAUDE, context_from: 'settings' as const },
    ]
    server.doors['model/list'] = () => ({ result: { ...LIST, models } })
    const lines = (await remote('model', 'ls')).stdout.split('\n')
    expect(lines.slice(0, 3)).toEqual([
      expect.stringMatching(/ 2k \(server\) +free/),
      expect.stringMatching(/ 4k \(learnt\) +free/),
      expect.stringMatching(/ 200k +\$3/),
    ])
  })

  it('says what is wrong with a backend, also when it has no model to show', async () => {
    const problem = 'ollama has been unreachable for 4 min (connect ECONNREFUSED)'
    server.doors['model/list'] = () => ({ result: { ...LIST, models: [], problems: [problem] } })
    expect((await remote('model', 'ls')).stdout).toBe(`${problem}\n`)
    server.doors['model/list'] = () => ({ result: { ...LIST, problems: [problem] } })
    expect((await remote('model', 'ls')).stdout.trimEnd().split('\n').at(-1)).toBe(problem)
  })

  it('says what is wrong with the configuration', async () => {
    const where = 'models configuration (models.yaml, on Windmill u/operator/hai_models)'
    const error = `${where}: backends.x.kind is missing; what was good before is in force`
    server.doors['model/list'] = () => ({ result: { ...LIST, error } })
    const ran = await remote('model', 'ls')
    expect(ran.exit).toBe(0)
    expect(ran.stderr).toContain(
      '! u/operator/hai_models: backends.x.kind is missing; what was good before is in force',
    )
  })
})

describe('hai model test', () => {
  const answer = (result: object, success = true) => {
    server.doors['jobs/run/p/f/hai/model/test'] = () => ({ status: 201, body: JOB })
    server.doors[`jobs_u/completed/get_result_maybe/${JOB}`] = (_args, call) => ({
      result: call === 1 ? { completed: false, result: null } : { completed: true, success, result },
    })
  }

  it('runs as a job and says how fast the model is', async () => {
    const times = {
      load_ms: 2100,
      first_text_ms: 320,
      total_ms: 4000,
      output_tokens: 42,
      tokens_per_second: 22.5,
    }
    answer({ backend: 'ollama', model: 'llama3.1:8b', ok: true, ...times })
    const ran = await remote('model', 'test', 'ollama/llama3.1:8b')
    expect(ran).toMatchObject({
      exit: 0,
      stdout:
        'ollama/llama3.1:8b answers: loaded in 2.1 s, first text after 320 ms, 42 tokens, done after 4.0 s, 22.5 tokens/s\n',
    })
    const [call] = server.callsOf('jobs/run/p/f/hai/model/test')
    expect(call?.args).toEqual({ backend: 'ollama', model: 'llama3.1:8b' })
  })

  it('ends with 6 and the next step when the model does not answer', async () => {
    const error = { code: 'not_pulled', message: 'ollama has no model x', next_step: 'ollama pull x' }
    answer({ backend: 'ollama', model: 'x', ok: false, error })
    const ran = await remote('model', 'test')
    expect(ran).toMatchObject({ exit: 6, stdout: '' })
    expect(ran.stderr).toContain('hai: ollama has no model x\n→ ollama pull x\n')
  })

  it('ends with 5, too busy, when the model answers somebody else', async () => {
    const error = { code: 'busy', message: 'llama is busy', next_step: 'wait for it: hai task tail AB7F3K' }
    answer({ backend: 'llama', model: 'x', ok: false, error })
    expect(await remote('model', 'test')).toMatchObject({ exit: 5, stdout: '' })
  })

  it('ends the job at Ctrl-C, and says so', async () => {
    answer({})
    server.doors[`jobs_u/completed/get_result_maybe/${JOB}`] = () => ({
      result: { completed: false, result: null },
    })
    server.doors[`jobs_u/queue/cancel/${JOB}`] = () => ({ status: 200, body: JOB })
    const { io, ended } = startHai(['model', 'test'], { env: { ...home.env, ...server.env } })
    await until(() => io.interrupt(), 'the wait')
    const ran = await ended
    expect(ran).toMatchObject({ exit: 130, stdout: '' })
    expect(ran.stderr).toContain('interrupted; the test was stopped')
    expect(server.callsOf(`jobs_u/queue/cancel/${JOB}`)).toHaveLength(1)
  })

  it('says where a job cannot be ended from outside', async () => {
    answer({})
    server.doors[`jobs_u/completed/get_result_maybe/${JOB}`] = () => ({
      result: { completed: false, result: null },
    })
    server.doors[`jobs_u/queue/cancel/${JOB}`] = () => ({ status: 302, body: 'Found' })
    const { io, ended } = startHai(['model', 'test'], { env: { ...home.env, ...server.env } })
    await until(() => io.interrupt(), 'the wait')
    const ran = await ended
    expect(ran.exit).toBe(130)
    expect(ran.stderr).toContain(
      'does not let jobs be ended from here\n→ the job goes on, and ends by itself\n',
    )
  })

  it('says no rate of one token, and what is to be said besides', async () => {
    const times = { load_ms: 0, first_text_ms: 20, total_ms: 40, output_tokens: 1, tokens_per_second: null }
    answer({ backend: 'a', model: 'b', ok: true, ...times, notices: ['another model answered'] })
    const ran = await remote('model', 'test')
    expect(ran.stdout).toBe('a/b answers: first text after 20 ms, 1 token, done after 40 ms\n')
    expect(ran.stderr).toContain('another model answered\n')
  })

  it('understands a job that the door failed', async () => {
    const error = { code: 'not_found', message: 'no model to try; see hai model ls' }
    answer({ error: { name: 'ManualFailure', message: 'failed' }, result: { error } }, false)
    const ran = await remote('model', 'test')
    expect(ran).toMatchObject({ exit: 3, stdout: '' })
    expect(ran.stderr).toContain('no model to try')
  })

  it('takes the name of a backend alone, as alarms tell it', async () => {
    answer({ backend: 'ollama', model: 'llama3.1:8b', ok: true })
    expect((await remote('model', 'test', 'ollama')).exit).toBe(0)
    expect(server.callsOf('jobs/run/p/f/hai/model/test')[0]?.args).toEqual({ backend: 'ollama' })
  })

  it('refuses a name that is none, and asks nobody', async () => {
    expect((await remote('model', 'test', 'http://127.0.0.1:8080')).exit).toBe(2)
    expect(server.calls).toEqual([])
  })
})

describe('changing the models of this machine', () => {
  let stack: LocalStack
  let file: string
  const local = (...argv: string[]) => runHai(argv, { env: { ...home.env, ...stack.env } })
  const given = (text: string) => {
    mkdirSync(join(home.path, '.config/hai'), { recursive: true })
    writeFileSync(file, text)
  }

  beforeEach(async () => {
    stack = await aLocalStack(home.path, server)
    file = join(home.path, '.config/hai/models.yaml')
  })

  afterEach(() => stack.stop())

  it.each(['anthropic', 'claude-code', 'anthropic/claude-haiku-4-5', 'anthropic/claude-of-next-year'])(
    'enables %s with settings that the server takes, and keeps comments',
    async (name) => {
      given('# mine\nliveness_seconds: 60 # slow box\n')
      const ran = await local('model', 'enable', name)
      expect(ran).toMatchObject({ exit: 0, stdout: `${name} is enabled in ~/.config/hai/models.yaml\n` })
      const text = readFileSync(file, 'utf8')
      expect(text).toContain('# mine\nliveness_seconds: 60 # slow box\n')
      const { backends } = Models.parse(parse(text))
      const [backend = '', model] = name.split('/')
      expect(backends[backend]?.enabled).toBe(true)
      if (model) expect(Object.keys(backends[backend]?.models ?? {})).toEqual([model])
      expect(ran.stderr).toContain('ollama/llama3.1:8b answers by default: loaded already')
    },
  )

  it('writes no key, only where it is, and says so when it is not there', async () => {
    const ran = await local('model', 'enable', 'anthropic')
    expect(readFileSync(file, 'utf8')).toContain('api_key: $env:ANTHROPIC_API_KEY')
    expect(ran.stderr).not.toContain("can't answer yet")
    const trouble = {
      code: 'no_key',
      text: 'ANTHROPIC_API_KEY is empty in the environment of the stack',
    } as const
    server.doors['model/list'] = () => ({ result: { ...LIST, models: [aRow(), { ...CLAUDE, trouble }] } })
    const set = { ...home.env, ...stack.env, ANTHROPIC_API_KEY: 'sk-secret' }
    const again = await runHai(['model', 'enable', 'anthropic'], { env: set })
    // what is set here is not what the stack was started with
    expect(again.stderr).toContain(
      `anthropic can't answer yet: ${trouble.text}; mend that, then hai down && hai up`,
    )
    expect(again.stdout).toContain('anthropic is already enabled')
    expect(readFileSync(file, 'utf8')).not.toContain('sk-secret')
  })

  it('enables again what was disabled, and leaves the rest of it as it was', async () => {
    const own = 'kind: openai-compatible\n    url: http://box.example.com/v1\n    billing: local'
    given(`backends:\n  vllm:\n    ${own}\n    enabled: false\n    models: { big: {} }\n`)
    expect(await local('model', 'enable', 'vllm')).toMatchObject({ exit: 0 })
    const { vllm } = Models.parse(parse(readFileSync(file, 'utf8'))).backends
    expect(vllm).toMatchObject({ enabled: true, url: 'http://box.example.com/v1', models: { big: {} } })
  })

  it.each([
    [
      'nothing-known',
      /does not know how to reach nothing-known; by name alone it knows anthropic, claude-code\n→ hai model add URL nothing-known /,
    ],
    ['ollama', /ollama is used wherever it is found/],
  ])('says how to go on when %s cannot be enabled, and writes nothing', async (name, message) => {
    const ran = await local('model', 'enable', name)
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toMatch(message)
    expect(existsSync(file)).toBe(false)
  })

  it('says what keeps a backend that was enabled from answering, as the stack sees it', async () => {
    const trouble = { code: 'missing', text: 'claude is not on the PATH of the stack' } as const
    const row = aRow({
      backend: 'claude-code',
      model: 'default',
      billing: 'subscription',
      found: false,
      trouble,
    })
    server.doors['model/list'] = () => ({ result: { ...LIST, models: [aRow(), row] } })
    const ran = await local('model', 'enable', 'claude-code')
    expect(ran.exit).toBe(0)
    expect(ran.stderr).toContain(
      "claude-code can't answer yet: claude is not on the PATH of the stack; mend that, then hai down && hai up",
    )
    expect(ran.stderr).toContain('ollama/llama3.1:8b answers by default')
    const shown = await local('model', 'ls')
    expect(shown.stdout).toMatch(/claude-code\/default +missing +subscription/)
    expect(shown.stdout).toContain('claude-code: claude is not on the PATH of the stack\n')
  })

  it('disables a backend and enables it again; a default that named it goes', async () => {
    const before =
      '# mine\nbackends:\n  vllm:\n    # big\n    kind: openai-compatible\n    url: http://box/v1\n    billing: local\n    models: [big]\n'
    given(`${before}default: vllm/big\n`)
    const ran = await local('model', 'disable', 'vllm')
    expect(ran).toMatchObject({ exit: 0, stdout: 'vllm is disabled in ~/.config/hai/models.yaml\n' })
    expect(ran.stderr).toContain('the default was vllm/big, and is none now')
    expect(ran.stderr).toContain('to undo: hai model enable vllm')
    const text = readFileSync(file, 'utf8')
    expect(Models.parse(parse(text))).toMatchObject({ backends: { vllm: { enabled: false } } })
    expect(parse(text)).not.toHaveProperty('default')
    expect((await local('model', 'disable', 'vllm')).stdout).toContain('vllm is already disabled')
    await local('model', 'enable', 'vllm')
    expect(parse(readFileSync(file, 'utf8'))).toEqual(parse(before))
    expect(readFileSync(file, 'utf8')).toContain('# big')
  })

  it('disables an Ollama that was only found, so that the file is taken, and finds it again', async () => {
    expect((await local('model', 'disable', 'ollama')).exit).toBe(0)
    const { ollama } = Models.parse(parse(readFileSync(file, 'utf8'))).backends
    expect(ollama).toMatchObject({ enabled: false, url: 'http://127.0.0.1:11434' })
    await local('model', 'enable', 'ollama')
    expect(parse(readFileSync(file, 'utf8'))).toEqual({ backends: {} })
  })

  it.each([
    ['nope', 3, 'there is no backend nope; nothing was changed'],
    ['a/b', 2, '"a/b" is no backend'],
  ])('refuses to disable %s', async (name, exit, message) => {
    const ran = await local('model', 'disable', name)
    expect(ran).toMatchObject({ exit, stderr: expect.stringContaining(message) })
    expect(existsSync(file)).toBe(false)
  })

  it('says that nothing answers when the default can’t be used', async () => {
    const reason = 'the default is gone/x, but there is no backend gone'
    server.doors['model/list'] = () => ({ result: { ...LIST, default: 'gone/x', reason, unusable: true } })
    expect((await local('model', 'enable', 'anthropic')).stderr).toContain(
      `nothing answers by default: ${reason}`,
    )
    expect((await local('model', 'ls')).stderr).toContain(`nothing answers: ${reason}`)
  })

  it.each(['backends: [', '- a list', 'backends: 7'])('refuses to change a file like %j', async (text) => {
    given(text)
    const ran = await local('model', 'enable', 'anthropic')
    expect(ran.exit).toBe(2)
    expect(ran.stderr).toContain('nothing was changed')
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('makes a model the default', async () => {
    await local('model', 'default', 'anthropic/claude-sonnet-4-5')
    expect(parse(readFileSync(file, 'utf8'))).toEqual({ default: 'anthropic/claude-sonnet-4-5' })
  })

  it.each([
    ['ollama/nope', 3, 'ollama has no model nope, only llama3.1:8b; nothing was changed\n→ ollama pull nope'],
    [
      'vllm/big',
      3,
      'there is no backend vllm; nothing was changed\n→ hai model ls shows them; to let another server answer: hai model add URL vllm\n',
    ],
    [
      'claude-code/x',
      3,
      'there is no backend claude-code; nothing was changed\n→ hai model enable claude-code\n',
    ],
    ['llama', 2, '"llama" is no model; expected BACKEND/MODEL'],
  ])('refuses the default %s', async (name, exit, message) => {
    const ran = await local('model', 'default', name)
    expect(ran.exit).toBe(exit)
    expect(ran.stderr).toContain(message)
    expect(existsSync(file)).toBe(false)
  })

  it('takes a default that the file does not name, and says so', async () => {
    const ran = await local('model', 'default', 'anthropic/claude-of-next-year')
    expect(ran).toMatchObject({ exit: 0 })
    expect(ran.stderr).toContain(
      'anthropic/claude-of-next-year is not among the models that are written down: claude-sonnet-4-5; it is asked for',
    )
  })

  it.each([
    ['default', 'ollama/llama3.1:8b'],
    ['default', 'cloud/x'],
    ['enable', 'anthropic'],
    ['disable', 'vllm'],
    ['disable', 'odd'],
    ['disable', 'nope'],
  ])('changes nothing by %s %s where the stack refuses the file, and names it', async (verb, name) => {
    const text = '# mine\nbackends:\n  vllm: { kind: openai-compatible, url: x }\n  odd: 7\n'
    given(text)
    const error =
      'models configuration (models.yaml, on Windmill u/operator/hai_models): backends.vllm.url: "x" is not accepted; what was good before is in force'
    server.doors['model/list'] = () => ({ result: { ...LIST, error } })
    const { exit, stdout, stderr } = await local('model', verb, name)
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' })
    expect(stderr).toMatch(
      /^hai: .*\/models\.yaml: backends\.vllm\.url: "x" is not accepted.*; nothing was changed$/m,
    )
    expect(stderr).not.toContain('Windmill')
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('leaves no file where the stack refuses the one that it wrote', async () => {
    server.doors['model/list'] = () => ({
      result: { ...LIST, ...(existsSync(file) ? { error: 'models configuration: no' } : {}) },
    })
    expect(await local('model', 'enable', 'anthropic')).toMatchObject({ exit: 2, stdout: '' })
    expect(existsSync(file)).toBe(false)
  })

  it('mends a default that keeps the server from listing its models', async () => {
    given('default: vllm/gone\n')
    server.doors['model/list'] = () =>
      refusal(400, 'invalid', 'the default is vllm/gone, but there is no vllm')
    expect(await local('model', 'default', 'ollama/llama3.1:8b')).toMatchObject({ exit: 0 })
    expect(readFileSync(file, 'utf8')).toBe('default: ollama/llama3.1:8b\n')
  })
})

describe('changing the models of a server', () => {
  it.each([
    [['disable', 'anthropic'], { backends: { anthropic: { enabled: false } } }],
    [['default', 'anthropic/claude-sonnet-4-5'], { default: 'anthropic/claude-sonnet-4-5' }],
    // one that is configured there already
    [['enable', 'anthropic'], { backends: { anthropic: { enabled: true } } }],
  ])('prints what %j changes, where it goes, and changes nothing', async (words, value) => {
    const ran = await remote('model', ...words)
    expect(ran.exit).toBe(0)
    expect((parse(ran.stdout) as { value: unknown }).value).toEqual(value)
    expect(ran.stderr).toContain('nothing was changed')
    expect(ran.stderr).toContain('u/operator/hai_models.resource.yaml')
    expect(existsSync(join(home.path, '.config/hai/models.yaml'))).toBe(false)
  })

  it('prints what belongs into the repository, and says that nothing was changed', async () => {
    server.doors['model/list'] = () => ({ result: { ...LIST, models: [aRow()] } })
    const ran = await remote('model', 'enable', 'anthropic')
    const { resource_type, value } = parse(ran.stdout) as { resource_type: string; value: unknown }
    expect(resource_type).toBe('c_hai_models')
    expect(Models.parse(value).backends.anthropic?.api_key).toBe('$env:ANTHROPIC_API_KEY')
    expect(ran.stderr).toContain('give ANTHROPIC_API_KEY to the workers of the group hai-work')
    expect(ran.stderr).toContain('nothing was changed')
    expect(ran.stderr).toContain('u/operator/hai_models.resource.yaml')
    expect(existsSync(join(home.path, '.config/hai/models.yaml'))).toBe(false)
  })
})
