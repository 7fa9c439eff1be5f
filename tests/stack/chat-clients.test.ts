import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { ChatOpenAI } from '@langchain/openai'
import { generateObject, generateText, jsonSchema, streamText, tool } from 'ai'
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { TaskList } from '../../f/hai/core/task/shape.ts'
import type { TodoList } from '../../f/hai/core/todo/shape.ts'
import type { FakeServer } from '../support/models/fake-server.ts'
import { fakeOpenAi } from '../support/models/openai.ts'
import { answerBy, startStack, type TestStack } from '../support/stack.ts'

let server: FakeServer
let stack: TestStack
beforeAll(async () => {
  server = await fakeOpenAi()
  stack = await startStack({ shared: true, env: { OPENAI_API_KEY: 'sk-fake' } })
  await answerBy(stack, server.url)
  await stack.call('f/hai/model/list')
})
afterAll(() => server?.stop())
beforeEach(() => {
  server.calls.length = 0
})

const asked = () => server.callsOf('/v1/chat/completions').map(({ body }) => body as Record<string, unknown>)
const todos = async (text: string) =>
  (await stack.call<TodoList>('f/hai/todo/list', { text })).body.todos.map(({ body }) => body)
const tasks = async (text: string) => (await stack.call<TaskList>('f/hai/task/list', { text })).body.tasks

const user = (content: string) => ({ role: 'user', content }) as const
const system = (content: string) => ({ role: 'system', content }) as const
const SCHEMA = {
  type: 'object',
  properties: { ok: { type: 'boolean' } },
  required: ['ok'],
  additionalProperties: false,
} as const
const JSON_SCHEMA = { type: 'json_schema', json_schema: { name: 'a', strict: true, schema: SCHEMA } } as const
const CLOCK = {
  type: 'function',
  function: { name: 'get_time', description: 'the time now', parameters: { type: 'object', properties: {} } },
} as const

describe.each([
  ['the route', () => `${stack.endpoint}/api/r/hai/v1`],
  ['hai serve', () => `${stack.instance.chat_endpoint}/v1`],
])('%s', (name, address) => {
  /** Words that no other door's tests say. */
  const own = (words: string) => `${words} (${name})`

  describe('with OpenAI’s client', () => {
    let attempts: number
    const client = (more: object = {}) =>
      new OpenAI({
        ...{ baseURL: address(), apiKey: stack.token },
        fetch: (...given) => {
          attempts += 1
          return fetch(...given)
        },
        ...more,
      })
    beforeEach(() => {
      attempts = 0
    })
    const ask = (messages: OpenAI.ChatCompletionMessageParam[], more: object = {}, options: object = {}) =>
      client(options).chat.completions.create({ model: 'hai', messages, ...more })

    it('answers what a model is asked, with instructions as instructions and turns as turns', async () => {
      const before = [user('why?'), { role: 'assistant', content: 'Because.' } as const]
      const answer = await ask([system('Be brief.'), ...before, user('and how?')])
      expect(answer.choices[0]).toMatchObject({ message: { content: 'It is well.' }, finish_reason: 'stop' })
      expect(answer.usage?.total_tokens).toBeGreaterThan(0)
      expect(answer._request_id).toMatch(/./)
      const [{ messages }] = asked() as [{ messages: { role: string; content: string }[] }]
      expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user'])
      expect(messages[0]!.content).toContain('Be brief.')
      expect(messages.at(-1)!.content).toContain('and how?')
    })

    it('streams, with tools that are only offered', async () => {
      const stream = await client().chat.completions.create({
        ...{ model: 'hai', stream: true, stream_options: { include_usage: true }, tools: [CLOCK] },
        messages: [user('why?')],
      })
      const chunks: OpenAI.ChatCompletionChunk[] = []
      for await (const chunk of stream) chunks.push(chunk)
      expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('It is well.')
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } })
      expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop')
    })

    it('runs its own tools’ loop, which ends at once', async () => {
      const called: string[] = []
      const runner = client().chat.completions.runTools({
        model: 'hai',
        messages: [user('what time is it?')],
        tools: [
          {
            type: 'function',
            function: { ...CLOCK.function, function: () => void called.push('x'), parse: JSON.parse },
          },
        ],
      })
      expect(await runner.finalContent()).toBe('It is well.')
      expect(called).toEqual([])
    })

    it('does what needs no model behind a system prompt, and once', async () => {
      const todo = own('buy milk')
      const answer = await ask([system('Be brief.'), user(`add todo: ${todo}`)], { tools: [CLOCK] })
      expect(answer.choices[0]!.message.content).toContain(todo)
      expect(await todos(todo)).toEqual([todo])
      expect(asked()).toEqual([])
    })

    it('gets an answer in a form of its own', async () => {
      server.next({ text: ['{"ok":', 'true}'] })
      const answer = await client().chat.completions.parse({
        ...{
          model: 'hai',
          messages: [user('ok true')],
          response_format: JSON_SCHEMA,
          max_tokens: 50,
          temperature: 0,
        },
      })
      expect(answer.choices[0]!.message.parsed).toEqual({ ok: true })
      expect(asked()[0]).toMatchObject({ response_format: JSON_SCHEMA, temperature: 0 })
    })

    it('comes back to its question after its own time limit, and asks the model once', async () => {
      server.next({ text: ['At last.'], pause: { first: 950 } })
      const question = own('a slow question')
      const answer = await ask([user(question)], {}, { timeout: 900, maxRetries: 5 })
      expect(answer.choices[0]!.message.content).toBe('At last.')
      expect(attempts).toBeGreaterThan(1)
      expect(asked()).toHaveLength(1)
      expect(await tasks(question)).toHaveLength(1)
    })

    it('lists its models, and finds them by name', async () => {
      const models = await client().models.list()
      expect(models.data.map(({ id }) => id)).toEqual(['hai', 'hai-small'])
      expect(await client().models.retrieve('hai')).toMatchObject({ id: 'hai', object: 'model' })
      await expect(client().models.retrieve('gpt-4')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
    })

    it('knows each error by its class, and tries none again that is for good', async () => {
      const refused = (more: object, messages = [user('hi')]) => ask(messages, more).catch((error) => error)
      const two = await refused({ n: 2 })
      expect(two).toBeInstanceOf(OpenAI.BadRequestError)
      expect(two).toMatchObject({
        param: 'n',
        type: 'invalid_request_error',
        requestID: expect.stringMatching(/./),
      })
      const unknown = await refused({ model: 'gpt-4' })
      expect(unknown).toBeInstanceOf(OpenAI.NotFoundError)
      expect(unknown).toMatchObject({ code: 'model_not_found', param: 'model' })
      const wrong = await ask([user('hi')], {}, { apiKey: 'sk-wrong' }).catch((error) => error)
      expect(wrong).toBeInstanceOf(OpenAI.AuthenticationError)
      server.next({ status: 400, body: { error: { message: `no such thing at ${server.url}` } } })
      const dead = await refused({}, [user(own('what a model refuses'))])
      expect(dead).toBeInstanceOf(OpenAI.InternalServerError)
      expect(dead).toMatchObject({ status: 503, type: 'server_error', code: 'backend_error' })
      expect(dead.message).not.toContain('127.0.0.1')
      expect(attempts).toBe(4)
    })

    it('asks for a title without leaving a line in the list', async () => {
      const words = own('descale the kettle')
      const title = `### Task:\nWrite a title.\nJSON format: { "title": "…" }\n<chat_history>\n${words}\n</chat_history>`
      await ask([user(title)], { stream: false, max_tokens: 1000 })
      await ask([user(words)], { model: 'hai-small' })
      expect(asked()).toHaveLength(2)
      expect(await tasks(words)).toEqual([])
    })
  })

  describe('with the AI SDK', () => {
    const model = (more: object = {}) =>
      createOpenAICompatible({
        ...{
          name: 'hai',
          baseURL: address(),
          apiKey: stack.token,
          supportsStructuredOutputs: true,
          includeUsage: true,
        },
        ...more,
      })('hai')
    const tools = {
      get_time: tool({ description: 'the time now', inputSchema: z.object({}), execute: () => 'noon' }),
    }

    it('answers, with tools that are only offered', async () => {
      const { text, finishReason, usage } = await generateText({ model: model(), tools, prompt: 'why?' })
      expect({ text, finishReason }).toEqual({ text: 'It is well.', finishReason: 'stop' })
      expect(usage.totalTokens).toBeGreaterThan(0)
    })

    it('streams', async () => {
      const { textStream, usage } = streamText({ model: model(), tools, system: 'Be brief.', prompt: 'why?' })
      let text = ''
      for await (const piece of textStream) text += piece
      expect(text).toBe('It is well.')
      expect((await usage).totalTokens).toBeGreaterThan(0)
    })

    it('makes an object', async () => {
      server.next({ text: ['{"ok":true}'] })
      const made = await generateObject({
        model: model(),
        schema: jsonSchema<{ ok: boolean }>(SCHEMA),
        prompt: 'ok',
      })
      expect(made.object).toEqual({ ok: true })
      expect(asked()[0]).toMatchObject({ response_format: { type: 'json_schema' } })
    })

    it('is refused in words when it must call a tool', async () => {
      const forced = generateText({ model: model(), tools, toolChoice: 'required', prompt: 'why?' })
      await expect(forced).rejects.toMatchObject({
        ...{ statusCode: 400, isRetryable: false, message: expect.stringMatching(/^tool_choice: /) },
      })
      expect(asked()).toEqual([])
    })
  })

  describe('with LangChain', () => {
    const model = (more: object = {}) =>
      new ChatOpenAI({ model: 'hai', apiKey: stack.token, configuration: { baseURL: address() }, ...more })

    it('answers, with tools bound', async () => {
      const answer = await model()
        .bindTools([CLOCK])
        .invoke([system('Be brief.'), user('why?')])
      expect(answer.content).toBe('It is well.')
      expect(answer.tool_calls).toEqual([])
      expect(answer.usage_metadata?.total_tokens).toBeGreaterThan(0)
    })

    it('streams', async () => {
      let text = ''
      for await (const piece of await model().stream('why?')) text += piece.content
      expect(text).toBe('It is well.')
    })

    it.each(['jsonSchema', 'jsonMode'] as const)('makes an object by %s', async (method) => {
      server.next({ text: ['{"ok":true}'] })
      const shape = { title: 'a', ...SCHEMA }
      const made = await model().withStructuredOutput(shape, { method, name: 'a' }).invoke('ok, as JSON')
      expect(made).toEqual({ ok: true })
    })
  })
})

describe('hai serve with Ollama’s client', () => {
  const client = () =>
    new Ollama({
      host: stack.instance.chat_endpoint!,
      headers: { authorization: `Bearer ${stack.token}` },
    })

  it('lists and shows its models', async () => {
    const { models } = await client().list()
    expect(models.map(({ name }) => name)).toContain('hai:latest')
    expect(await client().show({ model: 'hai' })).toHaveProperty('details')
  })

  it('answers, and streams', async () => {
    const whole = await client().chat({
      model: 'hai',
      messages: [user('why?')],
      options: { num_predict: 50 },
    })
    expect(whole).toMatchObject({ message: { role: 'assistant', content: 'It is well.' }, done: true })
    let text = ''
    for await (const { message } of await client().chat({
      model: 'hai',
      messages: [user('why?')],
      stream: true,
    }))
      text += message.content
    expect(text).toBe('It is well.')
  })

  it('does what needs no model, behind the instructions of a house', async () => {
    const todo = 'water the plants (ollama)'
    const messages = [system('You answer by voice.'), user(`add todo: ${todo}`)]
    await client().chat({ model: 'hai', messages, tools: [CLOCK] })
    expect(await todos(todo)).toEqual([todo])
    expect(asked()).toEqual([])
  })
})
