import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { fakeAnthropic } from '../../support/models/anthropic.ts'
import type { Answer, Behaviour } from '../../support/models/behaviour.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { fakeOllama } from '../../support/models/ollama.ts'
import { fakeOpenAi } from '../../support/models/openai.ts'
import { post, read } from './requests.ts'

/** Each protocol: its server, where and what to ask for a stream, and what a stream that is whole ends with. */
const PROTOCOLS = [
  { name: 'OpenAI', start: fakeOpenAi, path: '/v1/chat/completions', model: 'gpt-fake', last: '[DONE]' },
  {
    name: 'Anthropic',
    start: fakeAnthropic,
    path: '/v1/messages',
    model: 'claude-fake',
    last: 'message_stop',
  },
  { name: 'Ollama', start: fakeOllama, path: '/api/chat', model: 'llama3.2:3b', last: '"done":true' },
]

let server: FakeServer
afterEach(() => server.stop())

describe.each(PROTOCOLS)('any fake server, such as $name’s,', ({ start, path, model, last }) => {
  const headers = { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' }
  const ask = (stream = true, signal?: AbortSignal) =>
    fetch(server.url + path, {
      method: 'POST',
      headers,
      body: JSON.stringify({ model, stream, max_tokens: 9, messages: [{ role: 'user', content: 'why?' }] }),
      ...(signal ? { signal } : {}),
    })
  const scripted = async (...behaviours: Behaviour[]) => {
    server = await start()
    server.next(...behaviours)
  }

  it('answers with its default when the script has run out', async () => {
    await scripted({ text: 'first' })
    server.byDefault((call) => ({ text: `heard ${JSON.stringify(call.body).includes('why?')}` }))
    expect(await (await ask()).text()).toContain('first')
    expect(await (await ask()).text()).toContain('heard true')
    expect(server.callsOf(path).map(({ method, headers: sent }) => [method, sent['x-api-key']])).toEqual([
      ['POST', 'k'],
      ['POST', 'k'],
    ])
  })

  it('takes its time before the headers, the first piece and between pieces', async () => {
    await scripted({ text: ['a', 'b', 'c'], pause: { headers: 60, first: 60, between: 60 } })
    const asked = Date.now()
    const response = await ask()
    expect(Date.now() - asked).toBeGreaterThanOrEqual(55)
    expect((await read(response)).text).toContain(last)
    const [call] = server.calls
    expect(call!.firstPieceAt! - call!.at).toBeGreaterThanOrEqual(115)
    expect(call!.endedAt! - call!.firstPieceAt!).toBeGreaterThanOrEqual(115)
  })

  it.each<{ ending: Answer['ending']; broken: boolean }>([
    { ending: 'cut', broken: true },
    { ending: 'short', broken: false },
    { ending: 'garbage', broken: false },
    { ending: 'error', broken: false },
  ])('ends a stream by $ending after its pieces', async ({ ending, broken }) => {
    await scripted({ text: ['Be', 'cause'], ...(ending ? { ending } : {}) })
    const got = await read(await ask())
    expect(got.broken).toBe(broken)
    expect(got.text).toContain('cause')
    expect(got.text).not.toContain(last)
    expect(got.text.includes('<html>')).toBe(ending === 'garbage')
    expect(/"error"/.test(got.text)).toBe(ending === 'error')
  })

  it('leaves half a document behind when one is cut', async () => {
    await scripted({ text: 'Because', ending: 'cut' })
    const got = await read(await ask(false))
    expect(got.broken).toBe(true)
    expect(got.text).toMatch(/^\{"/)
    expect(() => JSON.parse(got.text)).toThrow(SyntaxError)
  })

  it('hangs in the middle of a stream until the client leaves, and notes when', async () => {
    await scripted({ text: ['Be'], ending: 'hang' })
    const leave = new AbortController()
    const reader = (await ask(true, leave.signal)).body!.getReader()
    let text = ''
    while (!text.includes('Be"')) text += new TextDecoder().decode((await reader.read()).value)
    expect(server.calls[0]).toMatchObject({ endedAt: null, leftAt: null })
    leave.abort()
    await expect.poll(() => server.calls[0]!.leftAt).not.toBeNull()
    expect(server.calls[0]!.endedAt).toBeNull()
  })

  it('hangs or drops the connection before the first byte', async () => {
    await scripted('hang', 'cut')
    const leave = new AbortController()
    const asked = ask(true, leave.signal)
    await expect.poll(() => server.calls.length).toBe(1)
    leave.abort()
    await expect(asked).rejects.toThrow('aborted')
    await expect.poll(() => server.calls[0]!.leftAt).not.toBeNull()
    await expect(ask()).rejects.toThrow('fetch failed')
  })

  it('answers with any status, headers and type of content', async () => {
    const page = { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>log in</html>' }
    await scripted(page, { status: 503, headers: { 'retry-after': '7' }, body: { error: 'full' } })
    const [first, second] = [await ask(), await ask()]
    expect([first.status, first.headers.get('content-type')]).toEqual([200, 'text/html'])
    expect([second.status, second.headers.get('retry-after')]).toEqual([503, '7'])
    expect(await second.json()).toEqual({ error: 'full' })
  })

  it('keeps the script for calls of the model, whatever else is asked or wrong', async () => {
    await scripted({ text: 'kept' })
    server.at('/', { status: 500, body: 'down' })
    expect((await fetch(server.url, { headers })).status).toBe(500)
    server.at('/', null)
    expect((await fetch(server.url, { headers })).status).not.toBe(500)
    expect((await post(server.url + path, { model: 'unknown' }, headers)).status).toBeGreaterThanOrEqual(400)
    expect((await fetch(server.url + path, { method: 'POST', headers, body: '{' })).status).toBe(400)
    expect(await (await ask()).text()).toContain('kept')
  })

  it('takes no notice of a request that breaks off', async () => {
    await scripted({ text: 'kept' })
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    await once(socket, 'connect')
    socket.write(`POST ${path} HTTP/1.1\r\nhost: fake\r\ncontent-length: 99\r\n\r\n{`)
    socket.destroySoon()
    await once(socket, 'close')
    expect(await (await ask()).text()).toContain('kept')
    expect(server.calls.length).toBe(1)
  })
})
