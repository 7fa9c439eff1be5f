import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { work } from '../../f/hai/core/work/worker.ts'
import { aChoice, anAccess, aShift } from '../core/model/answering.ts'
import { testDatabase } from '../support/database.ts'
import { age, aTask, clear, rowOf } from '../support/factories.ts'
import { type ByteServer, byteServer } from './bytes.ts'
import { REFUSALS } from './limits-bytes.ts'
import { end, text } from './openai-bytes.ts'

const db = testDatabase()
let server: ByteServer
beforeAll(async () => {
  server = await byteServer()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await clear(db.sql)
})

const RATES = { input: 1, output: 2 }
const access = (billing: 'local' | 'metered' = 'metered') =>
  anAccess({ ...aChoice(server.url, { billing, models: { m: RATES, big: RATES } }), model: 'm' }, 3)
const shift = () => aShift(access(), { budgetSeconds: 8 })
const events = async (id: string): Promise<string> => {
  const rows = await db.sql<
    { text: string }[]
  >`select text from hai.task_event where task_id = ${id} order by seq`
  return rows.map((row) => row.text).join('\n')
}

describe('a refusal that asks to come again', () => {
  it.each(Object.keys(REFUSALS(new Date())))(
    'told by %s puts the task off until then, without an attempt',
    async (name) => {
      const now = new Date()
      const { bytes, from, to, code } = REFUSALS(now)[name]!
      server.at('why', bytes, { body: text('fine') + end() })
      const id = await aTask(db.sql, { content: 'why is it so?' })
      await work(db.sql, shift())
      const row = await rowOf(db.sql, id)
      expect({ name, state: row.state, code: row.error?.code }).toEqual({
        name,
        state: 'pending',
        code: expect.stringMatching(code),
      })
      const seconds = (Date.parse(row.run_at) - now.getTime()) / 1000
      expect(seconds).toBeGreaterThanOrEqual(from)
      expect(seconds).toBeLessThanOrEqual(to)
      expect(await events(id)).not.toMatch(/attempt 1 failed/)
      await db.sql`delete from hai.endpoint`
      await age(db.sql, id, 3600)
      await work(db.sql, shift())
      expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', output: 'fine', attempt: 1 })
    },
  )

  it('again and again ends one day, with the true reason', async () => {
    server.at('why', {
      status: 503,
      body: '{"error":{"message":"Loading model","type":"unavailable_error","code":503}}',
    })
    const id = await aTask(db.sql, { content: 'why is it so?' })
    let rounds = 0
    while ((await rowOf(db.sql, id)).state === 'pending' && rounds++ < 400) {
      await db.sql`delete from hai.endpoint`
      await db.sql`update hai.task_queue set created_at = created_at - interval '6 hours' where id = ${id}`
      await db.sql`update hai.task_event set at = at - interval '6 hours' where task_id = ${id}`
      await age(db.sql, id, 21_600)
      await work(db.sql, shift())
    }
    const row = await rowOf(db.sql, id)
    expect(row.state).not.toBe('pending')
    expect(JSON.stringify(row.error)).toMatch(/Loading model|loaded/i)
  })
})

describe('an answer of a second attempt', () => {
  it('is told as that of the model that gave it, whoever was asked first', async () => {
    server.at('why', { body: text('half an'), end: 'cut' }, { body: text('fine') + end() })
    const id = await aTask(db.sql, { content: 'why is it so?' })
    const first = { ...access(), choice: { ...access().choice, name: 'first', model: 'big' } }
    await work(db.sql, aShift(first))
    await age(db.sql, id, 3600)
    await db.sql`delete from hai.endpoint`
    const second = { ...access(), choice: { ...access().choice, name: 'second', model: 'm' } }
    await work(db.sql, aShift(second))
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', output: 'fine', route: 'second/m' })
    const [receipt] = await db.sql<{ text: string }[]>`
      select text from hai.task_event where task_id = ${id} and type = 'step_done' order by seq desc limit 1`
    expect(receipt!.text).toMatch(/second\/m/)
    expect(receipt!.text).not.toMatch(/first|big/)
    const [step] = await db.sql<{ name: string }[]>`select name from hai.task_step where task_id = ${id}`
    expect(step!.name).not.toMatch(/first|big/)
  })
})
