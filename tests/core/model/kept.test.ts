import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { load } from '../../../f/hai/core/model/ollama.ts'
import { complete, fail } from '../../../f/hai/core/task/finish.ts'
import { taskResult } from '../../../f/hai/core/task/show.ts'
import { finishStep, startStep, tellEvent } from '../../../f/hai/core/task/steps.ts'
import { sweep } from '../../../f/hai/core/task/sweep.ts'
import {
  journalStep,
  reserveElsewhere as reserve,
  settleElsewhere as settle,
} from '../../../f/hai/core/work/remote.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, aRunningTask, aTask, clear, rowOf } from '../../support/factories.ts'
import fc from '../../support/fast-check.ts'
import {
  anyStream,
  COUNTS,
  content,
  DONE,
  delta,
  finish,
  stream,
  usage,
} from '../../support/models/openai-frames.ts'
import { type RawServer, rawServer } from '../../support/models/raw.ts'
import { aChoice, anAccess, aShift } from './answering.ts'
import { usageOf } from './records.ts'

const db = testDatabase()
let server: RawServer
beforeAll(async () => {
  server = await rawServer()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await clear(db.sql)
  await db.sql`delete from hai.backend`
})

const QUESTION = {
  content: 'why would a scrub slow down at night?',
  retry_policy: { max_attempts: 3, backoff_seconds: 60 },
}
const choice = () => aChoice(server.url, { billing: 'local' })
const texts = (id: string, type: string) =>
  db.sql<
    { text: string }[]
  >`select text from hai.task_event where task_id = ${id} and type = ${type} order by seq`.then((rows) =>
    rows.map(({ text }) => text),
  )

/** Asks once, and gives what became of the task. */
async function asked(...chunks: (string | Uint8Array)[]) {
  server.next({ chunks })
  const id = await aTask(db.sql, QUESTION)
  const before = server.asked.length
  await work(db.sql, aShift(anAccess(choice())))
  expect(server.asked.length - before).toBe(1)
  return { ...(await rowOf(db.sql, id)), notices: await texts(id, 'notice'), cut: await texts(id, 'cut') }
}

describe('an answer that was paid for is kept', () => {
  it.each([
    ['too many', 9_000_000_000_000_000],
    ['less than nothing', -5],
    ['a part of one', 0.5],
    ['text', '11'],
  ])('though its tokens are %s, and that is said once', async (_, count) => {
    const task = await asked(
      content('fine') + finish('stop') + usage({ ...COUNTS, prompt_tokens: count }) + DONE,
    )
    expect(task).toMatchObject({
      state: 'done',
      output: 'fine',
      attempt: 1,
      notices: [expect.stringContaining('prompt_tokens')],
    })
    expect(await usageOf(db.sql, task.id)).toMatchObject([{ input: null, output: 7 }])
  })

  it('though the database can’t hold all its characters', async () => {
    const odd = '{"choices":[{"index":0,"delta":{"content":"ok \\ud83d end\\u0000"}}]}'
    const task = await asked(`data: ${odd}\n\n${stream()}`)
    expect(task).toMatchObject({ state: 'done', output: 'ok \ufffd end\ufffd', attempt: 1, notices: [] })
    expect(await usageOf(db.sql, task.id)).toMatchObject([{ input: 11, output: 7 }])
  })

  it('with what ended it, where that was not the model', async () => {
    for (const [reason, words] of [
      ['content_filter', 'filter'],
      ['length', 'longest'],
      ['model_context_window_exceeded', 'window'],
      ['abort', 'may not be whole'],
    ]) {
      const task = await asked(content('I started') + finish(reason!) + usage(COUNTS) + DONE)
      const told = await taskResult(db.sql, task.id, aCaller())
      expect(told).toMatchObject({
        ending: reason === 'content_filter' ? 'content_filter' : 'length',
        notices: expect.arrayContaining([expect.stringContaining(words!)]),
      })
      expect(task).toMatchObject({
        state: 'done',
        output: 'I started',
        attempt: 1,
        cut: [expect.stringContaining(words!)],
      })
    }
    const refused = await asked(stream(delta({ refusal: 'I cannot help with that.' })))
    expect(refused).toMatchObject({
      state: 'done',
      output: 'I cannot help with that.',
      cut: [expect.stringContaining('refused')],
    })
  })

  it('without what was thought, in the answer and in what is sent back as history', async () => {
    const task = await asked(stream(content('<think>\nhm'), content(' so\n</thi'), content('nk>\n\n42')))
    expect(task).toMatchObject({ state: 'done', output: '42' })
    expect((await texts(task.id, 'delta')).join('')).toBe('42')
  })

  it('is ended when it repeats itself, though it would go on for ever', async () => {
    const chunks = Array.from({ length: 4000 }, () => content(' over and over').repeat(4))
    const task = await asked(...chunks)
    expect(task).toMatchObject({
      state: 'done',
      attempt: 1,
      cut: [expect.stringContaining('it repeats itself')],
    })
    expect(task.output!.length).toBeLessThan(40_000)
    // as one that was cancelled is: the pieces that came are counted, and there may have been more
    const [usage] = await usageOf(db.sql, task.id)
    expect(usage).toMatchObject({ ending: 'stopped', at_least: true, input: null })
    expect(usage!.output).toBe(task.output!.length / ' over and over'.length)
    const [step] = await db.sql`
      select data from hai.task_event where task_id = ${task.id} and type = 'step_done'`
    expect(step!.data).toMatchObject({ at_least: true, tokens: { output: usage!.output } })
    const told = await taskResult(db.sql, task.id, aCaller())
    expect(told).toMatchObject({ ending: 'length', notices: [expect.stringContaining('repeats')] })
    expect(told).not.toHaveProperty('usage')
  })
})

it('a tool call that nobody offered ends its task at the first attempt', async () => {
  const call = delta({
    tool_calls: [{ index: 0, id: 'x', function: { name: 'get_weather', arguments: '{}' } }],
  })
  const task = await asked(call + finish('tool_calls') + usage(COUNTS) + DONE)
  expect(task).toMatchObject({ state: 'dead', attempt: 1, error: { code: 'tool_call' } })
  expect(await usageOf(db.sql, task.id)).toMatchObject([{ input: 11, output: 7 }])
})

it('streams of all known frames, cut anywhere: the answer is stored, or the reason why there is none', async () => {
  await fc.assert(
    fc.asyncProperty(anyStream, async (chunks) => {
      await clear(db.sql)
      await db.sql`delete from hai.backend`
      const task = await asked(...chunks)
      if (task.state === 'done') {
        expect(task.output).not.toMatch(/^\s*<think>|hm/)
        expect(task.output!.trim()).not.toBe('')
      } else {
        expect(task.error).toMatchObject({
          code: expect.stringMatching(/^[a-z_]+$/),
          message: expect.stringMatching(/^openai.*: ./),
        })
        expect(task.error!.message).not.toMatch(/object Object|undefined|postgres|constraint|syntax/i)
      }
      const [open] = await db.sql`select from hai.usage where state <> 'settled'`
      expect(open).toBeUndefined()
    }),
    { numRuns: 20 },
  )
})

describe('the history names the model that answered', () => {
  it('where a server answers as another one than it was asked for', async () => {
    const task = await asked(stream(content('fine')).replaceAll('gpt-fake', 'model.gguf'))
    expect(task).toMatchObject({
      route: 'openai/model.gguf',
      notices: ['model.gguf answered, though openai was asked for gpt-fake'],
    })
    expect(await texts(task.id, 'step_done')).toEqual([expect.stringMatching(/^openai\/model\.gguf \(/)])
  })

  it('where a worker died, and the next one asks another model', async () => {
    const first = await aRunningTask(db.sql, QUESTION)
    const step = { call_id: `${first.id}:${first.round}:1`, request: { content: first.content } }
    await startStep(db.sql, {
      id: first.id,
      lease_no: first.lease_no,
      lease_token: first.lease_token,
      name: 'ollama/qwen3:8b',
      ...step,
    })
    await age(db.sql, first.id, 100)
    await sweep(db.sql, 5)
    server.next({ chunks: [stream(content('fine'))] })
    await work(db.sql, aShift(anAccess(choice())))
    expect(await rowOf(db.sql, first.id)).toMatchObject({
      state: 'done',
      attempt: 2,
      route: 'openai/gpt-fake',
    })
    expect(await texts(first.id, 'step_done')).toEqual([expect.stringMatching(/^openai\/gpt-fake \(/)])
  })

  it('where the answer of an attempt before is used, and another model is chosen by now', async () => {
    const first = await aRunningTask(db.sql, QUESTION)
    const held = {
      id: first.id,
      lease_no: first.lease_no,
      lease_token: first.lease_token,
      call_id: `${first.id}:${first.round}:1`,
    }
    await startStep(db.sql, { ...held, name: 'ollama/qwen3:8b', request: { content: first.content } })
    const answer = { text: 'paid for', tokens: {}, ending: 'whole', notices: [], ms: 5 }
    await finishStep(db.sql, { ...held, response: { answer, route: 'ollama/qwen3:8b' } })
    await age(db.sql, first.id, 100)
    await sweep(db.sql, 5)
    await work(db.sql, aShift(anAccess(choice())))
    expect(await rowOf(db.sql, first.id)).toMatchObject({ output: 'paid for', route: 'ollama/qwen3:8b' })
    expect(await texts(first.id, 'notice')).toEqual([
      expect.stringContaining('ollama/qwen3:8b answered in an earlier attempt'),
    ])
  })
})

describe('what a worker elsewhere tells', () => {
  const ODD = 'a \ud83d b\0'
  const KEPT = 'a \ufffd b\ufffd'
  const CALL = { backend: 'openai', model: 'gpt-fake', billing: 'local' as const }

  it('is kept, whatever its characters are', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql, QUESTION)
    await startStep(db.sql, { id, lease_no, lease_token, call_id: 'c', name: 'x' })
    await tellEvent(db.sql, { id, lease_no, lease_token, type: 'delta', text: ODD, at: 0 })
    await journalStep(db.sql, {
      id,
      lease_no,
      lease_token,
      call_id: 'c',
      state: 'finished',
      response: { answer: { text: ODD }, [ODD]: 1 },
    })
    await complete(db.sql, {
      id,
      lease_no,
      lease_token,
      output: ODD,
      result: [ODD],
      agent: 'a',
      route: 'x/y',
    })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', output: KEPT })
    expect(await texts(id, 'delta')).toEqual([KEPT])
  })

  it('is kept where it failed', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql, QUESTION)
    await fail(db.sql, { id, lease_no, lease_token, code: 'cut', message: ODD, next_step: ODD })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'dead', error: { message: KEPT } })
  })

  it('is kept, whatever its numbers are: those are unknown, and that is said', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql, QUESTION)
    const usage = { ...CALL, call_id: 'call', step: 'c' }
    await reserve(db.sql, { id, lease_no, lease_token, ...usage })
    await startStep(db.sql, { id, lease_no, lease_token, call_id: 'c', name: 'x' })
    const tokens = { input: 9e15, output: 7, cache_read: -1, cache_write: 'x', reasoning: 0.5 } as never
    await journalStep(db.sql, {
      ...{
        id,
        lease_no,
        lease_token,
        call_id: 'c',
        state: 'finished',
        name: 'x/y',
        response: { text: 'fine' },
      },
      usage: { ...usage, tokens, ms: 12.4, usd: -3 },
    })
    expect(await usageOf(db.sql, id)).toMatchObject([{ input: null, output: 7, cache_read: null, ms: 12 }])
    expect(await texts(id, 'notice')).toEqual([
      expect.stringContaining('input, cache_read, cache_write, reasoning'),
    ])
    expect(await texts(id, 'step_done')).toEqual([expect.stringMatching(/^x\/y /)])
  })

  it('is settled, whatever its numbers are', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql, QUESTION)
    await reserve(db.sql, { id, lease_no, lease_token, ...CALL, call_id: 'call' })
    const spent = { tokens: 'many' as never, ms: Number.NaN, usd: 1e300 }
    await settle(db.sql, { id, lease_no, lease_token, ...CALL, call_id: 'call', ...spent })
    expect(await usageOf(db.sql, id)).toMatchObject([{ input: null, output: null }])
  })
})

it('a model that never gets loaded ends as a call that never speaks does', async () => {
  server.next({ type: 'application/json', chunks: [], ending: 'hang' })
  const limits = { firstByteSeconds: 0.3, livenessSeconds: 9 }
  const loading = load(choice(), new AbortController().signal, limits)
  await expect(loading).rejects.toMatchObject({ code: 'stalled', setting: 'first_byte_seconds' })
  server.next({
    status: 500,
    type: 'application/json',
    chunks: ['{"error":"model requires more system memory"}'],
  })
  const refused = load(choice(), new AbortController().signal, limits)
  await expect(refused).rejects.toMatchObject({
    message: 'could not load gpt-fake: model requires more system memory',
  })
})
