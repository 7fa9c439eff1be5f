import { beforeEach, describe, expect, it } from 'vitest'
import { cancel } from '../../../f/hai/core/task/change.ts'
import { complete, fail } from '../../../f/hai/core/task/finish.ts'
import {
  type Held,
  heartbeat,
  heldOf,
  isLeaseLost,
  LEASE_SECONDS,
  release,
} from '../../../f/hai/core/task/lease.ts'
import { sweep } from '../../../f/hai/core/task/sweep.ts'
import { testDatabase } from '../../support/database.ts'
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
} from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))

const leases = () => db.sql<{ task_id: string; lease_no: number }[]>`select task_id, lease_no from hai.lease`

describe('heartbeat', () => {
  it('extends the lease by the database’s clock, whatever was left', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    await age(db.sql, id, 14)
    const { until } = await heartbeat(db.sql, { id, lease_no, lease_token })
    const [row] = await db.sql<{ left: number; until: string }[]>`
      select extract(epoch from until - now())::float8 as left, until from hai.lease`
    expect(row!.until).toBe(until)
    expect(row!.left).toBeGreaterThan(LEASE_SECONDS - 10)
    expect(row!.left).toBeLessThanOrEqual(LEASE_SECONDS)
  })

  it('saves a lease that has run out, as long as nobody took the task', async () => {
    const held = await aRunningTask(db.sql)
    await age(db.sql, held.id, 100)
    await heartbeat(db.sql, { id: held.id, lease_no: held.lease_no, lease_token: held.lease_token })
    expect(await sweep(db.sql, 5)).toMatchObject({ rescued: 0 })
  })

  it('is refused after a cancel, and frees the slot', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    await cancel(db.sql, { id }, aCaller())
    expect(await busySlots(db.sql)).toBe(1)
    const refused = await heartbeat(db.sql, { id, lease_no, lease_token }).catch((error) => error)
    expect(isLeaseLost(refused)).toBe(true)
    expect(refused).toMatchObject({ code: 'conflict', details: { state: 'cancelled' } })
    expect(await busySlots(db.sql)).toBe(0)
    expect(await leases()).toEqual([])
  })

  it.each<[string, (held: Held) => Promise<unknown>]>([
    ['an answer', (held) => complete(db.sql, { ...held, output: 'late' })],
    ['a failure', (held) => fail(db.sql, { ...held, code: 'unavailable', message: '503' })],
    ['what is given back', (held) => release(db.sql, held, 'stopped')],
  ])('need not come first: %s after a cancel frees the slot, too', async (_, end) => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    await cancel(db.sql, { id }, aCaller())
    expect(await busySlots(db.sql)).toBe(1)
    await expect(end({ id, lease_no, lease_token })).rejects.toMatchObject({ code: 'conflict' })
    expect(await busySlots(db.sql)).toBe(0)
    expect(await leases()).toEqual([])
  })

  it('is refused when the task’s time ran out, which ends it and frees the slot', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql, { ttl_seconds: 60 })
    await db.sql`update hai.task_queue set expires_at = now() - interval '1 s'`
    await expect(heartbeat(db.sql, { id, lease_no, lease_token })).rejects.toMatchObject({
      code: 'conflict',
      details: { state: 'expired' },
    })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'expired', error: { code: 'expired' } })
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'claimed', 'expired'])
    expect(await busySlots(db.sql)).toBe(0)
  })

  it('is refused when the task was taken over, and does not touch the new lease', async () => {
    const first = await aRunningTask(db.sql)
    await age(db.sql, first.id, 100)
    await sweep(db.sql, 5)
    const second = await claimed(db.sql, 'w-2')
    expect(second).toMatchObject({ id: first.id, lease_no: 2 })
    await expect(heartbeat(db.sql, heldOf(first))).rejects.toMatchObject({
      code: 'conflict',
      details: { lease_no: 2 },
    })
    expect(await leases()).toEqual([{ task_id: first.id, lease_no: 2 }])
    await heartbeat(db.sql, heldOf(second))
  })

  it('holds its lease against a sweep that came at the same moment: one of the two wins wholly', async () => {
    const pools = [db.open({ max: 1 }), db.open({ max: 1 })] as const
    await sweep(db.sql, 3600)
    for (let round = 0; round < 40; round += 1) {
      const { id, lease_no, lease_token } = await aRunningTask(db.sql)
      await age(db.sql, id, 100)
      const [beat] = await Promise.all([
        heartbeat(pools[0], { id, lease_no, lease_token }).then(
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
    await expect(heartbeat(db.sql, { id, lease_no: 1 })).rejects.toMatchObject({
      code: 'not_found',
    })
  })
})

describe('release', () => {
  it('gives the task back with its attempt and its place', async () => {
    const first = await aTask(db.sql)
    await aTask(db.sql)
    const held = await claimed(db.sql)
    const before = await rowOf(db.sql, first)
    await release(db.sql, heldOf(held), 'its worker was told to stop')
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
    const held = await aRunningTask(db.sql, { retry_policy: { max_attempts: 1 } })
    await release(db.sql, heldOf(held), 'stop')
    expect(await claimed(db.sql)).toMatchObject({ attempt: 1, max_attempts: 1 })
  })

  it('is refused to who does not hold the task, and writes nothing', async () => {
    const held = await aRunningTask(db.sql)
    await complete(db.sql, { ...heldOf(held), output: 'x' })
    await expect(release(db.sql, heldOf(held), 'stop')).rejects.toMatchObject({ code: 'conflict' })
    expect(await rowOf(db.sql, held.id)).toMatchObject({ state: 'done', last_seq: 3 })
  })
})

describe('a fencing token', () => {
  it('grows with every claim and is never used again', async () => {
    const id = await aTask(db.sql, { retry_policy: { max_attempts: 5, backoff_seconds: 0 } })
    const tokens: string[] = []
    for (const lease_no of [1, 2, 3]) {
      const held = await claimed(db.sql)
      expect(held).toMatchObject({ id, lease_no, attempt: lease_no })
      tokens.push(held.lease_token)
      await fail(db.sql, { ...heldOf(held), code: 'x', message: 'x', retryable: true })
    }
    expect(new Set(tokens).size).toBe(3)
    const late = { id, lease_no: 2, lease_token: tokens[1]!, output: 'late' }
    await expect(complete(db.sql, late)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/number 2 .*pending, number 3/),
    })
  })
})
