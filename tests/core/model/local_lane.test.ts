import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Choice } from '../../../f/hai/core/base/backends.ts'
import { tendBackends } from '../../../f/hai/core/model/tend.ts'
import { cancel } from '../../../f/hai/core/task/change.ts'
import { complete } from '../../../f/hai/core/task/finish.ts'
import { setSlots } from '../../../f/hai/core/task/lane.ts'
import { claimableLanes, heldOf } from '../../../f/hai/core/task/lease.ts'
import { sweep } from '../../../f/hai/core/task/sweep.ts'
import { waitingOn } from '../../../f/hai/core/task/waiting.ts'
import { wake } from '../../../f/hai/core/task/wake.ts'
import { TaskAdmission } from '../../../f/hai/core/work/execute.ts'
import { heldTask } from '../../../f/hai/core/work/held_task.ts'
import { type WorkerOptions, work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, aTask, busySlots, claimed, clear, eventTypes, rowOf } from '../../support/factories.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { fakeOpenAi } from '../../support/models/openai.ts'
import { aChoice, anAccess, aShift } from './answering.ts'
import { callsOf } from './records.ts'

const db = testDatabase()
let server: FakeServer
beforeEach(async () => {
  await clear(db.sql)
  server = await fakeOpenAi()
})
afterEach(() => server.stop())

const llama = (given: Partial<Choice['backend']> = {}): Choice => ({
  ...aChoice(server.url, { billing: 'local', ...given }),
  name: 'llama',
})
const shift = (given: Partial<WorkerOptions> = {}, choice = llama()) =>
  aShift(anAccess(choice), { concurrency: 16, ...given })
const ask = (given: Record<string, unknown> = {}) => aTask(db.sql, { content: 'why?', ...given })

/** The most calls that the server saw at one moment. */
const atOnce = () =>
  Math.max(
    ...callsOf(server).map(
      ({ at }) =>
        callsOf(server).filter((one) => one.at <= at && (one.endedAt ?? one.leftAt ?? Infinity) > at).length,
    ),
  )
const laneOf = async (id: string) => {
  const [row] = await db.sql<{ lane: string }[]>`select lane from hai.task_queue where id = ${id}`
  return row!.lane
}

describe('a local model', () => {
  it('is asked one question at a time, and those that wait lose no attempt', async () => {
    server.byDefault({ text: ['Because.'], pause: { headers: 150 } })
    const ids = [await ask(), await ask(), await ask(), await ask({ source: 'alertmanager' })]
    await Promise.all([work(db.sql, shift({ worker: 'w-1' })), work(db.sql, shift({ worker: 'w-2' }))])
    for (const id of ids) expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', attempt: 1 })
    expect(callsOf(server)).toHaveLength(4)
    expect(atOnce()).toBe(1)
    // what an alert asks came last, and a person's question is never behind it
    expect(await laneOf(ids[3]!)).toBe('llama')
    expect(await busySlots(db.sql, 'llama')).toBe(0)
    expect(await busySlots(db.sql)).toBe(0)
  })

  it('takes as many at once as its slots say, also when that is changed', async () => {
    server.byDefault({ text: ['Because.'], pause: { headers: 700 } })
    for (let n = 0; n < 3; n += 1) await ask()
    await work(db.sql, shift({}, llama({ slots: 3 })))
    expect(atOnce()).toBe(3)
    server.calls.length = 0
    server.byDefault({ text: ['Because.'], pause: { headers: 100 } })
    for (let n = 0; n < 3; n += 1) await ask()
    await work(db.sql, shift())
    expect(callsOf(server)).toHaveLength(3)
    expect(atOnce()).toBe(1)
  })

  it('whose slots become fewer while they are held is asked by fewer as soon as these are done', async () => {
    await setSlots(db.sql, 'llama', { billing: 'local', slots: 3 })
    for (let n = 0; n < 4; n += 1) await ask()
    await db.sql`update hai.task_queue set lane = 'llama'`
    const lanes = ['llama']
    const held = [await claimed(db.sql, 'w-1', lanes), await claimed(db.sql, 'w-2', lanes)]
    await setSlots(db.sql, 'llama', { billing: 'local' })
    expect(await claimableLanes(db.sql)).toEqual([])
    await complete(db.sql, { ...heldOf(held[1]!), output: 'so' })
    expect(await claimableLanes(db.sql)).toEqual([])
    await complete(db.sql, { ...heldOf(held[0]!), output: 'so' })
    expect(await claimableLanes(db.sql)).toEqual(lanes)
    await claimed(db.sql, 'w-1', lanes)
    expect(await claimableLanes(db.sql)).toEqual([])
    await setSlots(db.sql, 'llama', { billing: 'local', slots: 2 })
    await claimed(db.sql, 'w-2', lanes)
    expect(await busySlots(db.sql, 'llama')).toBe(2)
  })

  it('is what a task says that it waits for, with its place', async () => {
    server.next('hang')
    const ids = [await ask(), await ask(), await ask()]
    const stop = new AbortController()
    const working = work(db.sql, shift({ signal: stop.signal }))
    await expect.poll(() => laneOf(ids[2]!)).toBe('llama')
    await expect.poll(() => callsOf(server).length).toBe(1)
    expect(await waitingOn(db.sql, ids[2]!)).toMatchObject({
      ...{ code: 'lane_full', text: 'waits for llama, which answers one at a time; position 2' },
    })
    expect((await eventTypes(db.sql, ids[2]!)).at(-1)).toBe('route')
    // nobody needs to be called: whoever holds the slot takes the next one
    const calls: unknown[] = []
    await wake(db.sql, async (...call) => void calls.push(call))
    expect(calls).toEqual([])
    stop.abort()
    await working
    await db.sql`delete from hai.wakeup`
    await wake(db.sql, async (...call) => void calls.push(call))
    expect(calls).toHaveLength(1)
    await work(db.sql, shift())
    for (const id of ids) expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', attempt: 1 })
  })

  it('is free again when the worker that held it is gone, with the lease', async () => {
    server.next('hang')
    const [first, second] = [await ask(), await ask()]
    const stop = new AbortController()
    const working = work(db.sql, shift({ signal: stop.signal }))
    await expect.poll(() => laneOf(second)).toBe('llama')
    await expect.poll(() => callsOf(server).length).toBe(1)
    await db.sql`update hai.lease set lease_no = lease_no + 100, until = now() - interval '1 s'`
    await sweep(db.sql, 60)
    expect(await busySlots(db.sql, 'llama')).toBe(0)
    expect(await claimableLanes(db.sql)).toEqual(['llama'])
    stop.abort()
    await working
    await work(db.sql, shift())
    expect(await rowOf(db.sql, second)).toMatchObject({ state: 'done', attempt: 1 })
    expect(await rowOf(db.sql, first)).toMatchObject({ state: 'done', attempt: 2 })
  })

  it('answers the turns of a conversation one after the other, in their order', async () => {
    const turns = ['one', 'two', 'three']
    for (const content of turns) await ask({ content, conversation_id: '#rack' })
    await ask()
    server.byDefault({ text: ['Because.'], pause: { headers: 50 } })
    await Promise.all([work(db.sql, shift({ worker: 'w-1' })), work(db.sql, shift({ worker: 'w-2' }))])
    const rows = await db.sql<{ content: string; state: string }[]>`
      select content, state from hai.task_queue where conversation_id = '#rack' order by finished_at`
    expect(rows.map(({ content }) => content)).toEqual(turns)
    expect(rows.every(({ state }) => state === 'done')).toBe(true)
    expect(atOnce()).toBe(1)
  })

  it('strands nobody when it is no longer configured: what waits for it chooses anew', async () => {
    server.next('hang')
    const ids = [await ask(), await ask(), await ask({ source: 'alertmanager' })]
    const stop = new AbortController()
    const working = work(db.sql, shift({ signal: stop.signal }))
    await expect.poll(() => laneOf(ids[2]!)).toBe('llama')
    await expect.poll(() => callsOf(server).length).toBe(1)
    await expect.poll(() => laneOf(ids[1]!)).toBe('llama')
    stop.abort()
    await working
    const other = await fakeOpenAi()
    other.byDefault({ text: ['Because.'], pause: { headers: 100 } })
    await db.sql`insert into hai.config (name, value, hash) values ('models', '{}', 'x')`
    await tendBackends(db.sql)
    const metered = aShift(anAccess(aChoice(other.url)), { concurrency: 16 })
    await work(db.sql, metered)
    for (const id of ids) expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', attempt: 1 })
    expect(await laneOf(ids[0]!)).toBe('interactive')
    await tendBackends(db.sql)
    const [left] = await db.sql`select from hai.lane_slot where lane = 'llama'`
    expect(left).toBeUndefined()
    await other.stop()
  })

  it('is asked from here when it is configured so now, though it was left to workers elsewhere', async () => {
    const id = await ask()
    await work(db.sql, shift({}, llama({ external: true })))
    expect(await claimableLanes(db.sql)).toEqual([])
    const models = { backends: { llama: { ...llama().backend, models: { 'gpt-fake': {} } } } }
    await db.sql`insert into hai.config (name, value, hash) values ('models', ${db.sql.json(models as never)}, 'x')`
    await tendBackends(db.sql)
    await work(db.sql, shift())
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', attempt: 1 })
  })

  it('lets a person’s question overtake the flood that came before it, and not what is an hour old', async () => {
    server.next('hang')
    for (let n = 0; n < 6; n += 1) await ask({ source: 'alertmanager', content: `alert ${n}` })
    const stop = new AbortController()
    const working = work(db.sql, shift({ signal: stop.signal }))
    const waiting = async () => {
      const [row] = await db.sql<{ count: number }[]>`
        select count(*)::int as count from hai.task_queue where lane = 'llama' and state = 'pending'`
      return row!.count
    }
    await expect.poll(waiting).toBe(5)
    await expect.poll(() => callsOf(server).length).toBe(1)
    const [old] = await db.sql<{ id: string }[]>`
      select id from hai.task_queue where lane = 'llama' and state = 'pending' order by id desc limit 1`
    await age(db.sql, old!.id, 3700)
    await ask({ content: 'a person' })
    stop.abort()
    await working
    server.byDefault({ text: ['Because.'] })
    await work(db.sql, shift({ concurrency: 1 }))
    const order = await db.sql<{ content: string }[]>`select content from hai.task_queue order by finished_at`
    expect(order.map(({ content }) => content)[0]).not.toBe('a person')
    expect(order.map(({ content }) => content).indexOf('a person')).toBeLessThanOrEqual(2)
  })

  it('is waited for like any other when it is to answer because a cap is full, and left when it is not needed', async () => {
    const [busy, id] = [await ask(), await ask()]
    server.next('hang')
    const stop = new AbortController()
    const working = work(db.sql, shift({ concurrency: 1, signal: stop.signal }))
    await expect.poll(() => callsOf(server).length).toBe(1)
    const task = await claimed(db.sql, 'w-2')
    expect(task.id).toBe(id)
    const admission = new TaskAdmission(
      db.sql,
      task,
      heldTask(db.sql, task, async () => {}),
    )
    expect(await admission.mayAsk(anAccess(aChoice(server.url)))).toBe(true)
    expect(await admission.mayAsk(anAccess(llama()))).toBe(false)
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending', attempt: 1 })
    expect(await laneOf(id)).toBe('llama')
    stop.abort()
    await working
    await cancel(db.sql, { id: busy }, aCaller())
    const again = await claimed(db.sql, 'w-2', ['llama'])
    const next = new TaskAdmission(
      db.sql,
      again,
      heldTask(db.sql, again, async () => {}),
    )
    expect(await next.mayAsk(anAccess(aChoice(server.url)))).toBe(true)
    expect([await busySlots(db.sql, 'llama'), await busySlots(db.sql, 'interactive')]).toEqual([0, 1])
    expect(await next.mayAsk(anAccess(llama()))).toBe(true)
    expect([await busySlots(db.sql, 'llama'), await busySlots(db.sql, 'interactive')]).toEqual([1, 0])
    expect(again.attempt).toBe(1)
  })
})
