import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { enqueue } from '../../../f/hai/core/task/enqueue.ts'
import { leave } from '../../../f/hai/core/task/waiter.ts'
import { wake } from '../../../f/hai/core/task/wake.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, clear, eventTypes, rowOf } from '../../support/factories.ts'
import type { Call } from '../../support/models/behaviour.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { fakeOpenAi } from '../../support/models/openai.ts'
import { aChoice, anAccess, aShift } from '../model/answering.ts'

const db = testDatabase()
let server: FakeServer
let working: Promise<unknown>[]
beforeEach(async () => {
  await clear(db.sql)
  server = await fakeOpenAi()
  working = []
})
afterEach(async () => {
  await server.stop()
  await Promise.all(working)
})

const chat = async (content: string, given: object = {}) => {
  const sent = { source: 'openwebui', content, chat: { waiter: 'w', ...given } }
  const { task_id } = await enqueue(db.sql, sent, { requester: 'operator' })
  await calls()
  return task_id
}
/** Whom a call for a worker reaches. */
const calls = () =>
  wake(db.sql, async () => {
    const shift = aShift(anAccess(aChoice(server.url, { billing: 'local' })), { concurrency: 4 })
    working.push(db.sql`delete from hai.wakeup`.then(() => work(db.sql, shift)))
  })
const asked = () => server.callsOf('/v1/chat/completions')
const isAbout = (call: Call, words: string) => JSON.stringify(call.body).includes(words)

describe('a model that answers one at a time', () => {
  it('is free within a second for who asks on, when the question before was left', async () => {
    const took = async () => {
      const before = asked().length
      server.next({ text: ['x'], ending: 'hang' })
      const first = await chat(`the wrong question, ${before}`)
      await expect.poll(asked).toHaveLength(before + 1)
      const wrong = asked()[before]!
      await leave(db.sql, { id: first, waiter: 'w' }, aCaller())
      expect(wrong.leftAt).toBeNull()
      const began = Date.now()
      const second = await chat(`the right question, ${before}`)
      await expect.poll(async () => (await rowOf(db.sql, second)).state).toBe('done')
      const answered = Date.now()
      await expect.poll(() => wrong.leftAt).not.toBeNull()
      expect(await rowOf(db.sql, first)).toMatchObject({ state: 'cancelled', error: { code: 'left' } })
      return Math.max(answered, wrong.leftAt!) - began
    }
    // what would wait for a look at the task takes longer, however often one tries
    await expect.poll(took).toBeLessThan(1000)
  })

  it('is taken from a title for its question, and the title comes after that', async () => {
    server.next({ text: ['x'], ending: 'hang' })
    const title = await chat('### Task: a title', { errand: true })
    await age(db.sql, title, 1)
    await calls()
    await expect.poll(asked).toHaveLength(1)
    const question = await chat('what is a NAS?')
    await expect.poll(async () => (await rowOf(db.sql, question)).state).toBe('done')
    await calls()
    await expect.poll(async () => (await rowOf(db.sql, title)).state).toBe('done')
    expect(asked().map((call) => isAbout(call, '### Task'))).toEqual([true, false, true])
    expect(await rowOf(db.sql, title)).toMatchObject({ attempt: 1 })
    expect(await eventTypes(db.sql, title)).toContain('gave_way')
  })
})
