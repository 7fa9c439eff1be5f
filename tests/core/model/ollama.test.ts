import { afterEach, describe, expect, it } from 'vitest'
import { aPulledModel, type FakeOllama, fakeOllama } from '../../support/models/ollama.ts'
import { events, json, lines, post } from './requests.ts'

let server: FakeOllama
afterEach(() => server.stop())

interface Shown {
  model_info: Record<string, unknown>
  capabilities: string[]
}
interface Chat {
  message: { tool_calls: { function: object }[] }
}

const question = [{ role: 'user', content: 'why?' }]
const weather = { id: 'call_1', name: 'weather', arguments: { city: 'Vienna' } }

describe('a fake Ollama server', () => {
  it('tells its version, what is pulled, what is loaded and how long a context is', async () => {
    server = await fakeOllama({ models: [aPulledModel(), aPulledModel({ name: 'tiny:latest' })] })
    const get = async (path: string) => json(await fetch(server.url + path))
    expect(await get('/api/version')).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/) })
    const names = async (path: string) =>
      ((await get(path)).models as { name: string }[]).map(({ name }) => name)
    expect(await names('/api/tags')).toEqual(['llama3.2:3b', 'tiny:latest'])
    expect(await names('/api/ps')).toEqual([])
    const load = await post(`${server.url}/api/generate`, { model: 'tiny' })
    expect(await load.json()).toMatchObject({ response: '', done: true, done_reason: 'load' })
    expect(await names('/api/ps')).toEqual(['tiny:latest'])
    await post(`${server.url}/api/generate`, { model: 'tiny', keep_alive: 0 })
    expect(await names('/api/ps')).toEqual([])
    const shown = await json<Shown>(await post(`${server.url}/api/show`, { model: 'tiny' }))
    const architecture = shown.model_info['general.architecture']
    expect(shown.model_info[`${architecture}.context_length`]).toBe(131_072)
    expect(shown.capabilities).toContain('tools')
  })

  it('streams a chat line by line and ends with its counts', async () => {
    server = await fakeOllama()
    server.next({ text: ['Be', 'cause'], tokens: { input: 26, output: 9 } })
    const response = await post(`${server.url}/api/chat`, { model: 'llama3.2:3b', messages: question })
    expect(response.headers.get('content-type')).toBe('application/x-ndjson')
    const [first, second, last, ...rest] = lines(await response.text())
    expect([first, second]).toMatchObject([
      { model: 'llama3.2:3b', message: { role: 'assistant', content: 'Be' }, done: false },
      { message: { content: 'cause' }, done: false },
    ])
    expect(last).toMatchObject({
      ...{ message: { content: '' }, done: true, done_reason: 'stop' },
      ...{ prompt_eval_count: 26, eval_count: 9, load_duration: 20_000_000 },
    })
    expect(rest).toEqual([])
  })

  it('generates in one document, and passes a tool’s arguments as an object', async () => {
    server = await fakeOllama()
    server.next({ text: ['Be', 'cause'] }, { toolCalls: [weather] })
    const whole = { model: 'llama3.2:3b', stream: false }
    const generated = await post(`${server.url}/api/generate`, { ...whole, prompt: 'why?' })
    expect(await generated.json()).toMatchObject({ response: 'Because', done: true, eval_count: 20 })
    const chat = await json<Chat>(await post(`${server.url}/api/chat`, { ...whole, messages: question }))
    expect(chat.message.tool_calls[0]!.function).toEqual({
      ...{ index: 0, name: 'weather', arguments: { city: 'Vienna' } },
    })
  })

  it('loads a model once for all who wait for it, and says how long that took', async () => {
    server = await fakeOllama({ loadMs: 200 })
    const ask = () =>
      post(`${server.url}/api/chat`, { model: 'llama3.2:3b', messages: question, stream: false })
    const [one, two] = await Promise.all([ask(), ask()])
    expect(server.calls[0]!.firstPieceAt! - server.calls[0]!.at).toBeGreaterThanOrEqual(190)
    expect(await one.json()).toMatchObject({ load_duration: 200_000_000 })
    expect(two.status).toBe(200)
    expect(await (await ask()).json()).toMatchObject({ load_duration: 20_000_000 })
  })

  it.each(['/api/chat', '/api/generate', '/v1/chat/completions'])(
    'knows on %s what was not pulled',
    async (path) => {
      server = await fakeOllama()
      const response = await post(server.url + path, { model: 'mistral', messages: question, prompt: 'why?' })
      const { error } = await json<{ error: string | { message: string } }>(response)
      expect(response.status).toBe(404)
      expect(typeof error === 'string' ? error : error.message).toBe(
        'model "mistral" not found, try pulling it first',
      )
    },
  )

  it('speaks OpenAI’s protocol in its own dialect', async () => {
    server = await fakeOllama()
    server.next({ reasoning: ['hm'], text: 'Because', toolCalls: [weather] })
    const response = await post(`${server.url}/v1/chat/completions`, {
      ...{ model: 'llama3.2:3b', messages: question, stream: true },
      stream_options: { include_usage: true },
    })
    const frames = events(await response.text())
    const chunks = frames.slice(0, -1).map(({ data }) => JSON.parse(data))
    expect(chunks.map(({ choices }) => choices[0]?.delta)).toEqual([
      { role: 'assistant', content: '', reasoning: 'hm' },
      { role: 'assistant', content: 'Because' },
      {
        ...{ role: 'assistant', content: '' },
        tool_calls: [
          {
            ...{ index: 0, id: 'call_1', type: 'function' },
            function: { name: 'weather', arguments: '{"city":"Vienna"}' },
          },
        ],
      },
      { role: 'assistant', content: '' },
      undefined,
    ])
    expect(chunks.at(-1).usage).toEqual({ prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 })
  })
})
