import { beforeEach, describe, expect, it } from 'vitest'
import { cancel, retry } from '../../../f/hai/core/task/change.ts'
import { complete, fail } from '../../../f/hai/core/task/finish.ts'
import type { ClaimedTask } from '../../../f/hai/core/task/shape.ts'
import { showTask } from '../../../f/hai/core/task/show.ts'
import { finishStep, startStep } from '../../../f/hai/core/task/steps.ts'
import { sweep } from '../../../f/hai/core/task/sweep.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, aRunningTask, claimed, clear, eventTypes, rowOf } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))

const call = { call_id: 'call-1', name: 'fetch the weather', request: { city: 'Bern' } }
const holding = ({ id, lease_no, lease_token }: ClaimedTask) => ({ id, lease_no, lease_token })
const steps = () => db.sql`select call_id, state, lease_no, once from hai.task_step order by call_id`

/** The worker vanishes; another one has the task now. */
async function takenOver(id: string): Promise<ClaimedTask> {
  await age(db.sql, id, 100)
  await sweep(db.sql, 5)
  return claimed(db.sql, 'w-2')
}

describe('startStep', () => {
  it('journals the call before it is made, and tells it', async () => {
    const task = await aRunningTask(db.sql)
    expect(await startStep(db.sql, { ...holding(task), ...call })).toEqual({ state: 'started' })
    expect(await steps()).toEqual([{ call_id: 'call-1', state: 'started', lease_no: 1, once: false }])
    expect(await eventTypes(db.sql, task.id)).toEqual(['accepted', 'claimed', 'step'])
  })

  it('takes the same request that comes twice at one moment for one, as it does the end of it', async () => {
    const task = await aRunningTask(db.sql)
    const twice = <T>(ask: () => Promise<T>) => Promise.all([ask(), ask()])
    const started = { state: 'started' }
    expect(await twice(() => startStep(db.sql, { ...holding(task), ...call }))).toEqual([started, started])
    expect(await steps()).toMatchObject([{ state: 'started' }])
    const done = { ...holding(task), call_id: 'call-1', response: 4 }
    const finished = { state: 'finished', response: 4 }
    expect(await twice(() => finishStep(db.sql, done))).toEqual([finished, finished])
    const types = await eventTypes(db.sql, task.id)
    expect(types.filter((type) => type === 'step_done')).toHaveLength(1)
  })

  it('keeps a password out of the name that is told, and kept', async () => {
    const task = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(task), ...call, name: 'ask http://me:secret@llm.example.com' })
    await finishStep(db.sql, { ...holding(task), call_id: 'call-1', response: 4 })
    const told = await db.sql`
      select text from hai.task_event union all select name from hai.task_step`
    expect(JSON.stringify(told)).toContain('llm.example.com')
    expect(JSON.stringify(told)).not.toContain('secret')
  })

  it('gives a later attempt the response of a finished step, to be used instead of calling', async () => {
    const first = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(first), ...call })
    await finishStep(db.sql, { ...holding(first), call_id: 'call-1', response: { celsius: 4 } })
    const second = await takenOver(first.id)
    expect(await startStep(db.sql, { ...holding(second), ...call })).toEqual({
      state: 'finished',
      response: { celsius: 4 },
    })
    expect(await steps()).toMatchObject([{ state: 'finished', lease_no: 1 }])
  })

  it('starts a step again that its worker left behind, when it may happen twice', async () => {
    const first = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(first), ...call })
    const second = await takenOver(first.id)
    expect(await startStep(db.sql, { ...holding(second), ...call })).toEqual({ state: 'started' })
    expect(await steps()).toMatchObject([{ state: 'started', lease_no: 2 }])
    expect(await finishStep(db.sql, { ...holding(second), call_id: 'call-1', response: 4 })).toEqual({
      state: 'finished',
      response: 4,
    })
  })

  it('refuses a call_id that stands for another request', async () => {
    const task = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(task), ...call })
    await expect(
      startStep(db.sql, { ...holding(task), ...call, request: { city: 'Basel' } }),
    ).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('call-1') })
  })

  it('refuses a call_id that belongs to another task', async () => {
    const task = await aRunningTask(db.sql)
    const other = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(task), ...call })
    await expect(startStep(db.sql, { ...holding(other), ...call })).rejects.toMatchObject({
      code: 'conflict',
    })
  })

  it('refuses who does not hold the task, and writes nothing', async () => {
    const first = await aRunningTask(db.sql)
    const second = await takenOver(first.id)
    await expect(startStep(db.sql, { ...holding(first), ...call })).rejects.toMatchObject({
      code: 'conflict',
      details: { lease_lost: true },
    })
    await cancel(db.sql, { id: second.id }, aCaller())
    await expect(startStep(db.sql, { ...holding(second), ...call })).rejects.toMatchObject({
      code: 'conflict',
    })
    expect(await steps()).toEqual([])
  })

  it('refuses a task whose time ran out, also before a sweep has ended it, and says so', async () => {
    const task = await aRunningTask(db.sql, { ttl_seconds: 60 })
    await db.sql`update hai.task_queue set expires_at = now() - interval '1 s'`
    await expect(startStep(db.sql, { ...holding(task), ...call })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('time ran out'),
    })
    expect(await steps()).toEqual([])
  })
})

describe('a step that may happen only once', () => {
  const once = { ...call, name: 'restart the router', once: true }

  it('is never repeated after a crash: the task ends dead and names the call', async () => {
    const first = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(first), ...once })
    const second = await takenOver(first.id)
    expect(await startStep(db.sql, { ...holding(second), ...once })).toEqual({ state: 'unknown' })
    expect(await rowOf(db.sql, first.id)).toMatchObject({
      state: 'dead',
      error: { code: 'unknown_outcome', message: expect.stringMatching(/restart the router \(call-1\)/) },
    })
    expect(await steps()).toMatchObject([{ state: 'unknown' }])
    expect((await showTask(db.sql, first.id, aCaller())).error?.next_step).toContain(first.id.slice(-6))
  })

  it('stays once when an earlier attempt had not said so', async () => {
    const first = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(first), ...once, once: false })
    const second = await takenOver(first.id)
    await startStep(db.sql, { ...holding(second), ...once })
    const third = await takenOver(first.id)
    expect(await startStep(db.sql, { ...holding(third), ...once })).toEqual({ state: 'unknown' })
  })

  it('is replayed when it had finished', async () => {
    const first = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(first), ...once })
    await finishStep(db.sql, { ...holding(first), call_id: 'call-1', response: 'ok' })
    const second = await takenOver(first.id)
    expect(await startStep(db.sql, { ...holding(second), ...once })).toEqual({
      state: 'finished',
      response: 'ok',
    })
  })

  it('may be asked for again by the same holder, whose request got lost on the way', async () => {
    const task = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(task), ...once })
    expect(await startStep(db.sql, { ...holding(task), ...once })).toEqual({ state: 'started' })
  })

  it('starts and finishes again after a person looked and retried the task', async () => {
    const first = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(first), ...once })
    const second = await takenOver(first.id)
    await startStep(db.sql, { ...holding(second), ...once })
    await retry(db.sql, { id: first.id }, aCaller())
    const third = await claimed(db.sql, 'w-3')
    expect(await startStep(db.sql, { ...holding(third), ...once })).toEqual({ state: 'started' })
    expect(await finishStep(db.sql, { ...holding(third), call_id: 'call-1', response: 'ok' })).toEqual({
      state: 'finished',
      response: 'ok',
    })
    expect(await complete(db.sql, { ...holding(third), output: 'restarted' })).toEqual({ state: 'done' })
  })

  it('crashed again after that retry, is unknown again', async () => {
    const first = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(first), ...once })
    await startStep(db.sql, { ...holding(await takenOver(first.id)), ...once })
    await retry(db.sql, { id: first.id }, aCaller())
    await startStep(db.sql, { ...holding(await claimed(db.sql)), ...once })
    const fourth = await takenOver(first.id)
    expect(await startStep(db.sql, { ...holding(fourth), ...once })).toEqual({ state: 'unknown' })
  })
})

describe('finishStep', () => {
  it('journals the response and how long it took', async () => {
    const task = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(task), ...call })
    await finishStep(db.sql, { ...holding(task), call_id: 'call-1', response: [1] })
    const { steps, events } = await showTask(db.sql, task.id, aCaller())
    expect(steps).toMatchObject([{ call_id: 'call-1', state: 'finished', finished_at: expect.any(String) }])
    expect(events.at(-1)).toMatchObject({ type: 'step_done', data: { ms: expect.any(Number) } })
  })

  it('may be told twice: the first response stays', async () => {
    const task = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(task), ...call })
    await finishStep(db.sql, { ...holding(task), call_id: 'call-1', response: 1 })
    const again = await finishStep(db.sql, { ...holding(task), call_id: 'call-1', response: 2 })
    expect(again).toEqual({ state: 'finished', response: 1 })
    expect(await eventTypes(db.sql, task.id)).toEqual(['accepted', 'claimed', 'step', 'step_done'])
  })

  it('refuses a step that was not started', async () => {
    const task = await aRunningTask(db.sql)
    await expect(finishStep(db.sql, { ...holding(task), call_id: 'call-9' })).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('call-9'),
    })
  })

  it('refuses a step of another task', async () => {
    const task = await aRunningTask(db.sql)
    const other = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(task), ...call })
    await expect(finishStep(db.sql, { ...holding(other), call_id: 'call-1' })).rejects.toMatchObject({
      code: 'not_found',
    })
    expect(await steps()).toMatchObject([{ state: 'started' }])
  })

  it('refuses who lost the task, and keeps the step started', async () => {
    const task = await aRunningTask(db.sql)
    await startStep(db.sql, { ...holding(task), ...call })
    await fail(db.sql, { ...holding(task), code: 'x', message: 'x' })
    await expect(finishStep(db.sql, { ...holding(task), call_id: 'call-1' })).rejects.toMatchObject({
      code: 'conflict',
    })
    expect(await steps()).toMatchObject([{ state: 'started' }])
  })
})
