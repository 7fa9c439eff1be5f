import { beforeEach, describe, expect, it } from 'vitest'
import { claim, hasClaimable, LEASE_SECONDS } from '../../../f/hai/core/task/lease.ts'
import { testDatabase } from '../../support/database.ts'
import {
  age,
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

const leases = () => db.sql<{ task_id: string; lease_no: number }[]>`select task_id, lease_no from hai.lease`

describe('claim', () => {
  it('gives everything a worker needs, and the task is running under its lease', async () => {
    const id = await aTask(db.sql, {
      content: 'why?',
      context: [
        { name: 'b.log', content: '1' },
        { name: 'a.log', content: '2' },
      ],
      metadata: { room: 'attic' },
      user: 'guest',
    })
    const task = await claim(db.sql, { worker: 'w-1', job_id: 'job-1' })
    expect(task).toMatchObject({
      id,
      lease_no: 1,
      attempt: 1,
      max_attempts: 3,
      lane: 'interactive',
      content: 'why?',
      requester: 'operator',
      on_behalf_of: 'guest',
      metadata: { room: 'attic' },
      context: [
        { name: 'b.log', media_type: 'text/plain', text: '1' },
        { name: 'a.log', media_type: 'text/plain', text: '2' },
      ],
    })
    const [row] = await db.sql`
      select state, job_id, started_at is not null as started,
        round(extract(epoch from (select until from hai.lease) - now())) as left
      from hai.task_queue`
    expect(row).toMatchObject({
      state: 'running',
      job_id: 'job-1',
      started: true,
      left: String(LEASE_SECONDS),
    })
    expect(await busySlots(db.sql)).toBe(1)
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'claimed'])
  })

  it('gives null when nothing is due', async () => {
    expect(await claim(db.sql, { worker: 'w-1' })).toBeNull()
    await aTask(db.sql)
    await db.sql`update hai.task_queue set run_at = now() + interval '1 s', claim_at = now() + interval '1 s'`
    expect(await claim(db.sql, { worker: 'w-1' })).toBeNull()
  })

  it('never gives one task to two of 20 workers that ask at once', async () => {
    await db.sql`insert into hai.lane_slot (lane, no) select 'interactive', generate_series(5, 20)`
    await Promise.all(Array.from({ length: 10 }, () => aTask(db.sql, FOR_A_MODEL)))
    const workers = Array.from({ length: 20 }, () => db.open({ max: 1 }))
    await Promise.all(workers.map((pool) => pool`select 1`))
    const got: string[] = []
    const shifts = workers.map(async (pool, n) => {
      while (await hasClaimable(pool)) {
        const task = await claim(pool, { worker: `w-${n}` })
        if (task) got.push(task.id)
      }
    })
    await Promise.all(shifts)
    expect(got).toHaveLength(10)
    expect(new Set(got).size).toBe(10)
  })

  it('never takes more tasks than a lane has slots, with 20 claimers at once', async () => {
    await Promise.all(Array.from({ length: 30 }, () => aTask(db.sql, FOR_A_MODEL)))
    const workers = Array.from({ length: 20 }, () => db.open({ max: 1 }))
    await Promise.all(workers.map((pool) => pool`select 1`))
    const rounds = workers.map(async (pool, n) => {
      const held = []
      while (await hasClaimable(pool)) {
        const task = await claim(pool, { worker: `w-${n}` })
        if (task) held.push(task)
        expect(await busySlots(pool)).toBeLessThanOrEqual(4)
      }
      return held
    })
    const held = (await Promise.all(rounds)).flat()
    expect(held).toHaveLength(4)
    expect(await busySlots(db.sql)).toBe(4)
    expect(await leases()).toHaveLength(4)
  })

  it('keeps lanes apart: a full lane does not stop the other, and lanes are taken in the order asked', async () => {
    for (const source of ['alertmanager', 'alertmanager', 'alertmanager', 'cli'])
      await aTask(db.sql, { ...FOR_A_MODEL, source })
    expect(await claimed(db.sql, 'w', ['batch'])).toMatchObject({ lane: 'batch' })
    expect(await claimed(db.sql, 'w', ['batch', 'interactive'])).toMatchObject({ lane: 'batch' })
    expect(await claim(db.sql, { worker: 'w', lanes: ['batch'] })).toBeNull()
    expect(await claimed(db.sql, 'w', ['batch', 'interactive'])).toMatchObject({ lane: 'interactive' })
  })

  it('takes the oldest of one priority first', async () => {
    const ids = []
    for (let n = 0; n < 4; n += 1) ids.push(await aTask(db.sql))
    for (const id of ids) expect((await claimed(db.sql)).id).toBe(id)
  })

  it('takes urgent before high before normal before low, when they came together', async () => {
    const sources: Record<string, string> = {}
    for (const priority of ['low', 'normal', 'high', 'urgent'])
      sources[await aTask(db.sql, { priority })] = priority
    const order = []
    for (let n = 0; n < 4; n += 1) order.push(sources[(await claimed(db.sql)).id])
    expect(order).toEqual(['urgent', 'high', 'normal', 'low'])
  })

  it('lets low work that has waited an hour stand before urgent work that has just come', async () => {
    const urgent = await aTask(db.sql, { priority: 'urgent' })
    const low = await aTask(db.sql, { priority: 'low' })
    await age(db.sql, low, 3590)
    const lower = await aTask(db.sql, { priority: 'low' })
    await age(db.sql, lower, 3610)
    const order = [await claimed(db.sql), await claimed(db.sql), await claimed(db.sql)]
    expect(order.map((task) => task.id)).toEqual([lower, urgent, low])
  })

  it('never gives a task whose time ran out, even before a sweep has ended it', async () => {
    const id = await aTask(db.sql, { ttl_seconds: 60 })
    await age(db.sql, id, 61)
    expect(await claim(db.sql, { worker: 'w-1' })).toBeNull()
    expect(await hasClaimable(db.sql)).toBe(false)
    expect(await rowOf(db.sql, id)).toMatchObject({ lease_no: 0, attempt: 0 })
  })

  it('uses up no slot when nothing is due', async () => {
    for (let n = 0; n < 10; n += 1) await claim(db.sql, { worker: 'w-1' })
    expect(await busySlots(db.sql)).toBe(0)
  })

  it.each<[string, Record<string, unknown>]>([
    ['worker', { worker: '' }],
    ['worker', {}],
    ['lanes', { worker: 'w', lanes: [] }],
    ['lane', { worker: 'w', lane: 'batch' }],
  ])('names %s when it is wrong', async (field, input) => {
    await expect(claim(db.sql, input as never)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(field),
    })
  })
})
