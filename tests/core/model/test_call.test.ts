import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tryModel } from '../../../f/hai/core/model/test_call.ts'
import { testDatabase } from '../../support/database.ts'
import { aRunningTask, clear } from '../../support/factories.ts'
import type { Behaviour } from '../../support/models/behaviour.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { fakeOpenAi } from '../../support/models/openai.ts'
import { aChoice, anAccess } from './answering.ts'

const db = testDatabase()
let server: FakeServer
beforeEach(async () => {
  await clear(db.sql)
  server = await fakeOpenAi()
})
afterEach(() => server.stop())

const test = (signal = new AbortController().signal) =>
  tryModel(db.sql, anAccess(aChoice(server.url)), { requester: 'operator', signal })
const usage = () => db.sql`select output, error, state from hai.usage where source = 'model-test'`
const asked = () => server.callsOf('/v1/chat/completions')

describe('a model that is tried', () => {
  it('is asked for few tokens', async () => {
    expect(await test()).toMatchObject({ ok: true, output_tokens: 20 })
    expect(asked().map(({ body }) => body)).toMatchObject([{ max_tokens: 64 }])
  })

  it.each<[string, Behaviour, object]>([
    ['one token', { text: 'one', tokens: { output: 1 } }, { output_tokens: 1, tokens_per_second: null }],
    [
      'tokens that all come in one piece',
      { text: 'one, two, three', tokens: { output: 5 } },
      { output_tokens: 5, tokens_per_second: null },
    ],
    [
      'thoughts whose tokens nobody counts apart',
      { reasoning: ['hm'], text: ['a', 'b'], pause: { between: 20 }, tokens: { output: 9 } },
      { output_tokens: 9, tokens_per_second: null },
    ],
  ])('has no rate by %s', async (_, behaviour, expected) => {
    server.next(behaviour)
    expect(await test()).toMatchObject({ ok: true, ...expected })
  })

  it('has the rate of the tokens after the first, from the first to the last', async () => {
    const pieces = ['one', ', two', ', three', ', four', ', five']
    server.next({ text: pieces, pause: { first: 300, between: 50, last: 300 }, tokens: { output: 5 } })
    const { tokens_per_second, total_ms } = await test()
    expect(tokens_per_second).toBeLessThan(22)
    // the pauses before and after are no part of it: with them it would be below that
    expect(tokens_per_second).toBeGreaterThan(4 / (total_ms! / 1000 - 0.55))
  })

  it('answers though it needs its few tokens for thoughts, and that is said', async () => {
    server.next({ reasoning: ['hm', ' hm'], finish: 'length', tokens: { output: 64 } })
    const { ok, notices, first_text_ms } = await test()
    expect({ ok, notices, first_text_ms }).toEqual({
      ok: true,
      notices: ['only thoughts came in the 64 tokens that a test may take'],
      first_text_ms: undefined,
    })
  })

  it('is let go when nobody waits any more, and the call is written down', async () => {
    server.next({ text: Array.from({ length: 1000 }, () => 'word '), pause: { between: 20 } })
    const stop = new AbortController()
    const tested = test(stop.signal)
    await expect.poll(() => asked()[0]?.firstPieceAt, { interval: 10 }).toBeTruthy()
    stop.abort()
    await expect(tested).rejects.toThrow('the test was stopped')
    await expect.poll(() => asked()[0]?.leftAt, { interval: 10 }).toBeTruthy()
    expect(await usage()).toMatchObject([{ error: 'cancelled' }])
  })

  it('is not asked while tasks hold all its slots, and says so', async () => {
    const { id } = await aRunningTask(db.sql)
    await db.sql`insert into hai.lane_slot (lane, no, task_id) values ('openai', 1, null)`
    await db.sql`update hai.lane_slot set task_id = null where task_id = ${id}`
    await db.sql`update hai.lane_slot set task_id = ${id} where lane = 'openai'`
    expect(await test()).toMatchObject({
      ok: false,
      error: {
        code: 'busy',
        message: `openai is busy: it answers task ${id.slice(-6)}, and takes 1 at a time`,
      },
    })
    expect(asked()).toEqual([])
    await db.sql`insert into hai.lane_slot (lane, no) values ('openai', 2)`
    expect(await test()).toMatchObject({ ok: true })
  })
})
