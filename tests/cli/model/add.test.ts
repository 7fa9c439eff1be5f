import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { Models } from '../../../f/hai/core/base/backends.ts'
import type { ModelList } from '../../../f/hai/core/model/shape.ts'
import fc from '../../support/fast-check.ts'
import { type CannedServer, cannedServer } from '../canned-server.ts'
import { aLocalStack, type LocalStack } from '../local-stack.ts'
import { aHomeFolder, runHai } from '../run-hai.ts'

type Served = { status?: number; type?: string; body: unknown; to?: string }

/** A server of models that answers what a test lays at each path, and 404 elsewhere, as each of them does. */
async function aModelServer() {
  const places: Record<string, Served> = {}
  const seen: { path: string; headers: IncomingHttpHeaders }[] = []
  const server = createServer((request, response) => {
    const path = String(request.url)
    seen.push({ path, headers: request.headers })
    const {
      status = 200,
      type = 'application/json',
      body,
      to,
    } = places[path] ?? { status: 404, body: { error: 'not found' } }
    response.writeHead(to ? 302 : status, { 'content-type': type, ...(to ? { location: to } : {}) })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, places, seen, stop: () => server.close() }
}

/** What programs list, as each of them does. */
const LISTS = {
  llamaCpp: {
    models: [{ name: 'model.gguf', model: 'model.gguf', type: 'model', details: { format: 'gguf' } }],
    object: 'list',
    data: [
      {
        id: 'smollm2',
        aliases: ['smollm2'],
        object: 'model',
        created: 1795880452,
        owned_by: 'llamacpp',
        meta: { vocab_type: 2, n_vocab: 49152, n_ctx: 2048, n_ctx_train: 8192, n_embd: 576, ftype: 'Q4_1' },
      },
    ],
  },
  // before it told the window beside the model
  olderLlamaCpp: {
    object: 'list',
    data: [{ id: '/models/a.gguf', object: 'model', owned_by: 'llamacpp', meta: { n_ctx_train: 8192 } }],
  },
  vllm: {
    object: 'list',
    data: [
      {
        id: 'Qwen/Qwen3-8B',
        object: 'model',
        owned_by: 'vllm',
        root: 'Qwen/Qwen3-8B',
        parent: null,
        max_model_len: 32768,
      },
    ],
  },
  ollama: {
    object: 'list',
    data: [
      { id: 'llama3.2:3b', object: 'model', created: 1, owned_by: 'library' },
      { id: 'nomic-embed-text:latest', object: 'model', created: 1, owned_by: 'library' },
    ],
  },
  lmStudio: {
    object: 'list',
    data: [
      { id: 'qwen3-4b', object: 'model', owned_by: 'organization_owner' },
      { id: 'phi-4', object: 'model', owned_by: 'organization_owner' },
      { id: 'text-embedding-nomic-embed-text-v1.5', object: 'model', owned_by: 'organization_owner' },
    ],
  },
  openRouter: {
    data: [
      {
        id: 'qwen/qwen3-32b',
        name: 'Qwen: Qwen3 32B',
        context_length: 131072,
        architecture: { output_modalities: ['text'] },
        pricing: { prompt: '0.0000001', completion: '0.0000003', request: '0' },
        top_provider: { context_length: 40960, max_completion_tokens: null },
      },
      ...Array.from({ length: 300 }, (_, at) => ({ id: `maker/model-${at}`, context_length: 8192 })),
    ],
  },
  // a list and nothing around it
  bare: [{ id: 'meta/llama-3', object: 'model', context_length: 8192, type: 'chat' }],
}

let server: Awaited<ReturnType<typeof aModelServer>>
let canned: CannedServer
let home: ReturnType<typeof aHomeFolder>
let stack: LocalStack
let file: string
let list: ModelList

beforeAll(async () => {
  home = aHomeFolder()
  canned = await cannedServer({ 'model/list': () => ({ result: list }) })
  stack = await aLocalStack(home.path, canned)
  file = join(home.path, '.config/hai/models.yaml')
  mkdirSync(join(home.path, '.config/hai'), { recursive: true })
})

afterAll(async () => {
  stack.stop()
  await canned.close()
  home.remove()
})

beforeEach(async () => {
  server = await aModelServer()
  list = { default: 'llama/smollm2', reason: 'free and reachable', models: [], offers: [] }
  given('')
})

afterEach(() => server.stop())

const given = (text: string) => writeFileSync(file, text)
const written = () => readFileSync(file, 'utf8')
const add = (...argv: string[]) =>
  runHai(['model', 'add', ...argv], { env: { ...home.env, ...stack.env, A_KEY: 'sk-secret' } })
const backends = () => Models.parse(parse(written())).backends

describe('hai model add', () => {
  it.each(['', '/', '/v1', '/v1/', '/v1/models', '/v1/chat/completions'])(
    'writes the seven lines that it prints, given an address that ends in %j',
    async (end) => {
      server.places['/v1/models'] = { body: LISTS.llamaCpp }
      const ran = await add(`${server.url}${end}`)
      expect(ran).toMatchObject({ exit: 0 })
      expect(ran.stdout.split('\n')).toEqual([
        'backends:',
        '  llama:',
        '    kind: openai-compatible',
        `    url: ${server.url}/v1`,
        '    billing: local',
        '    models:',
        '      smollm2: { context: 2048 }',
        '',
      ])
      expect(written()).toBe(ran.stdout)
      expect(ran.stderr).toContain('written to ~/.config/hai/models.yaml')
      expect(ran.stderr).toContain('billing: local, as the address is in this house')
      expect(ran.stderr).toContain('llama/smollm2 answers by default: free and reachable')
    },
  )

  it.each<[keyof typeof LISTS, Record<string, unknown>, string, Record<string, object>]>([
    ['llamaCpp', {}, 'llama', { smollm2: { context: 2048 } }],
    [
      'olderLlamaCpp',
      { '/props': { default_generation_settings: { n_ctx: 4096 }, total_slots: 1 } },
      'llama',
      { '/models/a.gguf': { context: 4096 } },
    ],
    ['olderLlamaCpp', {}, 'llama', { '/models/a.gguf': {} }],
    ['vllm', {}, 'vllm', { 'Qwen/Qwen3-8B': { context: 32768 } }],
    ['ollama', {}, 'ollama', { 'llama3.2:3b': {} }],
    [
      'ollama',
      { '/api/ps': { models: [{ name: 'llama3.2:3b', model: 'llama3.2:3b', context_length: 4096 }] } },
      'ollama',
      { 'llama3.2:3b': { context: 4096 } },
    ],
    [
      'lmStudio',
      {
        '/api/v0/models': {
          object: 'list',
          data: [
            {
              id: 'qwen3-4b',
              type: 'llm',
              state: 'loaded',
              max_context_length: 40960,
              loaded_context_length: 4096,
            },
            { id: 'phi-4', type: 'llm', state: 'not-loaded', max_context_length: 16384 },
          ],
        },
      },
      'lmstudio',
      { 'qwen3-4b': { context: 4096 }, 'phi-4': {} },
    ],
    ['bare', {}, 'local', { 'meta/llama-3': { context: 8192 } }],
  ])('understands how %s tells of itself, with %j beside it', async (shape, more, name, models) => {
    server.places['/v1/models'] = { body: LISTS[shape] }
    for (const [path, body] of Object.entries(more)) server.places[path] = { body }
    expect(await add(server.url)).toMatchObject({ exit: 0 })
    const { [name]: backend } = backends()
    expect(backend).toMatchObject({ kind: 'openai-compatible', url: `${server.url}/v1`, billing: 'local' })
    expect(backend?.models).toEqual(models)
  })

  it('takes a name in any script, and none that no file can hold', async () => {
    const data = [{ id: '通义-7b' }, { id: '__proto__' }, { id: 'a\u001bb' }]
    server.places['/v1/models'] = { body: { data } }
    expect(await add(server.url, 'box')).toMatchObject({ exit: 0 })
    expect(backends().box?.models).toEqual({ '通义-7b': {} })
  })

  it('names the machine that the server sends on to, and asks nothing of it', async () => {
    server.places['/v1/models'] = { to: 'http://gone.invalid/login', body: '' }
    const ran = await add(server.url)
    expect(ran).toMatchObject({ exit: 3, stderr: expect.stringContaining('points to http://gone.invalid') })
  })

  it.each(['/api', '/openai'])('finds a list that lies below %s/v1, as some have it', async (above) => {
    server.places[`${above}/v1/models`] = { body: LISTS.vllm }
    server.places['/v1/models'] = { status: 404, type: 'text/html', body: '<html>not found' }
    expect(await add(server.url)).toMatchObject({ exit: 0 })
    expect(backends().vllm?.url).toBe(`${server.url}${above}/v1`)
  })

  it('takes of many models those that are named, with the prices that the server tells', async () => {
    server.places['/api/v1/models'] = { body: LISTS.openRouter }
    const many = await add(`${server.url}/api/v1`, 'router')
    expect(many).toMatchObject({ exit: 2, stdout: '' })
    expect(many.stderr).toMatch(
      /has 301 models, such as qwen\/qwen3-32b, .* and 296 more; nothing was written\n→ .*--model NAME/,
    )
    const wrong = await add(`${server.url}/api/v1`, 'router', '--model', 'qwen3')
    expect(wrong).toMatchObject({
      exit: 3,
      stderr: expect.stringContaining('has no model "qwen3"; it has qwen/qwen3-32b;'),
    })
    expect(written()).toBe('')
    const words = ['--model', 'qwen/qwen3-32b', '--model', 'maker/model-7', '--billing', 'metered']
    expect(await add(`${server.url}/api/v1`, 'router', ...words)).toMatchObject({ exit: 0 })
    expect(backends().router).toMatchObject({
      billing: 'metered',
      models: {
        'qwen/qwen3-32b': { context: 40960, input: 0.1, output: 0.3 },
        'maker/model-7': { context: 8192 },
      },
    })
    // again, with those that it has already
    const again = await add(`${server.url}/api/v1`)
    expect(again.stderr).toContain('says so already; nothing was changed')
  })

  it('keeps what the operator wrote: comments, order, limits, other backends', async () => {
    server.places['/v1/models'] = { body: LISTS.llamaCpp }
    const mine = `# mine
liveness_seconds: 60 # slow box
backends:
  # the dear one
  anthropic: { kind: anthropic, billing: metered, models: { claude-x: {} } }
  box:
    url: ${server.url} # in the cellar
    billing: metered # it hands on
    kind: openai-compatible
    enabled: false
    models:
      smollm2:
      # the other one
      big: { context: 512, max_output: 100 }
`
    given(mine)
    const ran = await add(server.url)
    expect(ran).toMatchObject({ exit: 0 })
    const kept = mine
      .replace('    enabled: false\n', '')
      .replace('smollm2:\n      # the other one\n', 'smollm2: { context: 2048 }\n')
    expect(
      written()
        .replace(/ *# the other one\n?/, '\n')
        .replace('\n\n', '\n'),
    ).toBe(kept)
    expect(written()).toContain('# the other one')
    expect(ran.stderr).toContain('billing: metered\n')
    const once = written()
    expect((await add(server.url, 'box')).stderr).toContain('says so already')
    expect(written()).toBe(once)
  })

  it.each([
    ['models: [smollm2, other]', { smollm2: { context: 2048 }, other: {} }],
    ['models:', { smollm2: { context: 2048 } }],
    ['models: { smollm2: { context: 1024, max_output: 9 } }', { smollm2: { context: 1024, max_output: 9 } }],
    ['models: { smollm2: { context: 999999 } }', { smollm2: { context: 2048 } }],
  ])('completes %s', async (models, expected) => {
    server.places['/v1/models'] = { body: LISTS.llamaCpp }
    given(
      `backends:\n  llama:\n    kind: openai-compatible\n    url: ${server.url}/v1\n    billing: local\n    ${models}\n`,
    )
    expect(await add(server.url, 'llama')).toMatchObject({ exit: 0 })
    expect(backends().llama?.models).toEqual(expected)
  })

  it('follows a server that moved, and gives a second one a name of its own', async () => {
    server.places['/v1/models'] = { body: LISTS.llamaCpp }
    given(
      'backends:\n  llama: { kind: openai-compatible, url: http://127.0.0.1:1/v1, billing: local, models: { a: {} } }\n',
    )
    await add(server.url)
    expect(Object.keys(backends())).toEqual(['llama', 'llama-2'])
    await add(server.url, 'llama')
    expect(backends().llama).toMatchObject({
      url: `${server.url}/v1`,
      models: { a: {}, smollm2: { context: 2048 } },
    })
  })

  it('names the key’s variable and never the key, and says how when one is wanted', async () => {
    server.places['/v1/models'] = {
      status: 401,
      body: { error: { message: 'Missing Authentication header', code: 401 } },
    }
    const refused = await add(server.url)
    expect(refused).toMatchObject({ exit: 4, stdout: '' })
    expect(refused.stderr).toMatch(
      /answered 401 \(Missing Authentication header\); nothing was written; it wants a key\n→ .*hai model add \S+ --key-env NAME/,
    )
    const wrong = await add(server.url, '--key-env', 'A_KEY')
    expect(wrong).toMatchObject({
      exit: 4,
      stderr: expect.stringContaining('does not take the key in A_KEY'),
    })
    server.places['/v1/models'] = { body: LISTS.vllm }
    const ran = await add(server.url, '--key-env', 'A_KEY')
    expect(ran.exit).toBe(0)
    expect(server.seen.at(-1)?.headers.authorization).toBe('Bearer sk-secret')
    expect(backends().vllm?.api_key).toBe('$env:A_KEY')
    expect(`${ran.stdout}${ran.stderr}${wrong.stderr}${written()}`).not.toContain('sk-secret')
  })

  it.each([
    [['--key-env', 'sk-abcdef'], 2, /takes the NAME of a variable/],
    [['--key-env', 'NOT_SET'], 2, /NOT_SET is empty here/],
    [['anthropic'], 2, /anthropic is the name of Claude's own/],
    [['a name'], 2, /is no name of a backend/],
    [['--billing', 'free'], 2, /billing/],
  ])('refuses %j, and asks nobody', async (words, exit, message) => {
    server.places['/v1/models'] = { body: LISTS.vllm }
    const ran = await add(server.url, ...words)
    expect(ran).toMatchObject({ exit, stdout: '', stderr: expect.stringMatching(message) })
    expect(ran.stderr).not.toContain('abcdef')
    expect(server.seen).toEqual([])
    expect(written()).toBe('')
  })

  it.each([
    ['', /is no address/],
    ['not an address', /is no address/],
    ['ftp://box.example.com', /ftp:\/\/ is not spoken here/],
    ['http://me:secret@box.example.com/v1', /must not carry a password/],
    ['https://box.example.com/v1?api_key=secret', /must not carry a password/],
    ['https://api.anthropic.com/v1', /Claude needs no address\n→ hai model enable anthropic/],
  ])('refuses the address %j', async (address, message) => {
    const ran = await add(address)
    expect(ran).toMatchObject({ exit: 2, stderr: expect.stringMatching(message) })
    expect(ran.stderr).not.toMatch(/secret/)
  })

  it('says what to type when the name came first', async () => {
    const ran = await add('llama', `${server.url}/v1`)
    expect(ran).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining(`→ hai model add ${server.url}/v1 llama\n`),
    })
  })

  it.each<[string, Served | undefined, number, RegExp]>([
    ['nothing is there', undefined, 3, /answered 404; nothing was written\n→ hai model add URL, with what/],
    [
      'a page',
      { type: 'text/html', body: '<html>Welcome' },
      3,
      /is a page and no list of models; nothing was written/,
    ],
    ['a sign-in', { status: 502, type: 'text/html', body: '<html>Bad Gateway' }, 3, /answered 502; nothing/],
    ['another document', { body: { status: 'ok' } }, 3, /is no list of models; nothing was written/],
    [
      'no model',
      { body: { object: 'list', data: [] } },
      3,
      /has no model; nothing was written\n→ load or pull/,
    ],
    [
      'only what embeds',
      { body: { data: [{ id: 'bge-m3' }] } },
      3,
      /has no model to ask, only bge-m3; nothing/,
    ],
    [
      'loading',
      { status: 503, body: { error: { message: 'Loading model', type: 'unavailable_error', code: 503 } } },
      5,
      /answered 503 \(Loading model\); it may be loading; nothing was written\n→ the same again/,
    ],
    [
      'a string for an error',
      { status: 500, body: { error: 'CUDA error' } },
      3,
      /answered 500 \(CUDA error\)/,
    ],
    [
      'TLS is wanted',
      { status: 400, type: 'text/html', body: 'The plain HTTP request was sent to HTTPS port' },
      5,
      /→ hai model add https:/,
    ],
  ])('writes nothing when it finds %s', async (_, served, exit, message) => {
    if (served) server.places['/v1/models'] = served
    const ran = await add(server.url)
    expect(ran).toMatchObject({ exit, stdout: '', stderr: expect.stringMatching(message) })
    expect(written()).toBe('')
  })

  it('writes nothing when nothing listens, when it hangs up, and when it speaks no TLS', async () => {
    const rude = createTcpServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve))
    const port = (rude.address() as AddressInfo).port
    expect(await add(`127.0.0.1:${port}`)).toMatchObject({
      exit: 5,
      stderr: expect.stringContaining('speaks no HTTP'),
    })
    await new Promise((resolve) => rude.close(resolve))
    expect(await add(`127.0.0.1:${port}`)).toMatchObject({
      exit: 5,
      stderr: expect.stringContaining('nothing listens there'),
    })
    const tls = await add(server.url.replace('http:', 'https:'))
    expect(tls).toMatchObject({
      exit: 5,
      stderr: expect.stringContaining(`→ without it: hai model add ${server.url}\n`),
    })
    expect(written()).toBe('')
  })

  it.each(['backends: [', '- a list', 'backends: 7'])('leaves a file like %j alone', async (text) => {
    server.places['/v1/models'] = { body: LISTS.llamaCpp }
    given(text)
    const ran = await add(server.url)
    expect(ran).toMatchObject({ exit: 2, stdout: '', stderr: expect.stringContaining('nothing was changed') })
    expect(written()).toBe(text)
  })

  it('takes no key to where another server is, and says where it was pointed to', async () => {
    const other = await aModelServer()
    other.places['/v1/models'] = { body: LISTS.vllm }
    for (const path of ['/v1/models', '/api/v1/models', '/openai/v1/models'])
      server.places[path] = { body: '', to: `${other.url.replace('//', '//me:pw@')}/v1/models?key=sk-1` }
    const { exit, stderr } = await add(server.url)
    expect(exit).toBe(3)
    expect(stderr).toContain(`points to ${other.url} (status 302), where nothing was sent`)
    expect(stderr).not.toMatch(/pw|sk-1/)
    expect(other.seen).toEqual([])
    other.stop()
  })

  it('follows a redirect on the same server, and writes where it led', async () => {
    server.places['/v1/models'] = { body: '', to: `${server.url}/new/v1/models` }
    server.places['/new/v1/models'] = { body: LISTS.llamaCpp }
    await add(server.url)
    expect(backends().llama?.url).toBe(`${server.url}/new/v1`)
  })

  it('says what keeps the new one from answering, and who answers instead', async () => {
    server.places['/v1/models'] = { body: LISTS.vllm }
    const row = {
      kind: 'openai-compatible',
      url: null,
      found: false,
      enabled: true,
      loaded: null,
      context: null,
      price: null,
    }
    list.models = [
      {
        ...row,
        backend: 'vllm',
        model: 'x',
        billing: 'metered',
        trouble: { code: 'no_key', text: 'A_KEY is empty in the environment of the stack' },
      },
    ]
    const { stderr } = await add(server.url, '--billing', 'metered', '--key-env', 'A_KEY')
    expect(stderr).toContain(
      "vllm can't answer yet: A_KEY is empty in the environment of the stack; mend that, then hai down && hai up",
    )
    expect(stderr).toContain('x: no price is known, and what is metered is not asked without one')
    expect(stderr).toContain('llama/smollm2 answers by default')
  })

  it('takes whatever a list says into a file that the server takes, or writes nothing', async () => {
    const odd = fc.anything({ maxDepth: 3 })
    const entry = fc.record(
      {
        id: fc.oneof(fc.string(), odd),
        context_length: odd,
        meta: odd,
        pricing: odd,
        architecture: odd,
        owned_by: odd,
        type: odd,
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.record({ data: fc.array(entry, { maxLength: 4 }) }), fc.array(entry), odd),
        async (body) => {
          given('')
          const text =
            JSON.stringify(body, (_, value) => (typeof value === 'bigint' ? Number(value) : value)) ?? ''
          server.places['/v1/models'] = { body: text }
          const ran = await add(server.url, 'near')
          expect([0, 2, 3]).toContain(ran.exit)
          if (ran.exit === 0) {
            expect(Object.keys(backends().near?.models ?? {}).length).toBeGreaterThan(0)
            expect(written()).toBe(ran.stdout)
          } else expect(written()).toBe('')
        },
      ),
      { numRuns: 150 },
    )
  })

  it('prints for a server what belongs into the repository, and where', async () => {
    server.places['/v1/models'] = { body: LISTS.llamaCpp }
    const ran = await runHai(['model', 'add', server.url, 'llama', '--key-env', 'A_KEY'], {
      env: { ...home.env, ...canned.env, A_KEY: 'sk-secret' },
    })
    expect(ran.exit).toBe(0)
    const { resource_type, value } = parse(ran.stdout) as { resource_type: string; value: unknown }
    expect(resource_type).toBe('c_hai_models')
    expect(Models.parse(value).backends.llama).toMatchObject({
      url: `${server.url}/v1`,
      api_key: '$env:A_KEY',
      models: { smollm2: { context: 2048 } },
    })
    expect(ran.stderr).toContain('nothing was changed')
    expect(ran.stderr).toContain('u/operator/hai_models.resource.yaml')
    expect(ran.stderr).toContain('give A_KEY to the workers of the group hai-work')
    expect(ran.stderr).toContain('on the server it is another machine')
    expect(written()).toBe('')
  })
})
