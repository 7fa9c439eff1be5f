import { afterEach, describe, expect, it } from 'vitest'
import { ANTHROPIC_REFUSES, fakeAnthropic } from '../../support/models/anthropic.ts'
import type { HttpAnswer } from '../../support/models/behaviour.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { fakeOpenAi, OPENAI_REFUSES } from '../../support/models/openai.ts'
import { events, post } from './requests.ts'

const started: FakeServer[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()))
})

async function running<S extends FakeServer>(starting: Promise<S>): Promise<S> {
  const server = await starting
  started.push(server)
  return server
}

const question = [{ role: 'user', content: 'why?' }]
const weather = { id: 'call_1', name: 'weather', arguments: { city: 'Vienna' } }

describe('a fake OpenAI server', () => {
  const ask = (server: FakeServer, more: object = {}) =>
    post(`${server.url}/v1/chat/completions`, {
      model: 'gpt-fake',
      messages: question,
      stream: true,
      stream_options: { include_usage: true },
      ...more,
    })

  it('streams the pieces, why it stopped, the usage and the end mark', async () => {
    const server = await running(fakeOpenAi())
    server.next({ text: ['Because', ' so.'], tokens: { input: 7, cacheRead: 5, output: 4, reasoning: 1 } })
    const response = await ask(server)
    const frames = events(await response.text())
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(frames.at(-1)).toEqual({ event: null, data: '[DONE]' })
    const chunks = frames.slice(0, -1).map(({ data }) => JSON.parse(data))
    expect(chunks.map(({ object }) => object)).toEqual(Array(5).fill('chat.completion.chunk'))
    expect(chunks.map(({ choices }) => choices[0])).toEqual([
      { index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null },
      { index: 0, delta: { content: 'Because' }, finish_reason: null },
      { index: 0, delta: { content: ' so.' }, finish_reason: null },
      { index: 0, delta: {}, finish_reason: 'stop' },
      undefined,
    ])
    expect(chunks.map(({ usage }) => usage)).toEqual([
      ...Array(4).fill(null),
      {
        prompt_tokens: 12,
        completion_tokens: 4,
        total_tokens: 16,
        prompt_tokens_details: { cached_tokens: 5, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 1, audio_tokens: 0 },
      },
    ])
  })

  it('says nothing of usage in a stream that did not ask', async () => {
    const server = await running(fakeOpenAi())
    expect(await (await ask(server, { stream_options: undefined })).text()).not.toContain('usage')
  })

  it('streams a tool call as its name and then its arguments in parts', async () => {
    const server = await running(fakeOpenAi())
    server.next({ toolCalls: [weather] })
    const frames = events(await (await ask(server)).text()).slice(0, -1)
    const choices = frames.flatMap(({ data }) => JSON.parse(data).choices)
    const deltas = choices.flatMap(({ delta }) => delta.tool_calls ?? [])
    expect(deltas[0]).toEqual({
      ...{ index: 0, id: 'call_1', type: 'function' },
      function: { name: 'weather', arguments: '' },
    })
    expect(deltas.length).toBe(3)
    expect(deltas.map((delta) => delta.function.arguments).join('')).toBe('{"city":"Vienna"}')
    expect(choices.at(-1).finish_reason).toBe('tool_calls')
  })

  it('answers in one document when no stream was asked for', async () => {
    const server = await running(fakeOpenAi())
    server.next({ text: ['cut ', 'off'], finish: 'length' })
    expect(await (await ask(server, { stream: false })).json()).toMatchObject({
      object: 'chat.completion',
      choices: [{ message: { role: 'assistant', content: 'cut off' }, finish_reason: 'length' }],
      usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 },
    })
  })

  it('lists its models, and knows a stranger, a model it lacks and a question without messages', async () => {
    const server = await running(fakeOpenAi({ apiKey: 'sk-1' }))
    const authorization = { authorization: 'Bearer sk-1' }
    const list = await fetch(`${server.url}/v1/models`, { headers: authorization })
    expect(await list.json()).toMatchObject({ object: 'list', data: [{ id: 'gpt-fake', object: 'model' }] })
    const url = `${server.url}/v1/chat/completions`
    const status = async (body: object, headers = {}) => (await post(url, body, headers)).status
    expect(await status({ model: 'gpt-fake', messages: question })).toBe(401)
    expect(await status({ model: 'gpt-9', messages: question }, authorization)).toBe(404)
    expect(await status({ model: 'gpt-fake', messages: [] }, authorization)).toBe(400)
  })

  it.each([
    ['contextTooLong', OPENAI_REFUSES.contextTooLong(), 400, 'context_length_exceeded'],
    ['rateLimited', OPENAI_REFUSES.rateLimited(3), 429, 'rate_limit_exceeded'],
    ['quotaExhausted', OPENAI_REFUSES.quotaExhausted(), 429, 'insufficient_quota'],
  ])('refuses one call as scripted: %s', async (name, refusal: HttpAnswer, status, code) => {
    const server = await running(fakeOpenAi())
    server.next(refusal)
    const response = await ask(server)
    expect(response.status).toBe(status)
    expect(response.headers.get('retry-after')).toBe(name === 'rateLimited' ? '3' : null)
    expect(await response.json()).toMatchObject({ error: { code } })
    expect((await ask(server)).status).toBe(200)
  })
})

describe('a fake Anthropic server', () => {
  const ask = (server: FakeServer, more: object = {}, headers: Record<string, string> = {}) =>
    post(
      `${server.url}/v1/messages`,
      { model: 'claude-fake', max_tokens: 100, messages: question, stream: true, ...more },
      { 'x-api-key': 'k', 'anthropic-version': '2023-06-01', ...headers },
    )

  it('streams the message from its start to its stop, cache tokens included', async () => {
    const server = await running(fakeAnthropic())
    server.next({ text: ['Be', 'cause'], tokens: { input: 3, cacheRead: 40, cacheWrite: 8, output: 5 } })
    const frames = events(await (await ask(server)).text())
    const data = frames.map((frame) => JSON.parse(frame.data))
    expect(data.map(({ type }) => type)).toEqual(frames.map(({ event }) => event))
    expect(frames.map(({ event }) => event)).toEqual([
      ...['message_start', 'content_block_start', 'ping', 'content_block_delta', 'content_block_delta'],
      ...['content_block_stop', 'message_delta', 'message_stop'],
    ])
    const cached = { cache_creation_input_tokens: 8, cache_read_input_tokens: 40 }
    expect(data[0].message).toMatchObject({
      ...{ type: 'message', role: 'assistant', content: [], stop_reason: null },
      usage: { input_tokens: 3, ...cached, output_tokens: 1 },
    })
    expect(data[3]).toEqual({
      ...{ type: 'content_block_delta', index: 0 },
      delta: { type: 'text_delta', text: 'Be' },
    })
    expect(data[6]).toEqual({
      ...{ type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null } },
      usage: { input_tokens: 3, ...cached, output_tokens: 5 },
    })
  })

  it('gives thoughts, text and tool calls a block each', async () => {
    const server = await running(fakeAnthropic())
    server.next({ reasoning: ['hm', 'm'], text: 'Let me look.', toolCalls: [weather] })
    const data = events(await (await ask(server)).text()).map((frame) => JSON.parse(frame.data))
    const starts = data.filter(({ type }) => type === 'content_block_start')
    expect(starts.map(({ index, content_block }) => [index, content_block.type])).toEqual([
      [0, 'thinking'],
      [1, 'text'],
      [2, 'tool_use'],
    ])
    const deltas = data.flatMap(({ index, delta }) => (index === undefined || !delta ? [] : [delta.type]))
    expect(deltas.slice(0, 4)).toEqual(['thinking_delta', 'thinking_delta', 'signature_delta', 'text_delta'])
    expect(data.map(({ delta }) => delta?.partial_json ?? '').join('')).toBe('{"city":"Vienna"}')
    expect(data.at(-2).delta.stop_reason).toBe('tool_use')
    expect(data.filter(({ type }) => type === 'content_block_stop').map(({ index }) => index)).toEqual([
      0, 1, 2,
    ])
  })

  it('has no block in an empty answer, and answers in one document when asked so', async () => {
    const server = await running(fakeAnthropic())
    server.next({ text: '' }, { text: 'cut o', finish: 'length' })
    const empty = events(await (await ask(server)).text())
    expect(empty.map(({ event }) => event)).toEqual(['message_start', 'message_delta', 'message_stop'])
    const whole = await (await ask(server, { stream: false })).json()
    expect(whole).toMatchObject({ content: [{ type: 'text', text: 'cut o' }], stop_reason: 'max_tokens' })
  })

  it.each([
    ['a missing key', { 'x-api-key': '' }, {}, 401, 'authentication_error'],
    ['a missing version', { 'anthropic-version': '' }, {}, 400, 'invalid_request_error'],
    ['a missing limit', {}, { max_tokens: undefined }, 400, 'invalid_request_error'],
    ['an unknown model', {}, { model: 'claude-9' }, 404, 'not_found_error'],
  ])('refuses %s', async (_, headers: Record<string, string>, more: object, status, type) => {
    const response = await ask(await running(fakeAnthropic()), more, headers)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ type: 'error', error: { type } })
  })

  it.each([
    [ANTHROPIC_REFUSES.rateLimited(12), 429, 'rate_limit_error', '12'],
    [ANTHROPIC_REFUSES.overloaded(), 529, 'overloaded_error', null],
    [ANTHROPIC_REFUSES.noCredit(), 400, 'invalid_request_error', null],
    [ANTHROPIC_REFUSES.contextTooLong(), 400, 'invalid_request_error', null],
  ])('refuses as scripted: %j', async (refusal: HttpAnswer, status, type, retryAfter) => {
    const server = await running(fakeAnthropic())
    server.next(refusal)
    const response = await ask(server)
    expect([response.status, response.headers.get('retry-after')]).toEqual([status, retryAfter])
    expect(await response.json()).toMatchObject({ type: 'error', error: { type } })
  })

  it('breaks off a stream with an overloaded event', async () => {
    const server = await running(fakeAnthropic())
    server.next({ text: 'Be', ending: 'error' })
    expect(events(await (await ask(server)).text()).at(-1)).toEqual({
      event: 'error',
      data: '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
    })
  })
})
