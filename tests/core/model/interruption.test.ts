import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { cancel } from '../../../f/hai/core/task/change.ts'
import { sweep } from '../../../f/hai/core/task/sweep.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, aTask, busySlots, clear, eventTypes, rowOf } from '../../support/factories.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { fakeOpenAi } from '../../support/models/openai.ts'
import { aChoice, anAccess, aShift } from './answering.ts'
import { callsOf, usageOf } from './records.ts'

const db = testDatabase()
let server: FakeServer
let told: ReturnType<typeof vi.spyOn>
beforeEach(async () => {
  await clear(db.sql)
  server = await fakeOpenAi()
  told = vi.spyOn(console, 'error').mockImplementation(() => {})
})
afterEach(async () => {
  told.mockRestore()
  await server.stop()
})

const access = () => anAccess(aChoice(server.url, { models: { 'gpt-fake': { input: 1, output: 1 } } }))

/** A task whose answer has begun and is far from its end, and the work on it. */
async function underWay(given: Parameters<typeof aShift>[1] = {}) {
  const id = await aTask(db.sql, { content: 'why?' })
  server.next({ text: ['half an '], ending: 'hang' })
  let pieces = 0
  const stream = () => {
    pieces += 1
  }
  const working = work(db.open({ max: 2 }), aShift(access(), { stream, ...given }))
  await expect.poll(() => pieces).toBe(1)
  return { id, working, call: callsOf(server)[0]! }
}

const leaves = (call: { leftAt: number | null }) => expect.poll(() => call.leftAt).not.toBeNull()

describe('a task that is cancelled while its answer is written', () => {
  it('stops the call within five seconds and writes nothing more', async () => {
    const { id, working, call } = await underWay()
    await expect.poll(() => eventTypes(db.sql, id)).toContain('delta')
    await cancel(db.sql, { id }, aCaller())
    await leaves(call)
    expect(await working).toEqual({ ran: 1 })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'cancelled', output: null })
    expect((await eventTypes(db.sql, id)).at(-1)).toBe('cancelled')
    expect(await busySlots(db.sql)).toBe(0)
    // the pieces that had come are counted, and there may have been more
    const [usage] = await usageOf(db.sql, id)
    expect(usage).toMatchObject({ ending: 'cancelled', at_least: true, input: null })
    expect(usage!.output).toBeGreaterThan(0)
    expect(usage!.usd).toBeCloseTo(usage!.output! / 1_000_000, 9)
  })

  it('has the call’s cost even so, when the answer came before its worker knew', async () => {
    const id = await aTask(db.sql, { content: 'why?' })
    server.next({ text: ['half an ', 'answer'], pause: { between: 500 } })
    let cancelled: Promise<unknown> | undefined
    const stream = () => {
      cancelled ??= cancel(db.sql, { id }, aCaller())
    }
    await work(db.open({ max: 2 }), aShift(access(), { stream }))
    await cancelled
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'cancelled', output: null })
    expect(await usageOf(db.sql, id)).toMatchObject([{ input: 100, output: 20, usd: 0.00012 }])
  })
})

describe('a worker that lost its lease', () => {
  it('leaves its late answer to the next attempt, which is not asked and paid again', async () => {
    const id = await aTask(db.sql, { content: 'why?' })
    server.next({ text: ['half an ', 'answer'], pause: { between: 500 } })
    let lost: Promise<unknown> | undefined
    const stream = () => {
      lost ??= age(db.sql, id, 100).then(() => sweep(db.sql, 3600))
    }
    await work(db.open({ max: 2 }), aShift(access(), { stream }))
    await lost
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', lease_no: 2, output: 'half an answer' })
    expect(callsOf(server)).toHaveLength(1)
    expect(await usageOf(db.sql, id)).toMatchObject([{ ending: 'answered', input: 100, output: 20 }])
  })

  it('leaves none to a task that has ended meanwhile', async () => {
    const id = await aTask(db.sql, { content: 'why?' })
    server.next({ text: ['half an ', 'answer'], pause: { between: 500 } })
    let cancelled: Promise<unknown> | undefined
    const stream = () => {
      cancelled ??= cancel(db.sql, { id }, aCaller())
    }
    await work(db.open({ max: 2 }), aShift(access(), { stream }))
    await cancelled
    const [step] = await db.sql`select state from hai.task_step where task_id = ${id}`
    expect(step).toEqual({ state: 'started' })
  })

  it('leaves its call and the task to the next one, which answers alone', async () => {
    const { id, working, call } = await underWay()
    await age(db.sql, id, 100)
    await sweep(db.sql, 3600)
    server.next({ text: 'The whole answer.' })
    expect(await work(db.sql, aShift(access(), { worker: 'w-2' }))).toEqual({ ran: 1 })
    await leaves(call)
    expect(await working).toEqual({ ran: 1 })
    expect(await rowOf(db.sql, id)).toMatchObject({
      ...{ state: 'done', lease_no: 2, output: 'The whole answer.' },
    })
    expect((await eventTypes(db.sql, id)).filter((type) => type === 'done')).toHaveLength(1)
    expect(await usageOf(db.sql, id)).toMatchObject([
      { ending: 'stopped', at_least: true },
      { ending: 'answered', at_least: false, output: 20 },
    ])
  })
})

describe('a worker that is told to stop', () => {
  it('leaves its call and gives the task back at once, with no attempt used', async () => {
    const stopping = new AbortController()
    const { id, working, call } = await underWay({ signal: stopping.signal })
    stopping.abort()
    expect(await working).toEqual({ ran: 1 })
    await leaves(call)
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending', output: null, error: null })
    expect((await eventTypes(db.sql, id)).at(-1)).toBe('released')
    await work(db.sql, aShift(access()))
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', attempt: 1, lease_no: 2 })
  })
})

describe('a worker that dies between the journal and the answer', () => {
  it('has paid: the next one replays the call, whichever model it would have asked', async () => {
    const id = await aTask(db.sql, { content: 'why?' })
    server.next({ text: 'Paid for.' })
    await db.sql`
      create function hai.dies() returns trigger language plpgsql as
        $$ begin raise exception 'the worker died here'; end $$`
    await db.sql`
      create trigger dies before update on hai.task_queue
      for each row when (new.state = 'done') execute function hai.dies()`
    await work(db.sql, aShift(access(), { budgetSeconds: 0.5 }))
    await db.sql`drop function hai.dies cascade`
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending', output: null })

    await age(db.sql, id, 1000)
    const other = { ...access(), choice: { ...aChoice(server.url), model: 'other' } }
    await work(db.sql, aShift(other))
    expect(await rowOf(db.sql, id)).toMatchObject({
      ...{ state: 'done', output: 'Paid for.', route: 'openai/gpt-fake' },
    })
    expect(callsOf(server)).toHaveLength(1)
    expect(await usageOf(db.sql, id)).toMatchObject([{ model: 'gpt-fake', output: 20 }])
  })
})
