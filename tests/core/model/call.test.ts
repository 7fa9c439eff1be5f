import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as elapse } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { Choice } from '../../../f/hai/core/base/backends.ts'
import { callModel } from '../../../f/hai/core/model/call.ts'
import { fakeAnthropic } from '../../support/models/anthropic.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { fakeOllama } from '../../support/models/ollama.ts'
import { fakeOpenAi } from '../../support/models/openai.ts'
import { aChoice } from './answering.ts'

let server: FakeServer
afterEach(() => server.stop())

const PROVIDERS = ['openai', 'ollama', 'anthropic'] as const
type Provider = (typeof PROVIDERS)[number]

/** Starts the provider's fake and gives the way to its model. */
async function start(provider: Provider): Promise<Choice> {
  if (provider === 'openai') server = await fakeOpenAi({ apiKey: 'sk-fake' })
  else if (provider === 'ollama') server = await fakeOllama()
  else server = await fakeAnthropic({ apiKey: 'sk-fake' })
  if (provider === 'anthropic') return aChoice(server.url, { kind: 'anthropic' })
  if (provider === 'ollama') return { ...aChoice(server.url, { billing: 'local' }), model: 'llama3.2:3b' }
  return aChoice(server.url)
}

const never = new AbortController().signal

function ask(
  choice: Choice,
  given: { firstByteSeconds?: number; livenessSeconds?: number; signal?: AbortSignal } = {},
) {
  const told: string[] = []
  const answer = callModel({
    choice,
    apiKey: 'sk-fake',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'why?' }] }],
    maxOutput: 8192,
    firstByteSeconds: 20,
    livenessSeconds: 20,
    signal: never,
    onText: (text) => told.push(text),
    ...given,
  })
  return { answer, told }
}

const question = () => server.calls.at(-1)!

describe.each(PROVIDERS)('a call of %s', (provider) => {
  it('tells each piece in order as it comes, and gives the whole', async () => {
    const choice = await start(provider)
    server.next({ text: ['Be', 'cause ', '🦉', ' it is.'], pause: { between: 5 } })
    const { answer, told } = ask(choice)
    expect(await answer).toMatchObject({ text: 'Because 🦉 it is.', ending: 'whole' })
    expect(told).toEqual(['Be', 'cause ', '🦉', ' it is.'])
    expect(server.calls).toHaveLength(1)
  })

  it('tells a piece while the rest is still to come', async () => {
    const choice = await start(provider)
    server.next({ text: ['first', 'second'], pause: { between: 60_000 } })
    const leaving = new AbortController()
    const { answer, told } = ask(choice, { signal: leaving.signal })
    await expect.poll(() => told).toEqual(['first'])
    leaving.abort(new Error('told to stop'))
    await expect(answer).rejects.toThrow('told to stop')
  })

  it('keeps what the model thinks out of the answer', async () => {
    const choice = await start(provider)
    server.next({ reasoning: ['hm, ', 'well'], text: ['Because.'] })
    const { answer, told } = ask(choice)
    expect((await answer).text).toBe('Because.')
    expect(told).toEqual(['Because.'])
  })

  it('says that the answer stops at the model’s limit', async () => {
    const choice = await start(provider)
    server.next({ text: 'Because', finish: 'length' })
    expect(await ask(choice).answer).toMatchObject({ text: 'Because', ending: 'length' })
  })

  it('keeps its text where PostgreSQL can’t, but for those characters', async () => {
    const choice = await start(provider)
    server.next({ text: ['a\0b', 'c \ud83d', '\ude00 \ud83d', ' d \ude00'] })
    expect((await ask(choice).answer).text).toBe('a\ufffdbc 😀 \ufffd d \ufffd')
  })

  it('with an empty answer fails, and still knows what that used', async () => {
    const choice = await start(provider)
    server.next({ text: [], tokens: { input: 30, output: 1 } })
    await expect(ask(choice).answer).rejects.toMatchObject({
      code: 'empty_answer',
      tokens: { input: 30, output: 1 },
    })
  })

  it.each([
    ['cut', 'cut'],
    ['short', 'cut'],
    ['garbage', 'garbled'],
    ['error', 'backend_error'],
  ] as const)('that ends in the middle by %s fails as %s, after one try', async (ending, code) => {
    const choice = await start(provider)
    server.next({ text: ['half an ', 'answer'], ending })
    const { answer, told } = ask(choice)
    await expect(answer).rejects.toMatchObject({ name: 'BrokenCall', code })
    await expect(answer).rejects.not.toThrow(/object Object/)
    expect(told.join('')).toBe('half an answer')
    expect(server.calls).toHaveLength(1)
  })

  it('is ended as stalled when it falls silent before its first byte', async () => {
    const choice = await start(provider)
    server.next('hang')
    const { answer } = ask(choice, { firstByteSeconds: 0.3 })
    await expect(answer).rejects.toMatchObject({ code: 'stalled', setting: 'first_byte_seconds' })
    await expect.poll(() => question().leftAt).not.toBeNull()
  })

  it('is ended as stalled when it falls silent in the middle, and tells what had come', async () => {
    const choice = await start(provider)
    server.next({ text: ['half'], ending: 'hang' })
    const { answer } = ask(choice, { livenessSeconds: 0.3 })
    await expect(answer).rejects.toMatchObject({
      ...{ code: 'stalled', message: 'no sign of life for 0.3 s', setting: 'liveness_seconds' },
      got: { text: 'half', deltas: 1 },
    })
    await expect.poll(() => question().leftAt).not.toBeNull()
  })

  it('is never cut while it is long but lively', async () => {
    const choice = await start(provider)
    const text = Array.from({ length: 50 }, (_, n) => `${n} `)
    server.next({ text, reasoning: ['hm', 'hm'], pause: { between: 50 } })
    const { answer } = ask(choice, { livenessSeconds: 2 })
    expect((await answer).text).toBe(text.join(''))
    expect((await answer).ms).toBeGreaterThan(2000)
  })

  it.each(['before its first byte', 'in the middle'])(
    'leaves at once when it is aborted %s',
    async (when) => {
      const choice = await start(provider)
      server.next(when === 'in the middle' ? { text: ['half'], ending: 'hang' } : 'hang')
      const leaving = new AbortController()
      const { answer, told } = ask(choice, { signal: leaving.signal })
      await expect
        .poll(() => (when === 'in the middle' ? told.length : server.calls.length))
        .toBeGreaterThan(0)
      const reason = new Error('told to stop')
      leaving.abort(reason)
      await expect(answer).rejects.toBe(reason)
      await expect.poll(() => question().leftAt).not.toBeNull()
    },
  )
})

describe('tokens', () => {
  const tokens = { input: 100, cacheRead: 40, cacheWrite: 0, output: 25, reasoning: 5 }

  it('are read from an OpenAI-compatible server, where what the cache held and what was thought are parts', async () => {
    const choice = await start('openai')
    server.next({ text: 'Because.', tokens })
    expect((await ask(choice).answer).tokens).toEqual({
      input: 140,
      output: 25,
      cache_read: 40,
      cache_write: null,
      reasoning: 5,
    })
  })

  it('are read from Ollama, which tells only the sums', async () => {
    const choice = await start('ollama')
    server.next({ text: 'Because.', tokens: { input: 26, output: 9 } })
    expect((await ask(choice).answer).tokens).toMatchObject({ input: 26, output: 9 })
  })

  it('are read from Anthropic, where what the cache held and what was put into it are parts of the input', async () => {
    const choice = await start('anthropic')
    server.next({ text: 'Because.', tokens: { ...tokens, cacheWrite: 60 } })
    expect((await ask(choice).answer).tokens).toMatchObject({
      input: 200,
      output: 25,
      cache_read: 40,
      cache_write: 60,
    })
  })
})

it('never takes a key from the environment that nobody configured', async () => {
  const choice = await start('anthropic')
  process.env.ANTHROPIC_API_KEY = 'sk-fake'
  const asked = callModel({
    choice,
    apiKey: undefined,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'why?' }] }],
    maxOutput: 8192,
    firstByteSeconds: 5,
    livenessSeconds: 5,
    signal: never,
    onText: () => {},
  }).finally(() => delete process.env.ANTHROPIC_API_KEY)
  await expect(asked).rejects.toMatchObject({ statusCode: 401 })
  expect(JSON.stringify(question().headers)).not.toContain('sk-fake')
})

it('takes Anthropic’s pings for the sign of life that they are', async () => {
  const choice = await start('anthropic')
  const pinging = await pingingAnthropic()
  const asked = ask(
    { ...choice, backend: { ...choice.backend, url: `${pinging.url}/v1` } },
    { livenessSeconds: 1.5 },
  )
  const answer = await asked.answer.finally(pinging.stop)
  expect(answer).toMatchObject({ text: 'Because.', tokens: { input: 9, output: 3 } })
  expect(answer.ms).toBeGreaterThan(1700)
})

/** An Anthropic that only pings for two seconds before it says something. */
async function pingingAnthropic(): Promise<{ url: string; stop: () => Promise<unknown> }> {
  const event = (type: string, fields: object = {}) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
  const http = createServer(async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const message = { id: 'm', type: 'message', role: 'assistant', model: 'claude-fake', content: [] }
    response.write(
      event('message_start', { message: { ...message, usage: { input_tokens: 9, output_tokens: 1 } } }),
    )
    for (let ping = 0; ping < 20; ping += 1) {
      await elapse(100)
      response.write(event('ping'))
    }
    response.write(event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }))
    response.write(
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Because.' } }),
    )
    response.write(event('content_block_stop', { index: 0 }))
    response.write(
      event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 3 } }),
    )
    response.end(event('message_stop'))
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () => new Promise((resolve) => http.close(resolve).closeAllConnections()),
  }
}
