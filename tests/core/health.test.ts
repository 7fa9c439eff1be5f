import { beforeEach, describe, expect, it } from 'vitest'
import { CONTRACT, SCHEMA_VERSION } from '../../f/hai/core/base/contract.ts'
import { health } from '../../f/hai/core/health.ts'
import { SWEEP, sweep } from '../../f/hai/core/task/sweep.ts'
import { left, seen } from '../../f/hai/core/task/wake.ts'
import { testDatabase } from '../support/database.ts'
import { age, anEndedTask, aRunningTask, aTask, claimed, clear, FOR_A_MODEL } from '../support/factories.ts'

const db = testDatabase()
beforeEach(async () => {
  await clear(db.sql)
})

describe('health', () => {
  it('finds nothing wrong with an empty queue', async () => {
    expect(await health(db.sql)).toEqual({
      ok: true,
      contract: CONTRACT,
      schema: { version: SCHEMA_VERSION, expected: SCHEMA_VERSION },
      queue: {
        pending: 0,
        due: 0,
        running: 0,
        awaiting_approval: 0,
        dead_24h: 0,
        oldest_due_seconds: null,
        next_due_at: null,
      },
      lanes: [
        { lane: 'batch', slots: 2, busy: 0 },
        { lane: 'builtin', slots: 8, busy: 0 },
        { lane: 'interactive', slots: 4, busy: 0 },
      ],
      pulses: [],
      backends: [],
      workers: [],
      problems: [],
      drift: [],
      guards: [],
    })
  })

  it('counts the queue', async () => {
    await anEndedTask(db.sql, 'dead')
    await aRunningTask(db.sql, FOR_A_MODEL)
    await age(db.sql, await aTask(db.sql), 90)
    const later = await aTask(db.sql)
    await db.sql`
      update hai.task_queue set run_at = now() + interval '60 s', claim_at = now() + interval '60 s' where id = ${later}`
    const { queue, lanes } = await health(db.sql)
    expect(queue).toMatchObject({
      pending: 2,
      due: 1,
      running: 1,
      dead_24h: 1,
      next_due_at: expect.any(String),
    })
    expect(queue.oldest_due_seconds).toBeGreaterThanOrEqual(90)
    expect(lanes).toContainEqual({ lane: 'interactive', slots: 4, busy: 1 })
  })

  it('names a schedule that stopped', async () => {
    await sweep(db.sql, 60)
    expect(await health(db.sql)).toMatchObject({ ok: true, pulses: [{ name: SWEEP, late: false }] })
    await db.sql`update hai.pulse set last_at = now() - interval '10 minutes'`
    const { ok, problems } = await health(db.sql)
    expect(ok).toBe(false)
    expect(problems).toEqual([expect.stringMatching(/f\/hai\/worker\/sweep last ran .*every 60 s.*schedule/)])
  })

  it('names a tag that nobody serves, when work waits for it', async () => {
    await aTask(db.sql)
    await db.sql`insert into hai.wakeup (no, job_id, called_at) values (1, 'job-1', now() - interval '25 s')`
    const { ok, problems } = await health(db.sql)
    expect(ok).toBe(false)
    expect(problems).toEqual([expect.stringContaining('hai-work')])
  })

  it('names a lane of workers elsewhere in which tasks wait and no worker lives, and only then', async () => {
    await db.sql`insert into hai.lane_slot (lane, no, elsewhere) values ('claude-code', 1, true)`
    expect(await health(db.sql)).toMatchObject({ ok: true, workers: [] })
    await aTask(db.sql)
    await db.sql`update hai.task_queue set lane = 'claude-code'`
    expect((await health(db.sql)).problems).toEqual([
      expect.stringMatching(
        /^1 task waits for a worker of claude-code .*hai worker run --backend claude-code/,
      ),
    ])
    await seen(db.sql, { worker: 'nas', lanes: ['claude-code'], asleep: false })
    expect(await health(db.sql)).toMatchObject({
      ...{ ok: true, workers: [{ name: 'nas', lanes: ['claude-code'], seen_at: expect.any(String) }] },
    })
    await left(db.sql, 'nas')
    await claimed(db.sql, 'nas', ['claude-code'])
    expect(await health(db.sql)).toMatchObject({ ok: true })
  })

  it('does not complain of a call that got lost while nothing waits', async () => {
    await db.sql`insert into hai.wakeup (no, job_id, called_at) values (1, 'job-1', now() - interval '1 day')`
    expect(await health(db.sql)).toMatchObject({ ok: true, problems: [] })
  })
})
