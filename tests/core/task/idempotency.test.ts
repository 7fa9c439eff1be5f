import { beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../../f/hai/core/base/ids.ts'
import { firstLane } from '../../../f/hai/core/builtin/first_lane.ts'
import { enqueue } from '../../../f/hai/core/task/enqueue.ts'
import type { Accepted } from '../../../f/hai/core/task/shape.ts'
import { testDatabase } from '../../support/database.ts'
import { age, anEnvelope, aTask, clear, eventTypes, rowOf } from '../../support/factories.ts'

const db = testDatabase()
const origin = { requester: 'operator', firstLane }
beforeEach(() => clear(db.sql))

const countTasks = async () => (await db.sql`select from hai.task_queue`).length

describe('an idempotency key', () => {
  const keyed = anEnvelope({ idempotency_key: 'k-1' })

  it('gives the first task for the same key and content, and changes nothing', async () => {
    const first = await enqueue(db.sql, keyed, origin)
    const again = await enqueue(db.sql, { ...keyed, trace_id: 'another delivery' }, origin)
    expect(again).toEqual({ ...first, status: 'duplicate' })
    expect(await countTasks()).toBe(1)
    expect(await eventTypes(db.sql, first.task_id)).toEqual(['accepted'])
  })

  it('names the job of a task that runs already, so that a repeated request can follow it', async () => {
    const { task_id } = await enqueue(db.sql, keyed, origin)
    await db.sql`update hai.task_queue set job_id = 'job-1' where id = ${task_id}`
    expect(await enqueue(db.sql, keyed, origin)).toMatchObject({ status: 'duplicate', job_id: 'job-1' })
  })

  it('refuses the same key with other content, naming the key and the task', async () => {
    const { task_id } = await enqueue(db.sql, keyed, origin)
    await expect(enqueue(db.sql, { ...keyed, content: 'another' }, origin)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('k-1'),
      details: { task_id },
    })
    expect(await countTasks()).toBe(1)
  })

  it('names the key, not the id, when it is the key that belongs to another task', async () => {
    await enqueue(db.sql, keyed, origin)
    const given = { ...keyed, id: newId(), content: 'another' }
    await expect(enqueue(db.sql, given, origin)).rejects.toThrow('idempotency key k-1')
  })

  it('keeps the keys of two requesters apart', async () => {
    const mine = await enqueue(db.sql, keyed, origin)
    const theirs = await enqueue(db.sql, keyed, { requester: 'guest', firstLane })
    expect(theirs.status).toBe('accepted')
    expect(theirs.task_id).not.toBe(mine.task_id)
  })

  it('takes a caller’s task_id as a key within its source', async () => {
    const first = await enqueue(db.sql, anEnvelope({ task_id: '42' }), origin)
    const again = await enqueue(db.sql, anEnvelope({ task_id: '42' }), origin)
    const elsewhere = await enqueue(db.sql, anEnvelope({ task_id: '42', source: 'voice' }), origin)
    expect(again).toMatchObject({ task_id: first.task_id, status: 'duplicate' })
    expect(elsewhere.status).toBe('accepted')
  })

  it('holds a key for 24 hours and no longer', async () => {
    const first = await enqueue(db.sql, keyed, origin)
    await age(db.sql, first.task_id, 24 * 3600 - 60)
    expect((await enqueue(db.sql, keyed, origin)).status).toBe('duplicate')
    await age(db.sql, first.task_id, 61)
    const next = await enqueue(db.sql, { ...keyed, content: 'another' }, origin)
    expect(next.status).toBe('accepted')
    expect(await rowOf(db.sql, first.task_id)).toMatchObject({ idempotency_key: null })
  })

  it('makes one task of 20 deliveries at once on 20 connections', async () => {
    const pools = Array.from({ length: 20 }, () => db.open({ max: 1 }))
    await Promise.all(pools.map((pool) => pool`select 1`))
    const answers = await Promise.all(pools.map((pool) => enqueue(pool, keyed, origin)))
    expect(new Set(answers.map((one) => one.task_id)).size).toBe(1)
    expect(answers.filter((one) => one.status === 'accepted')).toHaveLength(1)
    expect(await countTasks()).toBe(1)
  })

  it('lets the second of two racing callers win when the first is rolled back', async () => {
    const second = db.open({ max: 1 })
    const { backend } = (await second<{ backend: number }[]>`select pg_backend_pid() as backend`)[0]!
    let answer: Promise<Accepted> | undefined
    const first = db.sql.begin(async (tx) => {
      await enqueue(tx, keyed, origin)
      answer = enqueue(second, keyed, origin)
      await expect
        .poll(async () => {
          const [row] = await db.sql`select wait_event_type from pg_stat_activity where pid = ${backend}`
          return row?.wait_event_type
        })
        .toBe('Lock')
      throw new Error('rolled back')
    })
    await expect(first).rejects.toThrow('rolled back')
    expect(await answer).toMatchObject({ status: 'accepted' })
    expect(await countTasks()).toBe(1)
  })
})

describe('an id that the caller mints', () => {
  it('is the same row for ever, also long after', async () => {
    const id = newId()
    const first = await enqueue(db.sql, anEnvelope({ id }), origin)
    await age(db.sql, id, 30 * 86_400)
    const again = await enqueue(db.sql, anEnvelope({ id }), origin)
    expect([first, again]).toMatchObject([
      { task_id: id, status: 'accepted' },
      { task_id: id, status: 'duplicate' },
    ])
  })

  it('is refused with other content', async () => {
    const id = await aTask(db.sql, { id: newId() })
    await expect(enqueue(db.sql, anEnvelope({ id, content: 'another' }), origin)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(id),
    })
  })

  it('does not give a stranger somebody else’s task, nor say whose it is', async () => {
    const id = await aTask(db.sql, { id: newId() })
    const stolen = enqueue(db.sql, anEnvelope({ id }), { requester: 'guest', firstLane })
    await expect(stolen).rejects.toMatchObject({ code: 'conflict', details: {} })
    await expect(stolen).rejects.not.toThrow('operator')
  })
})
