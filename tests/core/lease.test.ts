import { beforeEach, describe, expect, it } from 'vitest'
import { cancel } from '../../f/hai/core/control.ts'
import {
  claim,
  hasClaimable,
  heartbeat,
  isLeaseLost,
  LEASE_SECONDS,
  release,
} from '../../f/hai/core/lease.ts'
import { complete, fail } from '../../f/hai/core/outcome.ts'
import { sweep } from '../../f/hai/core/sweep.ts'
import { testDatabase } from '../support/database.ts'
import {
  aCaller,
  age,
  aRunningTask,
  aTask,
  busySlots,
  claimed,
  clear,
  eventTypes,
  rowOf,
} from '../support/factories.ts'

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
    await Promise.all(Array.from({ length: 10 }, () => aTask(db.sql)))
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
    await Promise.all(Array.from({ length: 30 }, () => aTask(db.sql)))
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
      await aTask(db.sql, { source })
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

describe('heartbeat', () => {
  it('extends the lease by the database’s clock, whatever was left', async () => {
    const { id, lease_no } = await aRunningTask(db.sql)
    await age(db.sql, id, 14)
    const { until } = await heartbeat(db.sql, { id, lease_no })
    const [row] = await db.sql<{ left: number; until: string }[]>`
      select extract(epoch from until - now())::float8 as left, until from hai.lease`
    expect(row!.until).toBe(until)
    expect(row!.left).toBeGreaterThan(LEASE_SECONDS - 2)
    expect(row!.left).toBeLessThanOrEqual(LEASE_SECONDS)
  })

  it('saves a lease that has run out, as long as nobody took the task', async () => {
    const held = await aRunningTask(db.sql)
    await age(db.sql, held.id, 100)
    await heartbeat(db.sql, { id: held.id, lease_no: held.lease_no })
    expect(await sweep(db.sql, 5)).toMatchObject({ rescued: 0 })
  })

  it('is refused after a cancel, and frees the slot', async () => {
    const { id, lease_no } = await aRunningTask(db.sql)
    await cancel(db.sql, { id }, aCaller())
    expect(await busySlots(db.sql)).toBe(1)
    const refused = await heartbeat(db.sql, { id, lease_no }).catch((error) => error)
    expect(isLeaseLost(refused)).toBe(true)
    expect(refused).toMatchObject({ code: 'conflict', details: { state: 'cancelled' } })
    expect(await busySlots(db.sql)).toBe(0)
    expect(await leases()).toEqual([])
  })

  it('is refused when the task’s time ran out, which ends it and frees the slot', async () => {
    const { id, lease_no } = await aRunningTask(db.sql, { ttl_seconds: 60 })
    await db.sql`update hai.task_queue set expires_at = now() - interval '1 s'`
    await expect(heartbeat(db.sql, { id, lease_no })).rejects.toMatchObject({
      code: 'conflict',
      details: { state: 'expired' },
    })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'expired', error: { code: 'expired' } })
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'claimed', 'expired'])
    expect(await busySlots(db.sql)).toBe(0)
  })

  it('of a holder whose task was taken over is refused, and does not touch the new lease', async () => {
    const first = await aRunningTask(db.sql)
    await age(db.sql, first.id, 100)
    await sweep(db.sql, 5)
    const second = await claimed(db.sql, 'w-2')
    expect(second).toMatchObject({ id: first.id, lease_no: 2 })
    await expect(heartbeat(db.sql, { id: first.id, lease_no: 1 })).rejects.toMatchObject({
      code: 'conflict',
      details: { lease_no: 2 },
    })
    expect(await leases()).toEqual([{ task_id: first.id, lease_no: 2 }])
    await heartbeat(db.sql, { id: first.id, lease_no: 2 })
  })

  it('holds its lease against a sweep that came at the same moment: one of the two wins wholly', async () => {
    const pools = [db.open({ max: 1 }), db.open({ max: 1 })] as const
    await sweep(db.sql, 3600)
    for (let round = 0; round < 40; round += 1) {
      const { id, lease_no } = await aRunningTask(db.sql)
      await age(db.sql, id, 100)
      const [beat] = await Promise.all([
        heartbeat(pools[0], { id, lease_no }).then(
          () => 'kept',
          () => 'lost',
        ),
        sweep(pools[1], 3600),
      ])
      const { state } = await rowOf(db.sql, id)
      expect({ beat, state }).toEqual({ beat, state: beat === 'kept' ? 'running' : 'pending' })
      await clear(db.sql)
      await sweep(db.sql, 3600)
    }
  })

  it('is refused for a task that does not exist', async () => {
    const id = '01HZY5T2M3N4P5Q6R7S8T9V0WX'
    await expect(heartbeat(db.sql, { id, lease_no: 1 })).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('release', () => {
  it('gives the task back with its attempt and its place', async () => {
    const first = await aTask(db.sql)
    await aTask(db.sql)
    const held = await claimed(db.sql)
    const before = await rowOf(db.sql, first)
    await release(db.sql, holding(held), 'its worker was told to stop')
    expect(await rowOf(db.sql, first)).toMatchObject({
      state: 'pending',
      attempt: 1,
      claim_at: before.claim_at,
      run_at: before.run_at,
    })
    expect(await busySlots(db.sql)).toBe(0)
    expect(await claimed(db.sql, 'w-2')).toMatchObject({ id: first, attempt: 1, lease_no: 2 })
    expect(await eventTypes(db.sql, first)).toEqual(['accepted', 'claimed', 'released', 'claimed'])
  })

  it('keeps the attempt of a task that is on its last one', async () => {
    await aRunningTask(db.sql, { retry_policy: { max_attempts: 1 } })
    const [lease] = await leases()
    await release(db.sql, { id: lease!.task_id, lease_no: 1 }, 'stop')
    expect(await claimed(db.sql)).toMatchObject({ attempt: 1, max_attempts: 1 })
  })

  it('is refused to who does not hold the task, and writes nothing', async () => {
    const held = await aRunningTask(db.sql)
    await complete(db.sql, { ...holding(held), output: 'x' })
    await expect(release(db.sql, holding(held), 'stop')).rejects.toMatchObject({ code: 'conflict' })
    expect(await rowOf(db.sql, held.id)).toMatchObject({ state: 'done', last_seq: 3 })
  })
})

describe('a fencing token', () => {
  it('grows with every claim and is never used again', async () => {
    const id = await aTask(db.sql, { retry_policy: { max_attempts: 5, backoff_seconds: 0 } })
    for (const lease_no of [1, 2, 3]) {
      expect(await claimed(db.sql)).toMatchObject({ id, lease_no, attempt: lease_no })
      await fail(db.sql, { id, lease_no, code: 'x', message: 'x', retryable: true })
    }
    await expect(complete(db.sql, { id, lease_no: 2, output: 'late' })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/number 2 .*pending, number 3/),
    })
  })
})

function holding({ id, lease_no }: { id: string; lease_no: number }) {
  return { id, lease_no }
}
