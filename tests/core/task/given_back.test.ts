import fc from 'fast-check'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Pool } from '../../../f/hai/core/base/db.ts'
import { complete } from '../../../f/hai/core/task/finish.ts'
import { claim, claimableLanes, LEASE_SECONDS, release } from '../../../f/hai/core/task/lease.ts'
import { sweep } from '../../../f/hai/core/task/sweep.ts'
import { waitingOn } from '../../../f/hai/core/task/waiting.ts'
import { wake } from '../../../f/hai/core/task/wake.ts'
import { type WorkerOptions, work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, aTask, clear, FOR_A_MODEL, onOldServer, rowOf } from '../../support/factories.ts'

const db = testDatabase()
let sql: Pool
beforeAll(async () => {
  sql = await onOldServer(db)
})
beforeEach(async () => {
  await clear(sql)
  await sweep(sql, 5)
})

const heldOf = ({ id, lease_no, lease_token }: { id: string; lease_no: number; lease_token: string }) => ({
  ...{ id, lease_no, lease_token },
})
const LANES = ['builtin', 'interactive', 'batch']

/** A job takes what it gets, and is ended: it hears of it, or is gone at once. Whether it got something. */
async function endedJob(job: { owner?: string; told: boolean }, no: number): Promise<boolean> {
  const owner = job.owner === undefined ? {} : { owner: job.owner }
  const task = await claim(sql, { worker: 'w', lanes: LANES, job_id: `job ${no}`, ...owner })
  if (!task) return false
  if (job.told) await release(sql, heldOf(task), 'its worker was told to stop')
  else {
    await age(sql, task.id, LEASE_SECONDS + 1)
    await sweep(sql, 5, async (id) => id === `job ${no}`)
  }
  return true
}

const shift = (job: Partial<WorkerOptions>): WorkerOptions => ({
  ...{ worker: 'w', jobId: 'job', budgetSeconds: 60, signal: new AbortController().signal },
  ...{ start: async () => {}, principal: () => aCaller(), ...job },
})

describe('who ends his wake-ups again and again', () => {
  it('has another’s task begun three times at most, and costs it no attempt', async () => {
    const job = fc.record({ owner: fc.constantFrom('guest', 'robot', ''), told: fc.boolean() })
    const property = fc.asyncProperty(fc.array(job, { minLength: 4, maxLength: 12 }), async (jobs) => {
      await clear(sql)
      const id = await aTask(sql, { ...FOR_A_MODEL, retry_policy: { max_attempts: 2 } })
      let begun = 0
      for (const [no, one] of jobs.entries()) if (await endedJob(one, no)) begun += 1
      expect(begun).toBe(3)
      expect(await rowOf(sql, id)).toMatchObject({ state: 'pending', attempt: 1 })
      const task = await claim(sql, { worker: 'w', lanes: LANES, owner: 'operator' })
      expect(task).toMatchObject({ id, attempt: 1 })
      await complete(sql, { ...heldOf(task!), output: 'an answer' })
    })
    await fc.assert(property, { numRuns: 15, endOnFailure: true })
  })

  it('keeps no other task from his worker', async () => {
    await aTask(sql, FOR_A_MODEL)
    for (const no of [1, 2, 3]) await endedJob({ owner: 'guest', told: true }, no)
    const his = await aTask(sql, FOR_A_MODEL, 'guest')
    const others = await aTask(sql, FOR_A_MODEL, 'robot')
    const ids = []
    for (const no of [4, 5, 6])
      ids.push((await claim(sql, { worker: `${no}`, lanes: LANES, owner: 'guest' }))?.id)
    expect(ids).toEqual([his, others, undefined])
    expect(await claimableLanes(sql, LANES, { elsewhere: false, owner: 'guest' })).toEqual([])
  })

  it.each([
    ['the operator’s or a schedule’s', { trusted: true }, 1],
    ['its sender’s own', { reader: 'operator' }, 1],
    ['somebody else’s', { reader: 'guest' }, 0],
    ['nobody’s', {}, 0],
  ])('leaves it to a job that is %s, if it is one of those', async (_, job, ran) => {
    const id = await aTask(sql)
    for (const no of [1, 2, 3]) await endedJob({ owner: 'guest', told: no === 2 }, no)
    expect(await work(sql, shift(job))).toEqual({ ran })
    expect((await rowOf(sql, id)).state).toBe(ran === 1 ? 'done' : 'pending')
  })

  it('is named as what the task waits for, and the sweep calls a worker', async () => {
    const id = await aTask(sql)
    for (const no of [1, 2, 3]) await endedJob({ owner: 'guest', told: false }, no)
    expect(await waitingOn(sql, id)).toMatchObject({
      code: 'starting',
      text: expect.stringMatching(
        /^its workers were told to stop or cancelled 3 times; it waits for one that its own sender/,
      ),
    })
    const calls: string[] = []
    await wake(sql, async (path) => void calls.push(path))
    expect(calls).toHaveLength(1)
  })
})

it('who restarts workers elsewhere uses nothing up', async () => {
  const id = await aTask(sql, { ...FOR_A_MODEL, retry_policy: { max_attempts: 1 } })
  for (let no = 0; no < 10; no += 1) {
    const task = await claim(sql, { worker: 'elsewhere', lanes: LANES, elsewhere: true })
    await release(sql, heldOf(task!), 'its worker was told to stop')
  }
  expect(await claim(sql, { worker: 'w', lanes: LANES, owner: 'guest' })).toMatchObject({ id, attempt: 1 })
})

it('who restarts the operator’s workers never ends a task', async () => {
  const id = await aTask(sql, { ...FOR_A_MODEL, retry_policy: { max_attempts: 1 } })
  for (let no = 0; no < 10; no += 1) expect(await endedJob({ told: no % 2 === 0 }, no)).toBe(true)
  expect(await claim(sql, { worker: 'w', lanes: LANES })).toMatchObject({ id, attempt: 1 })
})
