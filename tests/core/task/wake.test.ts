import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Pool } from '../../../f/hai/core/base/db.ts'
import { claim, heldOf } from '../../../f/hai/core/task/lease.ts'
import { arrived, failAndWake, thenWake, WORKER, wake } from '../../../f/hai/core/task/wake.ts'
import { testDatabase } from '../../support/database.ts'
import { age, aRunningTask, aTask, claimed, clear, FOR_A_MODEL } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))

interface Call {
  path: string
  jobId: string
  delaySeconds?: number
}

/** Takes the place of Windmill's API: notes what it was asked to start. */
function recorder() {
  const calls: Call[] = []
  const start = async (path: string, _args: object, options: { jobId: string; delaySeconds?: number }) => {
    calls.push({ path, ...options })
  }
  return { calls, start }
}

/** Connections of their own, open already, so that what they send arrives at the same moment. */
async function connected(count: number): Promise<Pool[]> {
  const pools = Array.from({ length: count }, () => db.open({ max: 1 }))
  await Promise.all(pools.map((pool) => pool`select 1`))
  return pools
}

const coming = () => db.sql`select job_id from hai.wakeup`

describe('wake', () => {
  it('calls one worker for one due task, and notes that it is coming', async () => {
    await aTask(db.sql)
    const { calls, start } = recorder()
    const jobId = await wake(db.sql, start)
    expect(calls).toEqual([{ path: WORKER, jobId }])
    expect(jobId).toMatch(/^[0-9a-f-]{36}$/)
    expect(await coming()).toEqual([{ job_id: jobId }])
  })

  it('calls nobody when nothing is due', async () => {
    await aTask(db.sql)
    await db.sql`update hai.task_queue set run_at = now() + interval '60 s', claim_at = now() + interval '60 s'`
    const { calls, start } = recorder()
    expect(await wake(db.sql, start)).toBeUndefined()
    expect(calls).toEqual([])
  })

  it('calls nobody for a task whose time ran out', async () => {
    await age(db.sql, await aTask(db.sql, { ttl_seconds: 60 }), 61)
    const { calls, start } = recorder()
    await wake(db.sql, start)
    expect(calls).toEqual([])
  })

  it('calls nobody while those who were called are still coming', async () => {
    await aTask(db.sql)
    const { calls, start } = recorder()
    await wake(db.sql, start)
    await wake(db.sql, start)
    expect(calls).toHaveLength(1)
    await aTask(db.sql)
    await wake(db.sql, start)
    expect(calls).toHaveLength(2)
  })

  it('calls no more than a lane has free slots', async () => {
    await aRunningTask(db.sql, FOR_A_MODEL)
    for (let n = 0; n < 10; n += 1) await aTask(db.sql, FOR_A_MODEL)
    for (let n = 0; n < 10; n += 1) await aTask(db.sql, { ...FOR_A_MODEL, source: 'alertmanager' })
    const { calls, start } = recorder()
    await wake(db.sql, start)
    expect(calls).toHaveLength(3 + 2)
  })

  it('calls nobody for a lane that is full', async () => {
    for (let n = 0; n < 4; n += 1) await aRunningTask(db.sql, FOR_A_MODEL)
    await aTask(db.sql, FOR_A_MODEL)
    const { calls, start } = recorder()
    await wake(db.sql, start)
    expect(calls).toEqual([])
  })

  it('never makes more calls than are useful, with 20 callers at once', async () => {
    for (let n = 0; n < 20; n += 1) await aTask(db.sql, FOR_A_MODEL)
    const pools = await connected(20)
    for (let round = 0; round < 10; round += 1) {
      const { calls, start } = recorder()
      await Promise.all(pools.map((pool) => wake(pool, start)))
      expect(calls).toHaveLength(4)
      expect(await coming()).toHaveLength(4)
      await db.sql`delete from hai.wakeup`
    }
  })

  it('makes a call for each of 4 tasks that come in at once', async () => {
    const pools = await connected(4)
    for (let round = 0; round < 10; round += 1) {
      const { calls, start } = recorder()
      await Promise.all(pools.map((pool) => thenWake(pool, aTask(pool), start)))
      expect(calls).toHaveLength(4)
      await clear(db.sql)
    }
  })

  it('counts on no worker that another one called, who may have cancelled it', async () => {
    for (let n = 0; n < 6; n += 1) await aTask(db.sql, FOR_A_MODEL, 'guest')
    const his = recorder()
    await wake(db.sql, his.start, 'u/guest')
    expect(his.calls).toHaveLength(4)
    const { calls, start } = recorder()
    await wake(db.sql, start, 'u/operator')
    expect(calls).toHaveLength(4)
    // of his own each counts
    await wake(db.sql, start, 'u/operator')
    await wake(db.sql, his.start, 'u/guest')
    expect([calls.length, his.calls.length]).toEqual([4, 4])
    await arrived(db.sql, calls[0]!.jobId)
    await wake(db.sql, start, 'u/operator')
    expect(calls).toHaveLength(5)
  })

  it('calls again when nobody came within half a minute', async () => {
    await aTask(db.sql)
    const { calls, start } = recorder()
    await wake(db.sql, start)
    await db.sql`update hai.wakeup set called_at = called_at - interval '31 s'`
    await wake(db.sql, start)
    expect(calls).toHaveLength(2)
  })

  it('leaves nothing behind when a call fails, so that the sweep calls again', async () => {
    const id = await aTask(db.sql)
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    const refused = async () => {
      throw new Error('connection refused')
    }
    expect(await wake(db.sql, refused)).toBeUndefined()
    expect(told).toHaveBeenCalledWith(expect.stringContaining('connection refused'))
    told.mockRestore()
    expect(await coming()).toEqual([])
    const { calls, start } = recorder()
    await wake(db.sql, start)
    expect(calls).toHaveLength(1)
    expect((await claimed(db.sql)).id).toBe(id)
  })

  it('says which job comes when only one of several calls fails', async () => {
    await aTask(db.sql)
    await aTask(db.sql)
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    let failing = true
    const jobId = await wake(db.sql, async () => {
      if (!failing) return
      failing = false
      throw new Error('connection refused')
    })
    told.mockRestore()
    expect(await coming()).toEqual([{ job_id: jobId }])
  })
})

describe('answered', () => {
  it('makes room for another call', async () => {
    await aTask(db.sql)
    const { calls, start } = recorder()
    await arrived(db.sql, (await wake(db.sql, start))!)
    expect(await coming()).toEqual([])
    await wake(db.sql, start)
    expect(calls).toHaveLength(2)
  })

  it('takes away calls that got lost, and leaves those that are coming', async () => {
    await db.sql`
      insert into hai.wakeup (no, job_id, called_at)
      values (1, 'lost', now() - interval '40 s'), (2, 'coming', now()), (3, 'here', now())`
    await arrived(db.sql, 'here')
    expect(await coming()).toEqual([{ job_id: 'coming' }])
  })
})

describe('thenWake', () => {
  it('calls when the change is committed, and gives its result', async () => {
    const { calls, start } = recorder()
    expect(await thenWake(db.sql, aTask(db.sql), start)).toMatch(/^[0-9A-Z]{26}$/)
    expect(calls).toHaveLength(1)
  })

  it('calls nobody when the change was refused', async () => {
    await aTask(db.sql)
    const { calls, start } = recorder()
    await expect(thenWake(db.sql, aTask(db.sql, { priority: 'asap' }), start)).rejects.toThrow('priority')
    expect(calls).toEqual([])
  })
})

describe('failAndWake', () => {
  const aFailure = async () => ({
    ...heldOf(await aRunningTask(db.sql)),
    ...{ code: 'x', message: 'x', retryable: true },
  })

  it('calls a worker for the time of the next attempt', async () => {
    const { calls, start } = recorder()
    const given = { ...(await aFailure()), retry_after_seconds: 90 }
    expect(await failAndWake(db.sql, given, start)).toMatchObject({ state: 'pending' })
    expect(calls).toMatchObject([{ path: WORKER, delaySeconds: expect.closeTo(90, -1) }])
  })

  it('keeps the attempt when that call fails', async () => {
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    const refused = async () => {
      throw new Error('connection refused')
    }
    const given = { ...(await aFailure()), retry_after_seconds: 0 }
    expect(await failAndWake(db.sql, given, refused)).toMatchObject({ state: 'pending' })
    told.mockRestore()
    expect(await claim(db.sql, { worker: 'w-2' })).toMatchObject({ id: given.id, attempt: 2 })
  })

  it('calls nobody for a task that is dead', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    const { calls, start } = recorder()
    await failAndWake(db.sql, { id, lease_no, lease_token, code: 'x', message: 'x' }, start)
    expect(calls).toEqual([])
  })
})
