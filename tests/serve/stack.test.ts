import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createAdaptorServer } from '@hono/node-server'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Webhook } from '../../cli/call/webhook.ts'
import { scopesFor } from '../../cli/member/scopes.ts'
import { readInstance } from '../../runner/instance.ts'
import { commandOf } from '../../runner/process/table.ts'
import { createApp } from '../../serve/app.ts'
import { runServe, type ServeFlags } from '../../serve/main.ts'
import { Streams } from '../../serve/streams.ts'
import { FakeIo } from '../cli/run-hai.ts'
import { testDatabase } from '../support/database.ts'
import { hai } from '../support/hai.ts'
import type { Call, Move } from '../support/models/behaviour.ts'
import type { FakeServer } from '../support/models/fake-server.ts'
import { fakeOllama } from '../support/models/ollama.ts'
import { startStack, type TestStack } from '../support/stack.ts'
import { ask, chunksIn, type Sending, saidIn } from './client.ts'

const db = testDatabase()
let model: FakeServer
let stack: TestStack
let door: string
beforeAll(async () => {
  model = await fakeOllama()
  model.byDefault(scripted)
  stack = await startStack({ databaseUrl: db.url, env: { OLLAMA_HOST: model.url } })
  door = stack.instance.chat_endpoint!
})
afterAll(() => model?.stop())

const QUESTION = 'why would a scrub slow down at night?'
const chat = (more: object = {}, content = QUESTION) => ({
  model: 'hai',
  messages: [{ role: 'user', content }],
  ...more,
})
const mine = () => ({ authorization: `Bearer ${stack.token}` })
const post = (body: unknown, { headers, ...more }: Sending = {}) =>
  ask(`${door}/v1/chat/completions`, { body, headers: { ...mine(), ...headers }, ...more })
const get = (path: string, { headers, ...more }: Sending = {}) =>
  ask(`${door}${path}`, { headers: { ...mine(), ...headers }, ...more })

const calls = () => model.callsOf('/v1/chat/completions')
/** How the model answers a question; each is asked in one test alone. */
const scripts = new Map<string, Move>()
let questions = 0
function anew(answer: Move = { text: 'It is well.' }): string {
  const content = `why would a scrub slow down, number ${++questions}?`
  scripts.set(content, answer)
  return content
}
function scripted({ body }: Call): Move {
  const { messages } = body as { messages: { content: string }[] }
  return scripts.get(messages.at(-1)!.content) ?? { text: 'It is well.' }
}

async function taskOf(content: string) {
  const [row] = await db.sql<{ id: string; state: string; waiters: string[]; left_at: string | null }[]>`
    select id, state, waiters, left_at from hai.task_queue where content = ${content}`
  return row
}

describe('what chat clients ask first', () => {
  it('lists the models, and shows one, by each way of writing the address', async () => {
    const { body: list } = { body: JSON.parse((await get('/v1/models')).text) }
    expect(list).toMatchObject({
      object: 'list',
      data: [{ id: 'hai', object: 'model' }, { id: 'hai-small' }],
    })
    for (const path of ['/v1//models', '/v1/models/', '/v1/v1/models', '/models', '/api/r/hai/v1/models'])
      expect(JSON.parse((await get(path)).text), path).toEqual(list)
    expect(JSON.parse((await get('/v1/models/hai')).text)).toEqual(list.data[0])
    expect(await get('/v1/models', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' })
  })

  it.each([
    [404, 'model_not_found', '/v1/models/gpt-9', {}],
    [404, 'not_found', '/v1/responses', {}],
    [404, 'not_found', '/v2/models', {}],
    [405, 'method_not_allowed', '/v1/chat/completions', {}],
    [401, 'invalid_api_key', '/v1/models', { authorization: undefined }],
    [401, 'invalid_api_key', '/v1/models', { authorization: 'Bearer  nobody-knows-it' }],
    [403, 'forbidden', '/v1/models', { host: 'rebound.example.com' }],
    [403, 'forbidden', '/v1/models', { origin: 'https://evil.example.com' }],
  ])('answers %i %s in OpenAI’s shape at %s with %j', async (status, code, path, headers) => {
    const got = await get(path, { headers: { 'x-request-id': 'mine-1', ...headers } })
    expect(got.headers).toMatchObject({ 'x-request-id': 'mine-1', 'content-type': 'application/json' })
    expect({ status: got.status, ...JSON.parse(got.text) }).toEqual({
      status,
      error: {
        message: expect.any(String),
        type: 'invalid_request_error',
        param: path.endsWith('gpt-9') ? 'model' : null,
        code,
      },
    })
  })

  it('names the right path where there is none', async () => {
    expect((await get('/v1/responses')).text).toContain('POST /v1/chat/completions')
    expect((await get('/api/nothing')).text).toContain('POST /api/chat')
  })

  it('refuses an unknown token for a chat as well, before anything is a task', async () => {
    const content = anew()
    const got = await post(chat({}, content), { headers: { authorization: 'Bearer nobody-knows-it' } })
    expect(got).toMatchObject({ status: 401, text: expect.stringContaining('the token is not known here') })
    expect(await taskOf(content)).toBeUndefined()
  })

  it.each([
    [400, 'messages', { model: 'hai' }],
    [400, 'max_tokens', chat({ max_tokens: -1 })],
    [404, 'model', chat({ model: 'gpt-9' })],
    [400, null, '{"model": '],
    [400, null, ''],
  ])('answers %i and names %j of a body that is none', async (status, param, body) => {
    const got = await post(body)
    expect(got.status).toBe(status)
    expect(JSON.parse(got.text).error).toMatchObject({ param, message: expect.any(String) })
    expect(got.headers['x-request-id']).toMatch(/^req_/)
  })

  it('answers preflights for pages that the operator lists, and for no other', async () => {
    const origin = 'https://chat.example.com'
    const preflight = () =>
      ask(`${door}/v1/chat/completions`, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization',
        },
      })
    expect((await preflight()).status).toBe(403)
    const file = join(stack.env.XDG_CONFIG_HOME!, 'hai', 'config.yaml')
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, `allow_origins: [${origin}]\n`)
    try {
      expect(await preflight()).toMatchObject({
        status: 204,
        headers: { 'access-control-allow-origin': origin, 'access-control-allow-headers': 'authorization' },
      })
      const got = await post(chat({ stream: true }, 'what is open?'), { headers: { origin } })
      expect(got).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': origin } })
      // a mistake in it shuts out pages alone
      writeFileSync(file, 'allow_origins: chat.example.com\n')
      expect((await preflight()).status).toBe(403)
      expect((await post(chat({}, 'what is open?'))).status).toBe(200)
    } finally {
      rmSync(file)
    }
  })
})

describe('an answer', () => {
  it('of hai’s own comes at once and asks no model, whole or as a stream', async () => {
    const before = calls().length
    const whole = JSON.parse((await post(chat({}, 'what is open?'))).text)
    expect(whole).toMatchObject({
      object: 'chat.completion',
      model: 'hai',
      choices: [{ message: { role: 'assistant', content: 'nothing is open' }, finish_reason: 'stop' }],
      usage: { total_tokens: 0 },
    })
    const { text, headers } = await post(chat({ stream: true }, 'what is open?'))
    expect(headers['content-type']).toMatch(/^text\/event-stream/)
    expect(saidIn(text)).toBe('nothing is open')
    expect(text).toMatch(/data: \[DONE\]\n\n$/)
    expect(calls().length).toBe(before)
  })

  it('reaches the client while the model still writes it', async () => {
    let firstWas: number | null | undefined
    const content = anew({ text: ['Because ', 'it reads ', 'everything.'], pause: { between: 300 } })
    const got = await post(chat({ stream: true, stream_options: { include_usage: true } }, content), {
      onPiece: (piece) => {
        if (piece.includes('Because')) firstWas ??= calls().at(-1)!.endedAt
      },
    })
    expect(firstWas).toBeNull()
    expect(saidIn(got.text)).toBe('Because it reads everything.')
    const chunks = chunksIn(got.text)
    expect(chunks[0]).toMatchObject({ choices: [{ delta: { role: 'assistant', content: '' } }] })
    expect(chunks.at(-2)).toMatchObject({ choices: [{ delta: {}, finish_reason: 'stop' }], usage: null })
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 100, completion_tokens: 20 } })
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
  })

  it('is had without a look, when the job that was called gives it soon', async () => {
    const looks = async () => {
      const list = await stack.request(`/api/w/${stack.workspace}/jobs/list?per_page=100`)
      const jobs = (await list.json()) as { script_path: string }[]
      return jobs.filter(({ script_path }) => script_path === 'f/hai/task/events').length
    }
    const more = async () => {
      const before = await looks()
      expect(saidIn((await post(chat({ stream: true }, anew()))).text)).toBe('It is well.')
      return (await looks()) - before
    }
    await expect.poll(more).toBe(0)
  })

  it('is waited for with a place in the queue, which is told', async () => {
    const slow: Move = { text: 'Because.', pause: { first: 999 } }
    const told = async () => {
      const all = await Promise.all([1, 2, 3].map(() => post(chat({ stream: true }, anew(slow)))))
      expect(all.map(({ text }) => saidIn(text))).toEqual(['Because.', 'Because.', 'Because.'])
      return all.filter(({ text }) => /^: .*position \d/m.test(text)).length
    }
    // the last of them waits for the time of two, and the first for nobody, but where a slow machine has them come apart
    await expect.poll(told).toBeOneOf([1, 2])
  })

  it('is the same whole, and ends as the model said', async () => {
    const content = anew({ text: 'Because', finish: 'length' })
    const got = JSON.parse((await post(chat({ max_tokens: 5 }, content))).text)
    expect(got.choices).toEqual([
      expect.objectContaining({
        message: expect.objectContaining({ content: 'Because' }),
        finish_reason: 'length',
      }),
    ])
  })

  it('that can’t be had is told by its status, and no client is to come again of itself', async () => {
    for (const stream of [false, true]) {
      const body = { error: { message: 'http://192.0.2.7:11434 says no' } }
      const got = await post(chat({ stream }, anew({ status: 400, body })))
      expect(got).toMatchObject({ status: 503, headers: { 'x-should-retry': 'false' } })
      expect(JSON.parse(got.text).error).toMatchObject({ type: 'server_error', param: null })
      expect(got.text).not.toContain('192.0.2.7')
    }
  })

  it('that breaks off in the middle ends with an error in the stream', async () => {
    const content = anew({ text: ['Because '], ending: 'hang' })
    const got = await post(chat({ stream: true }, content), {
      onPiece: async (piece) => {
        if (piece.includes('Because'))
          await stack.call('f/hai/task/cancel', { id: (await taskOf(content))!.id })
      },
    })
    expect(got.status).toBe(200)
    expect(saidIn(got.text)).toBe('Because')
    expect(chunksIn(got.text).at(-1)).toEqual({
      error: {
        message: expect.stringContaining('cancelled'),
        type: 'server_error',
        param: null,
        code: 'cancelled',
      },
    })
    expect(got.text).not.toContain('[DONE]')
  })

  it('is one for the same key, and no other body has that key', async () => {
    const content = anew()
    const headers = { 'idempotency-key': 'key-1' }
    const before = calls().length
    const [one, other] = [
      await post(chat({}, content), { headers }),
      await post(chat({ stream: true }, content), { headers }),
    ]
    expect(JSON.parse(one.text).choices[0].message.content).toBe(saidIn(other.text))
    expect(calls().length).toBe(before + 1)
    const long = await post(chat(), { headers: { 'idempotency-key': 'k'.repeat(201) } })
    expect(long.status).toBe(400)
    expect(JSON.parse(long.text).error).toMatchObject({ param: 'Idempotency-Key', code: 'invalid' })
    expect(long.text).not.toContain('kkk')
    expect(await post(chat({}, anew()), { headers })).toMatchObject({
      status: 409,
      text: expect.stringContaining('"type":"invalid_request_error"'),
    })
  })

  it('is had by who comes back to it in the middle, from its beginning', async () => {
    const content = anew({ text: ['Because ', 'it ', 'reads ', 'everything.'], pause: { between: 250 } })
    const before = calls().length
    let second: ReturnType<typeof post> | undefined
    const first = await post(chat({ stream: true }, content), {
      onPiece: () => {
        second ??= post(chat({ stream: true }, content))
      },
    })
    expect(saidIn((await second!).text)).toBe('Because it reads everything.')
    expect(saidIn(first.text)).toBe('Because it reads everything.')
    expect(calls().length).toBe(before + 1)
    expect(chunksIn((await second!).text)[0].id).toBe(chunksIn(first.text)[0].id)
  })

  const tokenFor = async (use: 'chat' | 'inbox') => {
    const made = await stack.request('/api/users/tokens/create', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ label: use, scopes: scopesFor('machine', [use]) }),
    })
    return { authorization: `bearer ${await made.text()}` }
  }

  it('is not asked for by a token that could not hear it', async () => {
    const headers = await tokenFor('inbox')
    const content = anew()
    const before = calls().length
    for (const asked of [content, content, 'what is open?']) {
      const refused = await post(chat({ stream: true }, asked), { headers })
      expect(refused).toMatchObject({ status: 403, text: expect.stringContaining('--allow chat') })
    }
    expect(await taskOf(content)).toBeUndefined()
    expect(calls().length).toBe(before)
  })

  it('is given by a token that may chat and nothing else', async () => {
    const headers = await tokenFor('chat')
    expect((await get('/v1/models', { headers })).status).toBe(200)
    const content = anew({ text: ['Because ', 'it reads.'], pause: { between: 100 } })
    expect(saidIn((await post(chat({ stream: true }, content), { headers })).text)).toBe('Because it reads.')
  })
})

describe('a client that hangs up', () => {
  it('leaves its task in the middle of the answer', async () => {
    const content = anew({ text: ['Because '], ending: 'hang' })
    const leaving = new AbortController()
    const gone = post(chat({ stream: true }, content), {
      signal: leaving.signal,
      onPiece: () => leaving.abort(),
    })
    await expect(gone).rejects.toThrow()
    await expect.poll(() => taskOf(content)).toMatchObject({ waiters: [], left_at: expect.any(String) })
  })

  it('leaves it also before anything has come', async () => {
    const content = anew('hang')
    const leaving = new AbortController()
    const gone = post(chat({}, content), { signal: leaving.signal })
    void vi.waitUntil(() => taskOf(content), { interval: 1 }).then(() => leaving.abort())
    await expect(gone).rejects.toThrow()
    await expect.poll(() => taskOf(content)).toMatchObject({ waiters: [], left_at: expect.any(String) })
  })
})

describe('Ollama’s clients', () => {
  const ollama = (path: string, body?: unknown, more: Sending = {}) =>
    ask(`${door}${path}`, { headers: mine(), ...(body === undefined ? {} : { body }), ...more })

  it('find a server and its models', async () => {
    expect(await ask(door)).toMatchObject({ status: 200, text: 'hai is running' })
    expect(await ask(door, { method: 'HEAD' })).toMatchObject({ status: 200, text: '' })
    expect(JSON.parse((await ask(`${door}/api/version`)).text).version).toMatch(/^0\.\d+\.\d+$/)
    const { models } = JSON.parse((await ollama('/api/tags')).text)
    expect(models).toMatchObject([{ name: 'hai:latest', model: 'hai:latest' }, { name: 'hai-small:latest' }])
    expect(models[0].digest).toMatch(/^[0-9a-f]{64}$/)
    expect(JSON.parse((await ollama('/api/show', { model: 'hai:latest' })).text)).toMatchObject({
      capabilities: ['completion'],
    })
    expect(JSON.parse((await ollama('/api/ps')).text)).toEqual({ models: [] })
  })

  it.each([
    [501, '/api/generate', { model: 'hai' }, {}],
    [501, '/api/pull', { model: 'llama3' }, {}],
    [404, '/api/show', { model: 'llama3' }, {}],
    [404, '/api/chat', { model: 'llama3', messages: [{ role: 'user', content: 'x' }] }, {}],
    [400, '/api/chat', { model: 'hai' }, {}],
    [401, '/api/chat', chat(), { authorization: undefined }],
    [401, '/api/tags', undefined, { authorization: undefined }],
    [404, '/api/nothing', undefined, {}],
  ])('are told %i at %s in their own shape', async (status, path, body, headers) => {
    const got = await ollama(path, body, { headers: { ...mine(), ...headers } })
    expect({ status: got.status, body: JSON.parse(got.text) }).toEqual({
      status,
      body: { error: expect.any(String) },
    })
  })

  it('get an answer line by line, with its counts at the end', async () => {
    const content = anew({ text: ['Because ', 'it reads ', 'everything.'], pause: { between: 200 } })
    const got = await ollama('/api/chat', {
      model: 'hai:latest',
      messages: [{ role: 'user', content }],
    })
    expect(got.headers['content-type']).toBe('application/x-ndjson')
    const lines = got.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.length).toBeGreaterThan(2)
    expect(lines.map(({ message }) => message.content).join('')).toBe('Because it reads everything.')
    expect(lines.slice(0, -1).every(({ done }) => done === false)).toBe(true)
    expect(lines.at(-1)).toMatchObject({
      done: true,
      done_reason: 'stop',
      prompt_eval_count: 100,
      eval_count: 20,
    })
  })

  it('get it whole when they ask for that', async () => {
    const body = { model: 'hai', stream: false, messages: [{ role: 'user', content: 'what is open?' }] }
    expect(JSON.parse((await ollama('/api/chat', body)).text)).toMatchObject({
      model: 'hai',
      message: { role: 'assistant', content: 'nothing is open' },
      done: true,
    })
  })
})

describe('hai serve, for a house elsewhere', () => {
  /** One in this process, which calls the stack as a server that is somewhere else. */
  async function serving(flags: ServeFlags = {}, env: Record<string, string> = {}) {
    const elsewhere = { HAI_ENDPOINT: stack.endpoint, HAI_WORKSPACE: stack.workspace, HOME: stack.env.HOME! }
    const io = new FakeIo({ env: { ...elsewhere, ...env } })
    const ended = runServe({ listen: '127.0.0.1:0', ...flags }, io, undefined)
    const [, url] = await vi.waitUntil(() => /at (http:\/\/\S+)\/v1\n/.exec(io.stderr.text), { interval: 5 })
    return { url: url!, said: () => io.stderr.text, stop: () => io.interrupt('SIGTERM'), ended }
  }
  const chatAt = (url: string, body: unknown, more: Sending = {}) =>
    ask(`${url}/v1/chat/completions`, { body, headers: mine(), ...more })

  it('needs no token of its own, and says where it serves', async () => {
    const { url, said, stop, ended } = await serving()
    expect(said()).toContain('hai serve has none')
    expect(said()).not.toContain('in clear')
    expect((await ask(`${url}/v1/models`, { headers: mine() })).status).toBe(200)
    expect(saidIn((await chatAt(url, chat({ stream: true }, 'what is open?'))).text)).toBe('nothing is open')
    expect(await chatAt(url, chat(), { headers: { authorization: 'Bearer x' } })).toMatchObject({
      status: 401,
    })
    stop()
    expect(await ended).toBe(0)
  })

  it('lets an answer that is under way end when it is told to stop, and takes no other', async () => {
    const { url, stop, ended } = await serving()
    const content = anew({ text: ['Because ', 'it reads.'], pause: { between: 400 } })
    const got = await chatAt(url, chat({ stream: true }, content), {
      onPiece: (piece) => void (piece.includes('Because') && stop()),
    })
    expect(saidIn(got.text)).toBe('Because it reads.')
    expect(got.text).toContain('[DONE]')
    expect(await ended).toBe(0)
    await expect(ask(url)).rejects.toThrow(/ECONNREFUSED|hang up/)
  })

  it('tells those whose answer takes longer than its patience, and leaves their tasks', async () => {
    const { url, stop, ended } = await serving({ grace: 0.1 })
    const content = anew({ text: ['Because '], ending: 'hang' })
    const got = await chatAt(url, chat({ stream: true }, content), {
      onPiece: (piece) => void (piece.includes('Because') && stop()),
    })
    expect(chunksIn(got.text).at(-1).error).toMatchObject({ type: 'server_error', code: 'broken_off' })
    expect(await ended).toBe(0)
    expect(await taskOf(content)).toMatchObject({ waiters: [] })
  })

  it('tells them at once also where the house answers no more, and leaves their tasks when it does', async () => {
    const { url, stop, ended } = await serving({ grace: 0 })
    const content = anew({ text: ['Because '], ending: 'hang' })
    const { runner } = readInstance(stack.env.HAI_DATA_DIR!)!.pids
    const waiting = chatAt(url, chat({ stream: true }, content), {
      onPiece: (piece) => {
        if (!piece.includes('Because')) return
        process.kill(runner, 'SIGSTOP')
        stop()
      },
    })
    try {
      expect(chunksIn((await waiting).text).at(-1).error).toMatchObject({ code: 'broken_off' })
    } finally {
      process.kill(runner, 'SIGCONT')
    }
    expect(await ended).toBe(0)
    expect(await taskOf(content)).toMatchObject({ waiters: [] })
  })

  it('lets the pages call that its command line lists', async () => {
    const { url, stop, ended } = await serving({ allowOrigin: ['https://chat.example.com/'] })
    const preflight = { method: 'OPTIONS', headers: { origin: 'https://chat.example.com' } }
    expect((await ask(`${url}/v1/models`, preflight)).status).toBe(204)
    stop()
    await ended
  })

  it('says so where tokens would travel in clear', async () => {
    const { said, stop, ended } = await serving({ listen: '0.0.0.0:0' })
    expect(said()).toContain('tokens travel in clear')
    stop()
    await ended
  })

  it('says that the house is away, with no word of where it would be', async () => {
    const { url, stop, ended } = await serving({}, { HAI_ENDPOINT: 'http://127.0.0.1:9' })
    const got = await chatAt(url, chat())
    expect(got).toMatchObject({ status: 503, text: expect.stringContaining('can’t be reached right now') })
    expect(got.text).not.toContain('127.0.0.1')
    expect(got.headers).not.toHaveProperty('x-should-retry')
    stop()
    await ended
  })

  it.each([
    [{ listen: 'nas:http' }, 'expected HOST:PORT'],
    [{ listen: '127.0.0.1:99999' }, 'expected HOST:PORT'],
    [{ allowOrigin: ['chat.example.com'] }, 'expected scheme and host'],
    [{ allowOrigin: ['https://chat.example.com/path'] }, 'expected scheme and host'],
    [{ allowOrigin: ['*'] }, 'expected scheme and host'],
  ])('refuses %j', async (flags, said) => {
    const io = new FakeIo({ env: { HAI_ENDPOINT: stack.endpoint, HAI_WORKSPACE: 'hai' } })
    expect(await runServe(flags, io, undefined)).toBe(2)
    expect(io.stderr.text).toContain(said)
  })

  it('says whose the port may be that is taken', async () => {
    const io = new FakeIo({ env: { HAI_ENDPOINT: stack.endpoint, HAI_WORKSPACE: 'hai' } })
    expect(await runServe({ listen: new URL(door).host }, io, undefined)).toBe(9)
    expect(io.stderr.text).toContain('hai status says where')
  })
})

describe('a stream that is silent', () => {
  it('gives a sign of life, and says what is waited for, in remarks that clients pass over', async () => {
    const streams = new Streams()
    const target = {
      name: 'hai',
      local: true,
      endpoint: stack.endpoint,
      workspace: stack.workspace,
      token_from: '',
    }
    const webhookOf = async (token: string) => new Webhook({ ...target, token }, () => {})
    const { fetch } = createApp({
      ...{ webhookOf, streams, loopback: true, origins: async () => [], log: (line) => expect.fail(line) },
      silence: { first: 30, most: 60 },
    })
    const server = createAdaptorServer({ fetch, overrideGlobalObjects: false })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    try {
      const body = chat({ stream: true }, anew({ text: 'Because.', pause: { first: 600 } }))
      const got = await ask(`http://127.0.0.1:${port}/v1/chat/completions`, { body, headers: mine() })
      expect(got.text.match(/^: waiting$/gm)!.length).toBeGreaterThan(2)
      expect(saidIn(got.text)).toBe('Because.')
    } finally {
      server.close()
    }
  })
})

it('is called as its page shows', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/chat.md'), 'utf8')
  const [, example = ''] = /^```sh\n([\s\S]*?)^```$/m.exec(page) ?? []
  const env = { PATH: process.env.PATH, HAI_CHAT: door, HAI_TOKEN: stack.token }
  const { stdout } = await promisify(execFile)('sh', ['-c', example], { env })
  expect(saidIn(stdout)).toBe('nothing is open')
})

describe('the process of it', () => {
  it('begins anew with the next call when it was killed, and is told of', async () => {
    const { pids } = readInstance(stack.env.HAI_DATA_DIR!)!
    process.kill(pids.chat!, 'SIGKILL')
    await expect.poll(() => readInstance(stack.env.HAI_DATA_DIR!)!.pids.chat).toBeUndefined()
    expect((await get('/v1/models')).status).toBe(200)
    expect(readInstance(stack.env.HAI_DATA_DIR!)!.pids.chat).not.toBe(pids.chat)
    const { stdout } = await hai(stack.env, ['status'])
    expect(stdout).toContain(`${door}/v1`)
    expect(JSON.parse((await hai(stack.env, ['status', '--json'])).stdout)).toMatchObject({
      chat_endpoint: door,
    })
    expect((await hai(stack.env, ['doctor'])).stdout).toContain(`base URL ${door}/v1`)
  })

  it('lets a stack that runs be kept from stopping, until it is stopped', async () => {
    const idle = async () => JSON.parse((await hai(stack.env, ['status', '--json'])).stdout).idle_minutes
    expect(await idle()).toBe(10)
    expect((await hai(stack.env, ['up'])).stderr).toContain('stops after 10 minutes')
    expect((await hai(stack.env, ['up', '--keep'])).stderr).toContain('runs until hai down')
    expect(await idle()).toBe(0)
  })

  it('ends with the runner, also one that is killed', async () => {
    const { pids } = readInstance(stack.env.HAI_DATA_DIR!)!
    expect(commandOf(pids.chat!)).toContain('serve.cjs')
    process.kill(pids.runner, 'SIGKILL')
    await expect.poll(() => commandOf(pids.chat!)).toBeUndefined()
  })
})
