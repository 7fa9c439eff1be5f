import { beforeEach, describe, expect, it } from 'vitest'
import { home } from '../../../f/hai/core/home.ts'
import { acknowledge } from '../../../f/hai/core/task/acknowledge.ts'
import { retry } from '../../../f/hai/core/task/change.ts'
import { fail } from '../../../f/hai/core/task/finish.ts'
import { heldOf } from '../../../f/hai/core/task/lease.ts'
import { listTasks } from '../../../f/hai/core/task/list.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, anEndedTask, aTask, claimed, clear, eventTypes, rowOf } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))
const operator = aCaller()
const failedAtHome = async (caller = operator) => {
  const { failed, totals } = await home(db.sql, {}, caller)
  return { ids: failed.map(({ id }) => id), total: totals.failed }
}

describe('acknowledge', () => {
  it('takes failures from the home screen, keeps them in lists, and says who', async () => {
    const dead = await anEndedTask(db.sql, 'dead')
    const expired = await anEndedTask(db.sql, 'expired')
    const other = await anEndedTask(db.sql, 'dead')
    const answer = await acknowledge(db.sql, { ids: [dead.slice(-6), expired] }, operator)
    expect(answer).toMatchObject({ acknowledged: [{ id: expired }, { id: dead }], left: 1 })
    expect(await failedAtHome()).toEqual({ ids: [other], total: 1 })
    const { tasks } = await listTasks(db.sql, { state: 'dead,expired' }, operator)
    expect(tasks.map(({ id, acknowledged }) => [id, acknowledged])).toEqual([
      [other, undefined],
      [expired, true],
      [dead, true],
    ])
    expect(await eventTypes(db.sql, dead)).toEqual([...(await eventTypes(db.sql, other)), 'acknowledged'])
    expect((await rowOf(db.sql, dead)).state).toBe('dead')
  })

  it('changes nothing the second time', async () => {
    const id = await anEndedTask(db.sql, 'dead')
    await acknowledge(db.sql, { ids: [id] }, operator)
    const { last_seq } = await rowOf(db.sql, id)
    expect(await acknowledge(db.sql, { ids: [id] }, operator)).toEqual({ acknowledged: [], left: 0 })
    expect((await rowOf(db.sql, id)).last_seq).toBe(last_seq)
  })

  it('takes all that the caller may see, and nobody else’s', async () => {
    const mine = await anEndedTask(db.sql, 'dead')
    await aTask(db.sql, {}, 'guest')
    const his = await claimed(db.sql)
    await fail(db.sql, { ...heldOf(his), code: 'broken', message: 'it broke' })
    const answer = await acknowledge(db.sql, { all: true }, aCaller('guest'))
    expect(answer).toMatchObject({ acknowledged: [{ id: his.id }], left: 0 })
    expect(await failedAtHome()).toEqual({ ids: [mine], total: 1 })
    await expect(acknowledge(db.sql, { ids: [mine] }, aCaller('guest'))).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  it.each(['done', 'cancelled', 'rejected'] as const)(
    'refuses a %s task, and the others with it',
    async (state) => {
      const dead = await anEndedTask(db.sql, 'dead')
      const id = await anEndedTask(db.sql, state)
      await expect(acknowledge(db.sql, { ids: [dead, id] }, operator)).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining(`${id.slice(-6)} is ${state}`),
      })
      expect((await failedAtHome()).ids).toEqual([dead])
    },
  )

  it.each([{}, { all: false }, { ids: [] }, { ids: ['7f3k2m'], all: true }, { ids: 'x' }])(
    'refuses %j',
    async (input) => {
      await expect(acknowledge(db.sql, input as never, operator)).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringContaining('ids'),
      })
    },
  )

  it('is about one failure: after a retry the next one is news', async () => {
    const id = await anEndedTask(db.sql, 'dead')
    await acknowledge(db.sql, { ids: [id] }, operator)
    await retry(db.sql, { id }, operator)
    // as a release that knows of no acknowledging leaves it
    await db.sql`update hai.task_queue set acknowledged_at = now() where id = ${id}`
    const again = await claimed(db.sql)
    await fail(db.sql, { ...heldOf(again), code: 'broken', message: 'it broke again' })
    expect((await failedAtHome()).ids).toEqual([id])
  })
})

it('a failure that nobody acknowledged is told for a week', async () => {
  const id = await anEndedTask(db.sql, 'dead')
  await db.sql`update hai.task_queue set finished_at = now() - interval '6 days'`
  expect((await failedAtHome()).ids).toEqual([id])
  const since = new Date(Date.now() - 3_600_000).toISOString()
  expect((await home(db.sql, { since }, operator)).failed).toEqual([])
  await db.sql`update hai.task_queue set finished_at = now() - interval '8 days'`
  expect((await failedAtHome()).ids).toEqual([])
})
