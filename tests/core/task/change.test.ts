import { beforeEach, describe, expect, it } from 'vitest'
import { cancel, feedback, retry } from '../../../f/hai/core/task/change.ts'
import { complete } from '../../../f/hai/core/task/finish.ts'
import { taskEvents } from '../../../f/hai/core/task/show.ts'
import { testDatabase } from '../../support/database.ts'
import {
  aCaller,
  age,
  anEndedTask,
  aRunningTask,
  aTask,
  busySlots,
  claimed,
  clear,
  eventTypes,
  FOR_A_MODEL,
  rowOf,
} from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))
const operator = aCaller()

describe('cancel', () => {
  it('ends a pending task at once, with who and why', async () => {
    const id = await aTask(db.sql)
    expect(await cancel(db.sql, { id, reason: 'not needed' }, operator)).toMatchObject({
      id,
      state: 'cancelled',
      error: { code: 'cancelled', message: 'cancelled by operator: not needed' },
    })
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'cancelled'])
  })

  it('ends a running task at once; its slot stays taken until the worker hears of it', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    await cancel(db.sql, { id: id.slice(-6).toLowerCase() }, operator)
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'cancelled' })
    expect(await busySlots(db.sql)).toBe(1)
    await expect(complete(db.sql, { id, lease_no, lease_token, output: 'late' })).rejects.toMatchObject({
      code: 'conflict',
    })
  })

  it('ends a task that waits for approval', async () => {
    const id = await aTask(db.sql)
    await db.sql`update hai.task_queue set state = 'awaiting_approval'`
    expect(await cancel(db.sql, { id }, operator)).toMatchObject({ state: 'cancelled' })
  })

  it('may be said twice: the second changes nothing', async () => {
    const id = await aTask(db.sql)
    await cancel(db.sql, { id, reason: 'first' }, operator)
    const again = await cancel(db.sql, { id, reason: 'second' }, operator)
    expect(again.error?.message).toContain('first')
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'cancelled'])
  })

  it.each(['done', 'dead', 'expired', 'rejected'] as const)(
    'refuses a task that is %s, and says so',
    async (state) => {
      const id = await anEndedTask(db.sql, state)
      const before = await rowOf(db.sql, id)
      await expect(cancel(db.sql, { id }, operator)).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining(`is ${state}`),
        details: { state },
      })
      expect(await rowOf(db.sql, id)).toEqual(before)
    },
  )

  it('does not find a task that the caller may not see', async () => {
    const id = await aTask(db.sql)
    await expect(cancel(db.sql, { id }, aCaller('guest'))).rejects.toMatchObject({ code: 'not_found' })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending' })
  })

  it('names a reason that is no text', async () => {
    const id = await aTask(db.sql)
    await expect(cancel(db.sql, { id, reason: ' ' }, operator)).rejects.toThrow('reason')
  })

  it('leaves one outcome, told once, when an answer comes at the same moment', async () => {
    const pools = [db.open({ max: 1 }), db.open({ max: 1 })] as const
    for (let round = 0; round < 15; round += 1) {
      const { id, lease_no, lease_token } = await aRunningTask(db.sql)
      const [answered, stopped] = await Promise.allSettled([
        complete(pools[0], { id, lease_no, lease_token, output: 'an answer' }),
        cancel(pools[1], { id }, operator),
      ])
      const { state, output } = await rowOf(db.sql, id)
      expect([answered.status, stopped.status].filter((one) => one === 'fulfilled')).toHaveLength(1)
      expect({ state, output }).toEqual(
        answered.status === 'fulfilled'
          ? { state: 'done', output: 'an answer' }
          : { state: 'cancelled', output: null },
      )
      expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'claimed', state])
      await clear(db.sql)
    }
  })
})

describe('retry', () => {
  it.each(['dead', 'cancelled', 'expired', 'rejected'] as const)(
    'puts a task that is %s back, due now, with all its attempts',
    async (state) => {
      const id = await anEndedTask(db.sql, state, { retry_policy: { max_attempts: 1 } })
      expect(await retry(db.sql, { id }, operator)).toMatchObject({
        state: 'pending',
        attempt: 0,
        error: null,
      })
      expect(await claimed(db.sql)).toMatchObject({ id, attempt: 1, lease_no: 2 })
    },
  )

  it('starts its time again', async () => {
    const id = await aTask(db.sql, { ...FOR_A_MODEL, ttl_seconds: 3600, priority: 'high' })
    await age(db.sql, id, 3000)
    await cancel(db.sql, { id }, operator)
    await retry(db.sql, { id }, operator)
    const [row] = await db.sql`
      select extract(epoch from expires_at - now())::float8 as left, extract(epoch from run_at - claim_at)::int as shift
      from hai.task_queue`
    expect(row!.left).toBeGreaterThan(3500)
    expect(row!.shift).toBe(900)
  })

  it('keeps the history, and the old answer and error as an event', async () => {
    const id = await anEndedTask(db.sql, 'dead')
    await db.sql`update hai.task_queue set output = 'half an answer'`
    await retry(db.sql, { id }, operator)
    const { events } = await taskEvents(db.sql, { id }, operator)
    expect(events.map((event) => event.type)).toEqual(['accepted', 'claimed', 'dead', 'retried'])
    expect(events.at(-1)).toMatchObject({
      text: 'retried by operator after dead',
      data: { state: 'dead', output: 'half an answer', error: { code: 'broken' } },
    })
    expect(await rowOf(db.sql, id)).toMatchObject({ output: null, finished_at: null })
  })

  it('frees the slot that a cancelled task’s worker still held, so that the task can be claimed', async () => {
    const { id } = await aRunningTask(db.sql)
    await cancel(db.sql, { id }, operator)
    await retry(db.sql, { id }, operator)
    expect(await busySlots(db.sql)).toBe(0)
    expect(await claimed(db.sql, 'w-2')).toMatchObject({ id, lease_no: 2 })
  })

  it.each(['pending', 'running', 'done'] as const)('refuses a task that is %s', async (state) => {
    const id = state === 'done' ? await anEndedTask(db.sql, 'done') : await aTask(db.sql)
    if (state === 'running') await claimed(db.sql)
    const before = await rowOf(db.sql, id)
    await expect(retry(db.sql, { id }, operator)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(`is ${state}`),
    })
    expect(await rowOf(db.sql, id)).toEqual(before)
  })

  it('by ten people at once happens once', async () => {
    const id = await anEndedTask(db.sql, 'dead')
    const pools = Array.from({ length: 10 }, () => db.open({ max: 1 }))
    await Promise.all(pools.map((pool) => pool`select 1`))
    const told = await Promise.allSettled(pools.map((pool) => retry(pool, { id }, operator)))
    expect(told.filter((one) => one.status === 'fulfilled')).toHaveLength(1)
    expect((await eventTypes(db.sql, id)).filter((type) => type === 'retried')).toHaveLength(1)
  })

  it('does not find a task that the caller may not see', async () => {
    const id = await anEndedTask(db.sql, 'dead')
    await expect(retry(db.sql, { id }, aCaller('guest'))).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('feedback', () => {
  it('keeps the verdict and tells it; the last word counts', async () => {
    const id = await anEndedTask(db.sql, 'done')
    await feedback(db.sql, { id, verdict: 'noise' }, operator)
    await feedback(db.sql, { id, verdict: 'useful', note: 'after all' }, operator)
    const [row] = await db.sql`select verdict, verdict_note, state from hai.task_queue`
    expect(row).toEqual({ verdict: 'useful', verdict_note: 'after all', state: 'done' })
    const { events } = await taskEvents(db.sql, { id }, operator)
    expect(events.slice(-2).map((event) => event.text)).toEqual([
      'operator: noise',
      'operator: useful, after all',
    ])
  })

  it('refuses a task that has not ended', async () => {
    const id = await aTask(db.sql)
    await expect(feedback(db.sql, { id, verdict: 'useful' }, operator)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('pending'),
    })
  })

  it('names a verdict it does not know', async () => {
    const id = await anEndedTask(db.sql, 'done')
    await expect(feedback(db.sql, { id, verdict: 'great' as never }, operator)).rejects.toThrow(
      'verdict: "great" is not accepted; expected one of useful, noise, acted',
    )
  })
})
