import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasClaimable } from '../../../f/hai/core/task/lease.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aTask, busySlots, clear, rowOf } from '../../support/factories.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { fakeOpenAi } from '../../support/models/openai.ts'
import { aChoice, anAccess, aShift } from './answering.ts'
import { callsOf } from './records.ts'

const db = testDatabase()
let server: FakeServer
beforeEach(() => clear(db.sql))
afterEach(() => server?.stop())

/** The most calls that were under way at one moment. */
function atOnce(): number {
  const calls = callsOf(server)
  return Math.max(
    ...calls.map(({ at }) => calls.filter((one) => one.at <= at && (one.endedAt ?? at) >= at).length),
  )
}

async function ask(count: number): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < count; n += 1) ids.push(await aTask(db.sql, { content: `why ${n}?` }))
  return ids
}

describe('one worker', () => {
  it('waits for several models at once, as many as it may and the lane has slots', async () => {
    server = await fakeOpenAi()
    server.next(...Array(24).fill({ text: 'Because.', pause: { headers: 400 } }))
    await ask(12)
    expect(await work(db.sql, aShift(anAccess(aChoice(server.url)), { concurrency: 3 }))).toEqual({ ran: 12 })
    expect(atOnce()).toBe(3)
    await ask(12)
    expect(await work(db.sql, aShift(anAccess(aChoice(server.url)), { concurrency: 16 }))).toEqual({
      ran: 12,
    })
    expect(atOnce()).toBe(4)
    expect(callsOf(server)).toHaveLength(24)
  })

  it.each([1, 16])(
    'answers what needs no model while all it has at hand wait for one, %i at once',
    async (most) => {
      server = await fakeOpenAi()
      server.next('hang', 'hang')
      await ask(2)
      const stop = new AbortController()
      const shift = aShift(anAccess(aChoice(server.url)), { concurrency: most, signal: stop.signal })
      const working = work(db.sql, shift)
      await expect.poll(() => callsOf(server).length).toBe(Math.min(most, 2))
      for (let n = 0; n < 2; n += 1) {
        const id = await aTask(db.sql)
        await expect.poll(async () => (await rowOf(db.sql, id)).state).toBe('done')
      }
      stop.abort()
      await working
      expect(await busySlots(db.sql)).toBe(0)
    },
  )

  it('leaves what needs no model to others when it is called for other lanes', async () => {
    server = await fakeOpenAi()
    server.next({ text: 'Because.', pause: { headers: 1500 } })
    const shift = aShift(anAccess(aChoice(server.url)), { concurrency: 16, lanes: ['interactive'] })
    await ask(1)
    const working = work(db.sql, shift)
    await expect.poll(() => callsOf(server).length).toBe(1)
    const id = await aTask(db.sql)
    expect(await working).toEqual({ ran: 1 })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending' })
  })

  it('gives all of them back when it is stopped', async () => {
    server = await fakeOpenAi()
    server.next('hang', 'hang', 'hang')
    const ids = await ask(3)
    const stop = new AbortController()
    const shift = aShift(anAccess(aChoice(server.url)), { concurrency: 8, signal: stop.signal })
    const working = work(db.sql, shift)
    await expect.poll(() => callsOf(server).length).toBe(3)
    stop.abort()
    expect(await working).toEqual({ ran: 3 })
    for (const id of ids) expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending', attempt: 1 })
    expect(await busySlots(db.sql)).toBe(0)
    expect(await hasClaimable(db.sql)).toBe(true)
  })

  it('finishes the others when one of them meets an error that is nobody’s', async () => {
    server = await fakeOpenAi()
    server.next(...Array(3).fill({ text: 'Because.', pause: { headers: 100 } }))
    await ask(3)
    let asked = 0
    const access = anAccess(aChoice(server.url))
    const models = async () => {
      asked += 1
      if (asked === 2) throw new Error('a bug')
      return access
    }
    await work(db.sql, aShift(access, { concurrency: 4, models }))
    const rows = await db.sql<{ state: string }[]>`select state from hai.task_queue order by state`
    expect(rows.map(({ state }) => state)).toEqual(['done', 'done', 'pending'])
  })
})
