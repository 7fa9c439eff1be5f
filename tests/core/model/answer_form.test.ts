import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { answerWithModel } from '../../../f/hai/core/model/agent.ts'
import { taskResult } from '../../../f/hai/core/task/show.ts'
import { heldTask } from '../../../f/hai/core/work/held_task.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aRunningTask, clear, rowOf } from '../../support/factories.ts'
import { fakeAnthropic } from '../../support/models/anthropic.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { fakeLlamaCpp } from '../../support/models/llama-cpp.ts'
import { fakeOpenAi } from '../../support/models/openai.ts'
import { aChoice, anAccess } from './answering.ts'
import { callsOf, deltas, usageOf } from './records.ts'

const db = testDatabase()
let server: FakeServer
beforeEach(async () => {
  await clear(db.sql)
  server = await fakeOpenAi()
})
afterEach(() => server.stop())

const SCHEMA = {
  type: 'object',
  properties: { ok: { type: 'boolean' } },
  required: ['ok'],
  additionalProperties: false,
}
const OF_SCHEMA = { type: 'json_schema', json_schema: { name: 'a', strict: true, schema: SCHEMA } }

interface Server {
  kind?: 'openai-compatible' | 'anthropic' | 'claude-code'
  model?: string
}

/** Has a chat's question answered by the server that is there, and gives what was asked and what came of it. */
async function ask(chat: object, { kind = 'openai-compatible', model }: Server = {}) {
  const task = await aRunningTask(db.sql, { content: 'why is it so?', chat })
  const backend = model ? { kind, models: { [model]: { input: 1, output: 10 } } } : { kind }
  const choice = { ...aChoice(server.url, backend), ...(model ? { model } : {}) }
  const run = { ...anAccess(choice), signal: new AbortController().signal, stream: () => {} }
  await answerWithModel(heldTask(db.sql, task), task, run)
  const { state, output, error } = await rowOf(db.sql, task.id)
  const [step] = await db.sql<{ ending: string }[]>`
    select response -> 'answer' ->> 'ending' as ending from hai.task_step where task_id = ${task.id}`
  const notices = await db.sql<{ text: string }[]>`
    select text from hai.task_event where task_id = ${task.id} and type in ('notice', 'cut')`
  const body = callsOf(server).at(-1)?.body as Record<string, unknown> | undefined
  return {
    id: task.id,
    state,
    output,
    error,
    body,
    ending: step?.ending,
    notices: notices.map(({ text }) => text),
  }
}

describe('what a chat asks of its answer', () => {
  it('goes to a server of OpenAI’s form as it was sent', async () => {
    server.next({ text: '{"ok": true}' })
    const answer = {
      stop: ['###', '\n\n'],
      temperature: 0,
      top_p: 0.5,
      max_tokens: 50,
      response_format: OF_SCHEMA,
    }
    const { body, output, notices } = await ask({ answer })
    expect(body).toEqual({
      ...{ model: 'gpt-fake', stream: true, stream_options: { include_usage: true } },
      ...answer,
      messages: expect.anything(),
    })
    expect(output).toBe('{"ok": true}')
    expect(notices).toEqual([])
    const json = await ask({ answer: { response_format: { type: 'json_object' } } })
    expect(json.body!.response_format).toEqual({ type: 'json_object' })
    expect(Object.keys((await ask({})).body!).sort()).toEqual(
      ['max_tokens', 'messages', 'model', 'stream', 'stream_options'].sort(),
    )
  })

  it('goes to Anthropic by its own names', async () => {
    await server.stop()
    server = await fakeAnthropic({ models: ['claude-sonnet-4-5'] })
    server.next({ text: '{"ok": true}' })
    const answer = { stop: ['###', '\n'], temperature: 0.5, max_tokens: 50, response_format: OF_SCHEMA }
    const { body, output } = await ask({ answer }, { kind: 'anthropic', model: 'claude-sonnet-4-5' })
    expect(body).toMatchObject({
      ...{ max_tokens: 50, stop_sequences: ['###'], temperature: 0.5 },
      output_config: { format: { type: 'json_schema', schema: SCHEMA } },
    })
    expect(body).not.toHaveProperty('tools')
    expect(output).toBe('{"ok": true}')
  })

  it.each([
    ['anthropic', { type: 'json_object' }, 'a JSON object of any form'],
    ['anthropic', { type: 'json_schema', json_schema: { name: 'a' } }, 'an answer of a JSON schema'],
    ['claude-code', OF_SCHEMA, 'an answer of a JSON schema'],
  ] as const)('is refused by name, and unsent, where %s can’t do it', async (kind, response_format, what) => {
    const { state, error, body } = await ask({ answer: { response_format } }, { kind })
    expect(state).toBe('dead')
    expect(error).toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(
        new RegExp(`^response_format: \\S+ can't be held to ${what}; nothing was sent$`),
      ),
      next_step: expect.stringContaining('leave response_format out'),
    })
    expect(body).toBeUndefined()
  })

  it.each([
    [400, 'This response_format type is unavailable now'],
    [400, 'This model does not support response format `json_schema`.'],
    [400, "'claude-x' does not support output format. output_config.format: Extra inputs are not permitted"],
  ])('is refused by name where its server says so (%i, %s)', async (status, message) => {
    server.next({ status, body: { error: { message, type: 'invalid_request_error' } } })
    const { state, error } = await ask({ answer: { response_format: OF_SCHEMA } })
    expect(state).toBe('dead')
    expect(error).toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/^response_format: openai answered 400: /),
    })
  })
})

describe('where an answer is to stop', () => {
  it('it does at so many tokens, which is all that is held for it, and nothing is said of that', async () => {
    await server.stop()
    server = await fakeLlamaCpp({ model: 'gpt-fake' })
    server.next({ text: 'one two three four five six seven' })
    const held: number[] = []
    const task = await aRunningTask(db.sql, { content: 'count', chat: { answer: { max_tokens: 5 } } })
    const handle = heldTask(db.sql, task)
    const watched: typeof handle = {
      ...handle,
      openUsage: (call) => {
        held.push(call.most!.output)
        return handle.openUsage(call)
      },
    }
    const run = { ...anAccess(aChoice(server.url)), signal: new AbortController().signal, stream: () => {} }
    await answerWithModel(watched, task, run)
    expect(await rowOf(db.sql, task.id)).toMatchObject({ state: 'done', output: 'one two three four five' })
    expect(held).toEqual([5])
    const result = await taskResult(db.sql, task.id, aCaller())
    expect(result).toMatchObject({ ending: 'length', usage: { output: 5 } })
    expect(result).not.toHaveProperty('notices')
    const said = await db.sql`select text from hai.task_event where task_id = ${task.id} and type = 'cut'`
    expect(said).toMatchObject([{ text: 'the answer stops at the 5 tokens that were asked for' }])
  })

  it('it may have no word, where all it might take was thought', async () => {
    server.next({ reasoning: ['Hm, ', 'well'], text: [], finish: 'length' })
    expect(await ask({ answer: { max_tokens: 2 } })).toMatchObject({
      state: 'done',
      output: '',
      ending: 'length',
    })
    server.next({ reasoning: ['Hm, ', 'well'], text: [], finish: 'length' })
    expect(await ask({})).toMatchObject({ state: 'dead', error: { code: 'no_room' } })
  })

  it('it does whatever its server makes of that, and what came is counted', async () => {
    server.next({ text: ['one #', '##', ' two'], pause: { between: 5 } })
    const { id, output, ending } = await ask({ answer: { stop: ['###'] } })
    expect({ output, ending }).toEqual({ output: 'one ', ending: 'whole' })
    const told = await deltas(db.sql, id)
    expect(told.map(({ text }) => text).join('')).toBe('one ')
    expect(await usageOf(db.sql, id)).toMatchObject([{ at_least: true }])
  })

  it('it may be at once', async () => {
    server.next({ text: [] })
    expect(await ask({ answer: { stop: ['###'] } })).toMatchObject({
      state: 'done',
      output: '',
      ending: 'whole',
    })
  })
})

describe('an answer that has begun', () => {
  it.each(['A NAS is a box.', ' a box.'])(
    'is gone on with, and its beginning not told again (%j)',
    async (text) => {
      server.next({ text: [...text] })
      const { body, output } = await ask({ begun: 'A NAS is' })
      expect(output).toBe(' a box.')
      expect((body!.messages as unknown[]).slice(-2)).toEqual([
        { role: 'user', content: 'why is it so?' },
        { role: 'assistant', content: 'A NAS is' },
      ])
      expect(body).toMatchObject({ continue_final_message: true, add_generation_prompt: false })
    },
  )

  it('is given to Anthropic without white space at its end', async () => {
    await server.stop()
    server = await fakeAnthropic()
    server.next({ text: ' a box.' })
    const { body, output } = await ask({ begun: 'A NAS is ' }, { kind: 'anthropic' })
    expect((body!.messages as unknown[]).at(-1)).toEqual({
      role: 'assistant',
      content: [{ type: 'text', text: 'A NAS is' }],
    })
    expect(output).toBe('a box.')
  })

  it('may have been whole already', async () => {
    server.next({ text: [] })
    expect(await ask({ begun: 'A NAS is a box.' })).toMatchObject({ state: 'done', output: '' })
  })
})
