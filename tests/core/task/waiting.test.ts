import { beforeEach, describe, expect, it } from 'vitest'
import { fail } from '../../../f/hai/core/task/finish.ts'
import { waitingOn } from '../../../f/hai/core/task/waiting.ts'
import { seen, wake } from '../../../f/hai/core/task/wake.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import {
  aCaller,
  age,
  anEndedTask,
  aRunningTask,
  aTask,
  claimed,
  clear,
  FOR_A_MODEL,
} from '../../support/factories.ts'

const db = testDatabase()
beforeEach(async () => {
  await clear(db.sql)
})

describe('waitingOn', () => {
  it('says that a worker has been called', async () => {
    const id = await aTask(db.sql)
    await wake(db.sql, async () => {})
    expect(await waitingOn(db.sql, id)).toMatchObject({ code: 'starting', since: expect.any(String) })
  })

  it('says nothing of a task that ended, or whose worker is alive', async () => {
    expect(await waitingOn(db.sql, await anEndedTask(db.sql, 'done'))).toBeNull()
    expect(await waitingOn(db.sql, (await aRunningTask(db.sql)).id)).toBeNull()
    expect(await waitingOn(db.sql, '01HZY5T2M3N4P5Q6R7S8T90011')).toBeNull()
  })

  it('says which place it has in a lane that is full', async () => {
    for (let n = 0; n < 4; n += 1) await aRunningTask(db.sql, FOR_A_MODEL)
    const [first, second] = [await aTask(db.sql, FOR_A_MODEL), await aTask(db.sql, FOR_A_MODEL)]
    expect(await waitingOn(db.sql, first)).toMatchObject({
      code: 'lane_full',
      text: 'lane interactive is full (4 running), position 1',
    })
    expect((await waitingOn(db.sql, second))?.text).toContain('position 2')
  })

  it('says which place it has behind others', async () => {
    await aTask(db.sql, { ...FOR_A_MODEL, priority: 'urgent' })
    await aTask(db.sql, { source: 'alertmanager' })
    const id = await aTask(db.sql, FOR_A_MODEL)
    expect(await waitingOn(db.sql, id)).toMatchObject({
      code: 'behind',
      text: 'position 2 in lane interactive',
    })
  })

  it('says when the next attempt comes, and after which error', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    await fail(db.sql, {
      id,
      lease_no,
      lease_token,
      code: 'x',
      message: 'connection refused',
      retryable: true,
      retry_after_seconds: 240,
    })
    const waiting = await waitingOn(db.sql, id)
    expect(waiting).toMatchObject({ code: 'retry', text: 'retry in 240 s after “connection refused”' })
    expect(Date.parse(waiting!.until!) - Date.now()).toBeGreaterThan(230_000)
  })

  it('says when a task starts that was set for later', async () => {
    const id = await aTask(db.sql)
    await db.sql`update hai.task_queue set run_at = now() + interval '60 s', claim_at = now() + interval '60 s'`
    expect(await waitingOn(db.sql, id)).toMatchObject({
      code: 'scheduled',
      text: expect.stringMatching(/^starts in (59|60) s$/),
    })
  })

  it('says for how long a worker has been silent', async () => {
    const { id } = await aRunningTask(db.sql)
    await age(db.sql, id, 12)
    expect(await waitingOn(db.sql, id)).toMatchObject({
      code: 'worker_silent',
      until: expect.any(String),
      text: expect.stringMatching(/^its worker w-1 has been silent for 1[23] s/),
    })
  })

  it('says that nobody answers calls, once they are 20 s old', async () => {
    const id = await aTask(db.sql)
    await wake(db.sql, async () => {})
    await db.sql`update hai.wakeup set called_at = now() - interval '25 s'`
    expect(await waitingOn(db.sql, id)).toMatchObject({
      code: 'no_worker',
      text: expect.stringMatching(/2[56] s/),
      next_step: 'hai doctor',
    })
  })

  it('does not call a lost call of long ago a missing worker, when one has worked since', async () => {
    const lost = await aTask(db.sql)
    await wake(db.sql, async () => {})
    await db.sql`update hai.wakeup set called_at = now() - interval '10 minutes'`
    const shift = { worker: 'w-1', jobId: 'job-1', budgetSeconds: 5, signal: new AbortController().signal }
    await work(db.sql, { ...shift, principal: () => aCaller(), start: async () => {} })
    expect(await waitingOn(db.sql, lost)).toBeNull()
    expect(await waitingOn(db.sql, await aTask(db.sql))).toMatchObject({ code: 'starting' })
  })

  it('says that a lane of workers elsewhere has none, whatever becomes of calls for others', async () => {
    await db.sql`insert into hai.lane_slot (lane, no, elsewhere) select 'claude-code', generate_series(1, 2), true`
    const [id, next] = [await aTask(db.sql), await aTask(db.sql)]
    await db.sql`update hai.task_queue set lane = 'claude-code'`
    await db.sql`insert into hai.wakeup (no, job_id, called_at) values (1, 'job-1', now() - interval '1 h')`
    expect(await waitingOn(db.sql, id)).toMatchObject({
      code: 'worker_absent',
      text: 'waits for a worker of claude-code; none has been heard of',
      next_step: 'where its login is: hai worker run --backend claude-code',
    })
    await seen(db.sql, { worker: 'nas', lanes: ['claude-code'], asleep: true })
    expect(await waitingOn(db.sql, id)).toMatchObject({
      ...{ code: 'starting', text: 'next for a worker of claude-code' },
    })
    await db.sql`update hai.worker set seen_at = now() - interval '10 minutes'`
    expect((await waitingOn(db.sql, id))?.text).toBe(
      'waits for a worker of claude-code; none has been heard of for 10 min',
    )
    // it works, and asks for nothing meanwhile
    await claimed(db.sql, 'nas', ['claude-code'])
    expect(await waitingOn(db.sql, next)).toMatchObject({ code: 'starting' })
  })

  it('asks for a decision where one is missing', async () => {
    const { id } = await aRunningTask(db.sql)
    await db.sql`update hai.task_queue set state = 'awaiting_approval'`
    expect(await waitingOn(db.sql, id)).toMatchObject({
      code: 'approval',
      next_step: `to give it up: hai task cancel ${id.slice(-6)}`,
    })
  })
})
