import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { answerWithModel } from '../../../f/hai/core/model/agent.ts'
import { taskResult } from '../../../f/hai/core/task/show.ts'
import { heldTask } from '../../../f/hai/core/work/held_task.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aRunningTask, aTask, clear, rowOf } from '../../support/factories.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { fakeLlamaCpp } from '../../support/models/llama-cpp.ts'
import { type ChatRequest, fakeOpenAi } from '../../support/models/openai.ts'
import { aChoice, anAccess, aShift } from './answering.ts'
import { callsOf } from './records.ts'

const db = testDatabase()
let server: FakeServer
beforeEach(async () => {
  await clear(db.sql)
  server = await fakeOpenAi()
})
afterEach(() => server.stop())

const turns = [
  { role: 'user', content: 'name a fruit' },
  { role: 'assistant', content: 'Quince.' },
]

/** Has a chat's question answered, and gives the task. */
async function ask(chat: object, given: Record<string, unknown> = {}, window = 100_000) {
  const id = await aTask(db.sql, { content: 'and another', ...given, chat })
  await work(db.sql, aShift(anAccess(aChoice(server.url, {}, window))))
  return rowOf(db.sql, id)
}

const bodyOf = (at = -1) => callsOf(server).at(at)!.body as ChatRequest & Record<string, unknown>

describe('a chat’s question', () => {
  it('is asked with what its client sent, whatever hai knows of the conversation', async () => {
    const first = await aTask(db.sql, { content: 'what hai knows' })
    await work(db.sql, aShift(anAccess(aChoice(server.url))))
    const { conversation_id } = await rowOf(db.sql, first)
    const { state } = await ask({ instructions: 'Be brief.', turns }, { conversation_id })
    expect(state).toBe('done')
    expect(bodyOf().messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      ...turns,
      { role: 'user', content: 'and another' },
    ])
  })

  it('fails for good, and unsent, where its instructions fit no window', async () => {
    const { state, error } = await ask({ instructions: 'Answer in German. '.repeat(50_000) }, {}, 128_000)
    expect(state).toBe('dead')
    expect(error).toMatchObject({
      code: 'context_too_long',
      message: expect.stringMatching(
        /the question and its instructions have at least \d+ tokens, and the window/,
      ),
      next_step: expect.stringContaining('shorten the instructions or the question'),
    })
    expect(callsOf(server)).toEqual([])
  })

  it('is asked again with fewer turns where its server counts more tokens than fit', async () => {
    await server.stop()
    server = await fakeLlamaCpp({ n_ctx: 2048 })
    const long = Array.from({ length: 30 }, (_, n) => [
      { role: 'user', content: `Q${n}` },
      { role: 'assistant', content: `A${n} ${'word '.repeat(100)}` },
    ]).flat()
    const { id, state } = await ask({ instructions: 'Be brief.', turns: long }, {}, 8192)
    expect(state).toBe('done')
    const { messages } = bodyOf()
    expect(messages[0]).toEqual({ role: 'system', content: 'Be brief.' })
    expect(messages.at(-2)!.content).toMatch(/^A29 /)
    const left = 60 - (messages.length - 2)
    const { notices } = await taskResult(db.sql, id, aCaller())
    // and that its model is called otherwise
    expect(notices!.slice(0, -1)).toEqual([
      `${left} of 60 earlier messages are too old for the model's window and were left out`,
    ])
  })

  it('is not asked again where an attempt before was answered and came no further', async () => {
    const chat = { instructions: 'Be brief.', turns, answer: { temperature: 0.5, max_tokens: 90 } }
    const task = await aRunningTask(db.sql, { content: 'and another', chat })
    const handle = heldTask(db.sql, task)
    const gone = { ...handle, complete: () => Promise.reject(new Error('the worker is gone')) }
    const run = { ...anAccess(aChoice(server.url)), signal: new AbortController().signal, stream: () => {} }
    await expect(answerWithModel(gone, task, run)).rejects.toThrow('the worker is gone')
    await handle.release('it is gone')
    await work(db.sql, aShift(anAccess(aChoice(server.url))))
    expect(await rowOf(db.sql, task.id)).toMatchObject({ state: 'done', output: 'It is well.' })
    expect(callsOf(server)).toHaveLength(1)
  })
})
