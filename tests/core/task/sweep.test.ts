import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Pool } from '../../../f/hai/core/base/db.ts'
import { cancel } from '../../../f/hai/core/task/change.ts'
import { claim, heartbeat, LEASE_SECONDS } from '../../../f/hai/core/task/lease.ts'
import { SWEEP, sweep } from '../../../f/hai/core/task/sweep.ts'
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
  onOldServer,
  rowOf,
} from '../../support/factories.ts'

const db = testDatabase()
const EVERY = 5
let sql: Pool
beforeAll(async () => {
  sql = await onOldServer(db)
})
beforeEach(async () => {
  await clear(sql)
  await sweep(sql, EVERY)
})

/** The machine slept so long: nothing ran, all clocks went on. */
async function sleep(seconds: number): Promise<void> {
  const gone = sql`make_interval(secs => ${seconds})`
  await sql`update hai.lease set until = until - ${gone}`
  await sql`update hai.pulse set last_at = last_at - ${gone}, woke_at = woke_at - ${gone}`
}

/** Sweeps as the schedule does, until the machine counts as awake again. */
async function awake(): Promise<void> {
  await sql`update hai.pulse set woke_at = woke_at - make_interval(secs => ${LEASE_SECONDS + 1})`
}

describe('sweep', () => {
  it('leaves a healthy queue alone, and says that it ran', async () => {
    await aTask(sql)
    const { id } = await aRunningTask(sql)
    expect(await sweep(sql, EVERY)).toEqual({ expired: 0, rescued: 0 })
    expect(await rowOf(sql, id)).toMatchObject({ state: 'running' })
    const [pulse] =
      await sql`select name, every_seconds, now() - last_at < interval '5 s' as fresh from hai.pulse`
    expect(pulse).toEqual({ name: SWEEP, every_seconds: EVERY, fresh: true })
  })

  it('ends what ran out of time, pending, running or awaiting approval, each with its event', async () => {
    const ids = [await aTask(sql, { ttl_seconds: 60 }), await aTask(sql, { ttl_seconds: 60 })]
    ids.push((await claimed(sql)).id)
    await sql`update hai.task_queue set state = 'awaiting_approval' where id = ${ids[1]!} and state = 'pending'`
    await sql`update hai.task_queue set expires_at = now()`
    const untouched = await aTask(sql, { ttl_seconds: 60 })
    expect(await sweep(sql, EVERY)).toEqual({ expired: 2, rescued: 0 })
    for (const id of new Set(ids)) {
      expect(await rowOf(sql, id)).toMatchObject({ state: 'expired', error: { code: 'expired' } })
      expect((await eventTypes(sql, id)).at(-1)).toBe('expired')
    }
    expect(await rowOf(sql, untouched)).toMatchObject({ state: 'pending' })
  })

  it('takes a task back whose worker went silent, in its old place', async () => {
    const first = await aRunningTask(sql)
    await aTask(sql)
    await age(sql, first.id, LEASE_SECONDS + 1)
    expect(await sweep(sql, EVERY)).toEqual({ expired: 0, rescued: 1 })
    expect(await rowOf(sql, first.id)).toMatchObject({ state: 'pending', error: { code: 'lease_lost' } })
    expect(await busySlots(sql)).toBe(0)
    expect(await eventTypes(sql, first.id)).toEqual(['accepted', 'claimed', 'rescued'])
    expect(await claimed(sql, 'w-2')).toMatchObject({ id: first.id, lease_no: 2, attempt: 2 })
  })

  it('leaves a lease alone that has not run out', async () => {
    const { id } = await aRunningTask(sql)
    await age(sql, id, LEASE_SECONDS - 3)
    expect(await sweep(sql, EVERY)).toMatchObject({ rescued: 0 })
  })

  it('ends a task dead that kills its worker every time, after its attempts', async () => {
    const id = await aTask(sql, { retry_policy: { max_attempts: 3 } })
    for (const attempt of [1, 2, 3]) {
      expect(await claimed(sql, `w-${attempt}`)).toMatchObject({ id, attempt })
      await age(sql, id, LEASE_SECONDS + 1)
      await sweep(sql, EVERY)
    }
    expect(await rowOf(sql, id)).toMatchObject({
      state: 'dead',
      attempt: 3,
      error: { code: 'lease_lost', message: expect.stringContaining('w-3') },
    })
    expect(await busySlots(sql)).toBe(0)
  })

  it('uses no attempt of a task whose worker’s job was cancelled, however often, and one where nobody can say', async () => {
    const id = await aTask(sql, { retry_policy: { max_attempts: 2 } })
    const lost = async (job_id: string) => {
      const task = await claim(sql, { worker: `job ${job_id}`, job_id })
      await age(sql, id, LEASE_SECONDS + 1)
      await sweep(sql, EVERY, async (job) => job.startsWith('cancelled'))
      return task?.attempt
    }
    const jobs = ['cancelled 1', 'cancelled 2', 'died', 'cancelled 3', 'cancelled 4']
    const attempts: unknown[] = []
    for (const job of jobs) attempts.push(await lost(job))
    expect(attempts).toEqual([1, 1, 1, 2, 2])
    expect(await rowOf(sql, id)).toMatchObject({
      ...{ state: 'pending', suspends: 0 },
      error: { code: 'lease_lost', message: 'its worker job cancelled 4 was cancelled' },
    })
    expect(await lost('nobody knows')).toBe(2)
    expect(await rowOf(sql, id)).toMatchObject({ state: 'dead', attempt: 2 })
  })

  it('frees the slot of a cancelled task whose worker never came back to hear of it', async () => {
    const { id } = await aRunningTask(sql)
    await cancel(sql, { id }, aCaller())
    await sweep(sql, EVERY)
    expect(await busySlots(sql)).toBe(1)
    await age(sql, id, LEASE_SECONDS + 1)
    await sweep(sql, EVERY)
    expect(await busySlots(sql)).toBe(0)
    expect(await rowOf(sql, id)).toMatchObject({ state: 'cancelled' })
  })

  it('moves 1,200 lost tasks in three rounds, none twice, with sweepers at once', async () => {
    await sql`
      insert into hai.task_queue (id, state, source, requester, content, conversation_id, priority, data_tier,
        request_digest, lane, run_at, claim_at, max_attempts, backoff_seconds, attempt, next_attempt, lease_no, last_seq)
      select '01' || lpad(n::text, 24, '0'), 'running', 'cli', 'operator', 'x', 'c ' || n, 'normal', 'internal', '-',
        'interactive', now(), now(), 3, 10, 1, false, 1, 2
      from generate_series(1, 1200) n`
    await sql`insert into hai.lease select id, 1, 'w-1', now() - interval '1 s' from hai.task_queue`
    const pools = Array.from({ length: 4 }, () => db.open({ max: 1 }))
    let rescued = 0
    for (let round = 0; round < 4 && rescued < 1200; round += 1) {
      const swept = await Promise.all(pools.map((pool) => sweep(pool, EVERY)))
      rescued += swept.reduce((sum, one) => sum + one.rescued, 0)
    }
    expect(rescued).toBe(1200)
    const [row] = await sql`
      select count(*)::int as events, (select count(*)::int from hai.lease) as leases from hai.task_event`
    expect(row).toEqual({ events: 1200, leases: 0 })
  })
})

describe('a machine that slept', () => {
  it('lets its workers renew first: nothing is rescued for one lease', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(sql)
    await sleep(8 * 3600)
    expect(await sweep(sql, EVERY)).toMatchObject({ rescued: 0 })
    await heartbeat(sql, { id, lease_no, lease_token })
    await awake()
    expect(await sweep(sql, EVERY)).toMatchObject({ rescued: 0 })
    expect(await rowOf(sql, id)).toMatchObject({ state: 'running', lease_no: 1 })
  })

  it('uses up no attempt of a task whose worker did not wake', async () => {
    const { id } = await aRunningTask(sql)
    await sleep(8 * 3600)
    await sweep(sql, EVERY)
    await awake()
    expect(await sweep(sql, EVERY)).toMatchObject({ rescued: 1 })
    expect(await claimed(sql, 'w-2')).toMatchObject({ id, attempt: 1, lease_no: 2 })
  })

  it('still ends what ran out of time meanwhile', async () => {
    const { id } = await aRunningTask(sql, { ttl_seconds: 3600 })
    await sql`update hai.task_queue set expires_at = now() - interval '7 hours'`
    await sleep(8 * 3600)
    expect(await sweep(sql, EVERY)).toEqual({ expired: 1, rescued: 0 })
    expect(await rowOf(sql, id)).toMatchObject({ state: 'expired' })
  })

  it('excuses one task three times and no more', async () => {
    const { id } = await aRunningTask(sql, { retry_policy: { max_attempts: 2 } })
    for (const attempt of [1, 1, 1, 2]) {
      await sleep(8 * 3600)
      await sweep(sql, EVERY)
      await awake()
      expect(await sweep(sql, EVERY)).toMatchObject({ rescued: 1 })
      expect(await claimed(sql)).toMatchObject({ id, attempt })
    }
    await sleep(8 * 3600)
    await sweep(sql, EVERY)
    await awake()
    await sweep(sql, EVERY)
    expect(await rowOf(sql, id)).toMatchObject({ state: 'dead', suspends: 3 })
  })

  it('counts an attempt for a lease that was lost after it woke', async () => {
    await sleep(8 * 3600)
    await sweep(sql, EVERY)
    await awake()
    const { id } = await aRunningTask(sql)
    await age(sql, id, LEASE_SECONDS + 0.5)
    expect(await sweep(sql, EVERY)).toMatchObject({ rescued: 1 })
    expect(await claimed(sql)).toMatchObject({ id, attempt: 2 })
  })

  it('is not what a sweep that came a little late looks like', async () => {
    const { id } = await aRunningTask(sql)
    await sleep(EVERY + 2)
    await age(sql, id, LEASE_SECONDS)
    expect(await sweep(sql, EVERY)).toMatchObject({ rescued: 1 })
    expect(await claimed(sql)).toMatchObject({ attempt: 2 })
  })
})
