import { afterEach, describe, expect, it } from 'vitest'
import { type FakeLlamaCpp, fakeLlamaCpp } from '../../support/models/llama-cpp.ts'
import { countTokens } from '../../support/models/tokens.ts'
import { events, json, post } from './requests.ts'

let server: FakeLlamaCpp
afterEach(() => server.stop())

const ask = (content: string, more: object = {}) =>
  post(`${server.url}/v1/chat/completions`, {
    ...{ model: 'x', messages: [{ role: 'user', content }] },
    ...{ stream: true, stream_options: { include_usage: true }, ...more },
  })

/** Comments left out. */
const frames = async (response: Response) => events((await response.text()).replaceAll(':\n\n', ''))
const usage = async (response: Response) => JSON.parse((await frames(response)).at(-2)!.data).usage

describe('a fake llama.cpp server', () => {
  it('streams an answer in its own frames, one token each, to the length that it may have', async () => {
    server = await fakeLlamaCpp()
    server.next({ text: 'Karen. What brings you here?' })
    const response = await ask('Say hi', { max_tokens: 3 })
    expect(response.headers.get('server')).toBe('llama.cpp')
    const chunks = (await frames(response)).slice(0, -1).map(({ data }) => JSON.parse(data))
    expect(chunks.map(({ choices }) => choices[0])).toEqual([
      { finish_reason: null, index: 0, delta: { role: 'assistant', content: null } },
      { finish_reason: null, index: 0, delta: { content: 'Karen.' } },
      { finish_reason: null, index: 0, delta: { content: ' What' } },
      { finish_reason: null, index: 0, delta: { content: ' brings' } },
      { finish_reason: 'length', index: 0, delta: {} },
      undefined,
    ])
    expect(chunks.at(-1)).toMatchObject({
      model: 'model.gguf',
      usage: { completion_tokens: 3, prompt_tokens_details: { cached_tokens: 0 } },
      timings: { cache_n: 0, predicted_n: 3 },
    })
  })

  it('refuses what its window cannot hold before any event, with the numbers', async () => {
    server = await fakeLlamaCpp({ n_ctx: 64 })
    const response = await ask('a word '.repeat(100))
    expect(response.status).toBe(400)
    const { error } = await json<{ error: Record<string, unknown> }>(response)
    expect(error).toEqual({
      code: 400,
      message: expect.stringMatching(
        /^request \(\d+ tokens\) exceeds the available context size \(64 tokens\), try increasing it$/,
      ),
      type: 'exceed_context_size_error',
      n_prompt_tokens: expect.any(Number),
      n_ctx: 64,
    })
    const models = await json<{ data: { meta: { n_ctx: number } }[] }>(await fetch(`${server.url}/v1/models`))
    expect(models.data[0]!.meta.n_ctx).toBe(64)
  })

  it('ends an answer where its window ends', async () => {
    server = await fakeLlamaCpp({ n_ctx: 64 })
    server.next({ text: 'on and '.repeat(100) })
    expect(await usage(await ask('go'))).toMatchObject({ total_tokens: 64 })
  })

  it('sends comments while a slot is taken, and reads no prompt twice', async () => {
    server = await fakeLlamaCpp({ pingMs: 5 })
    server.next({ text: 'one', pause: { first: 60 } })
    const one = ask('Say one thing')
    const two = ask('Say one thing and another')
    expect(await (await one).text()).not.toContain(':\n\n')
    const second = await (await two).text()
    expect(second).toMatch(/^(:\n\n)+data: /)
    const [, { tokens, cached } = { tokens: 0, cached: 0 }] = server.prompts
    expect(cached).toBeGreaterThan(0)
    expect(cached).toBeLessThan(tokens)
  })

  it('says on every path that it is loading', async () => {
    server = await fakeLlamaCpp({ loadMs: 600_000 })
    for (const path of ['/health', '/v1/models', '/v1/chat/completions']) {
      const response = await fetch(server.url + path)
      expect(response.status).toBe(503)
      expect(await response.json()).toEqual({
        error: { message: 'Loading model', type: 'unavailable_error', code: 503 },
      })
    }
    server.reload(0)
    expect(await json(await fetch(`${server.url}/health`))).toEqual({ status: 'ok' })
  })

  it('counts digits one by one, and English as most do', () => {
    const line =
      'Nov 28 12:41:07 nas kernel: [ 8123.004511] ata3.00: failed command: READ FPDMA QUEUED tag 13\n'
    expect(line.length / countTokens(line)).toBeGreaterThan(1.8)
    expect(line.length / countTokens(line)).toBeLessThan(2.4)
    const prose = 'The durable queue keeps what was asked of it, and no worker may forget it. '
    expect(prose.length / countTokens(prose)).toBeGreaterThan(3.8)
  })
})
