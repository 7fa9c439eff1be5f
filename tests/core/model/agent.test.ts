import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { retry } from '../../../f/hai/core/task/change.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, aTask, clear, eventTypes, rowOf } from '../../support/factories.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { fakeOllama } from '../../support/models/ollama.ts'
import { fakeOpenAi, OPENAI_REFUSES } from '../../support/models/openai.ts'
import { aChoice, anAccess, aShift } from './answering.ts'
import { callsOf, deltas, usageOf } from './records.ts'

const db = testDatabase()
let server: FakeServer
beforeEach(async () => {
  await clear(db.sql)
  server = await fakeOpenAi({ apiKey: 'sk-fake' })
})
afterEach(() => server.stop())

const QUESTION = { content: 'why would a ZFS scrub slow down at night?' }
const aQuestion = (given: Record<string, unknown> = {}) =>
  aTask(db.sql, { ...QUESTION, retry_policy: { max_attempts: 3, backoff_seconds: 60 }, ...given })
const access = () => anAccess(aChoice(server.url))

describe('a question that no command understands', () => {
  it('is answered by the model, and the answer, its agent and its way are stored', async () => {
    const id = await aQuestion()
    server.next({ text: ['It shares the disks ', 'with a backup.'] })
    expect(await work(db.sql, aShift(access()))).toEqual({ ran: 1 })
    expect(await rowOf(db.sql, id)).toMatchObject({
      state: 'done',
      output: 'It shares the disks with a backup.',
      agent: 'general',
      route: 'openai/gpt-fake',
      attempt: 1,
    })
    expect(callsOf(server)).toHaveLength(1)
  })

  it('tells its way, its step, its text and its end, in this order', async () => {
    const id = await aQuestion()
    await work(db.sql, aShift(access()))
    expect(await eventTypes(db.sql, id)).toEqual([
      ...['accepted', 'claimed', 'route', 'step', 'delta', 'step_done', 'done'],
    ])
    const [route] = await db.sql`select text from hai.task_event where task_id = ${id} and type = 'route'`
    expect(route).toEqual({ text: '→ openai/gpt-fake: the test says so' })
  })

  it('has its text in the stream at once, and in events that add up to the answer', async () => {
    const id = await aQuestion()
    const text = Array.from({ length: 14 }, (_, n) => `🦉 piece ${n}. `)
    server.next({ text, pause: { between: 100 } })
    const streamed: { id: string; at: number; text: string }[] = []
    const stream = (id: string, at: number, text: string) => void streamed.push({ id, at, text })
    const began = performance.now()
    await work(db.sql, aShift(access(), { stream }))
    const halves = (performance.now() - began) / 500
    const answer = text.join('')
    expect(assembled(streamed)).toBe(answer)
    expect(streamed).toHaveLength(14)
    expect(new Set(streamed.map((piece) => piece.id))).toEqual(new Set([id]))
    const told = await deltas(db.sql, id)
    expect(assembled(told)).toBe(answer)
    expect(told.length).toBeGreaterThan(1)
    // one in half a second, and the last
    expect(told.length).toBeLessThan(halves + 2)
    expect((await rowOf(db.sql, id)).output).toBe(answer)
  })

  it('has its model loaded first, as a step that is seen', async () => {
    await server.stop()
    const ollama = await fakeOllama({ loadMs: 100 })
    server = ollama
    const choice = { ...aChoice(ollama.url, { billing: 'local' }), model: 'llama3.2:3b', loading: true }
    const id = await aQuestion()
    await work(db.sql, aShift(anAccess(choice, 0.09)))
    const seen = await eventTypes(db.sql, id)
    expect(seen.filter((type) => type === 'loading' || type === 'delta')).toEqual(['loading', 'delta'])
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done' })
  })

  it('says so when the answer stops at the model’s limit', async () => {
    const id = await aQuestion()
    server.next({ text: 'It is', finish: 'length' })
    await work(db.sql, aShift(access()))
    expect(await eventTypes(db.sql, id)).toContain('cut')
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', output: 'It is' })
  })

  it('ends dead with what could be enabled, when there is nobody to ask', async () => {
    const id = await aQuestion()
    await work(db.sql, aShift({ offers: ['anthropic'] }))
    expect(await rowOf(db.sql, id)).toMatchObject({
      state: 'dead',
      error: { code: 'no_route', next_step: expect.stringMatching(/^hai model enable anthropic /) },
    })
  })
})

describe('a call that fails', () => {
  it('puts its task back with a backoff when it may be better later, wakes a worker then, and the next attempt answers', async () => {
    const id = await aQuestion()
    server.next({ text: ['half an '], ending: 'cut' })
    const start = vi.fn(async () => {})
    await work(db.sql, aShift(access(), { start }))
    const waiting = await rowOf(db.sql, id)
    expect(waiting).toMatchObject({ state: 'pending', attempt: 1, output: null, error: { code: 'cut' } })
    const seconds = (Date.parse(waiting.run_at) - Date.now()) / 1000
    expect(seconds).toBeGreaterThan(40)
    expect(seconds).toBeLessThan(80)
    expect(start).toHaveBeenCalledWith(
      'f/hai/worker/run',
      {},
      { jobId: expect.any(String), delaySeconds: expect.closeTo(seconds, 0) },
    )

    await age(db.sql, id, 100)
    await work(db.sql, aShift(access()))
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', attempt: 2, output: 'It is well.' })
    expect(callsOf(server)).toHaveLength(2)
    expect(await eventTypes(db.sql, id)).toEqual([
      ...['accepted', 'claimed', 'route', 'step', 'delta', 'retry'],
      ...['claimed', 'route', 'step', 'delta', 'step_done', 'done'],
    ])
  })

  it('waits as long as the server asks for', async () => {
    const id = await aQuestion()
    server.next(OPENAI_REFUSES.rateLimited(1800))
    await work(db.sql, aShift(access()))
    const { run_at, error } = await rowOf(db.sql, id)
    expect((Date.parse(run_at) - Date.now()) / 1000).toBeCloseTo(1800, -1)
    expect(error).toMatchObject({ code: 'rate_limited' })
  })

  it('may be tried with another model, of another window', async () => {
    const id = await aQuestion()
    server.next('cut')
    await work(db.sql, aShift(access()))
    await age(db.sql, id, 100)
    await server.stop()
    server = await fakeOpenAi({ models: ['other'] })
    const choice = aChoice(server.url, { models: { other: { input: 1, output: 10 } } }, 100_000)
    await work(db.sql, aShift(anAccess({ ...choice, model: 'other' })))
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', route: 'openai/other', attempt: 2 })
  })

  it('for good ends the task dead, with what to do', async () => {
    const id = await aQuestion()
    server.next(OPENAI_REFUSES.modelMissing('gpt-fake'))
    await work(db.sql, aShift(access()))
    expect(await rowOf(db.sql, id)).toMatchObject({
      state: 'dead',
      attempt: 1,
      error: { code: 'model_missing', next_step: expect.stringContaining('gpt-fake') },
    })
  })

  it('each time ends the task dead when its attempts are used up', async () => {
    const id = await aQuestion({ retry_policy: { max_attempts: 2, backoff_seconds: 60 } })
    server.byDefault({ text: [] })
    for (const _ of [1, 2]) {
      await work(db.sql, aShift(access()))
      await age(db.sql, id, 1000)
    }
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'dead', error: { code: 'empty_answer' } })
    expect(await work(db.sql, aShift(access()))).toEqual({ ran: 0 })
  })

  it('never shows the key that it was made with', async () => {
    const id = await aQuestion()
    await work(db.sql, aShift({ ...access(), apiKey: 'sk-very-secret' }))
    const rows = await db.sql`
      select t.error::text, (select json_agg(e) from hai.task_event e where e.task_id = t.id)::text as events
      from hai.task_queue t where id = ${id}`
    expect(JSON.stringify(rows)).toContain('login_expired')
    expect(JSON.stringify(rows)).not.toContain('very-secret')
  })
})

describe('a person’s retry', () => {
  it('asks again, though the journal has an answer of the round before', async () => {
    const id = await aQuestion()
    await work(db.sql, aShift(access()))
    // as after an approval that was refused: ended badly, with a finished call in its journal
    await db.sql`
      update hai.task_queue set state = 'dead', output = null, error = '{"code": "x", "message": "y"}' where id = ${id}`
    await retry(db.sql, { id }, aCaller())
    server.next({ text: 'A second thought.' })
    await work(db.sql, aShift(access()))
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', output: 'A second thought.' })
    expect(callsOf(server)).toHaveLength(2)
    expect(await usageOf(db.sql, id)).toHaveLength(2)
  })
})

/** What the pieces come to, each at the place it says; a gap or an overlap is an error. */
function assembled(pieces: { at: number; text: string }[]): string {
  return pieces.reduce((sofar, { at, text }) => {
    if (at !== sofar.length) throw new Error(`a piece at ${at}, and ${sofar.length} are there`)
    return sofar + text
  }, '')
}
