import { beforeEach, describe, expect, it } from 'vitest'
import { enqueue } from '../../../f/hai/core/task/enqueue.ts'
import { complete } from '../../../f/hai/core/task/finish.ts'
import { giveWay } from '../../../f/hai/core/task/give_way.ts'
import { claim, hasClaimable, heartbeat, heldOf } from '../../../f/hai/core/task/lease.ts'
import type { ClaimedTask } from '../../../f/hai/core/task/shape.ts'
import { leave } from '../../../f/hai/core/task/waiter.ts'
import { wake } from '../../../f/hai/core/task/wake.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, claimed, clear, eventTypes, FOR_A_MODEL, rowOf } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(async () => {
  await clear(db.sql)
  await db.sql`delete from hai.lane_slot where lane = 'interactive' and no > 2`
})

let asked = 0
/** A chat's question, or its errand, of which there are no two alike. */
async function ask(chat: object = {}, more: object = {}): Promise<string> {
  asked += 1
  const envelope = { source: 'openwebui', content: `why, for the ${asked}th time?`, ...more }
  return (await enqueue(db.sql, { ...envelope, chat: { waiter: 'w', ...chat } }, { requester: 'operator' }))
    .task_id
}
const errand = async () => {
  const id = await ask({ errand: true, waiter: undefined })
  await age(db.sql, id, 1)
  return id
}
const held = async (put: Promise<string>): Promise<ClaimedTask> => {
  const id = await put
  const task = await claimed(db.sql)
  expect(task.id).toBe(id)
  return task
}
const leaves = (id: string) => leave(db.sql, { id, waiter: 'w' }, aCaller())
const called = async () => {
  let calls = 0
  await db.sql`delete from hai.wakeup`
  await wake(db.sql, async () => {
    calls += 1
  })
  return calls
}

describe('a task that all have left', () => {
  it('gives its place to the next one at once, and no more are ended than are needed', async () => {
    const [one, two] = [await held(ask()), await held(ask())]
    await leaves(one.id)
    await leaves(two.id)
    expect(await giveWay(db.sql)).toBe(0)
    const next = await ask()
    expect(await called()).toBe(1)
    // the one that had done least
    expect([(await rowOf(db.sql, one.id)).state, (await rowOf(db.sql, two.id)).state]).toEqual([
      'running',
      'cancelled',
    ])
    expect(await rowOf(db.sql, two.id)).toMatchObject({
      error: {
        code: 'left',
        message: 'whoever asked left before there was an answer; another task needed its place',
      },
    })
    expect(await eventTypes(db.sql, two.id)).toEqual(['accepted', 'claimed', 'left', 'cancelled'])
    expect((await claimed(db.sql)).id).toBe(next)
    await expect(heartbeat(db.sql, heldOf(two))).rejects.toMatchObject({ code: 'conflict' })
    await heartbeat(db.sql, heldOf(one))
  })

  it('keeps it while another place is free, and where what waits may not be claimed', async () => {
    const one = await held(ask())
    await leaves(one.id)
    const two = await ask()
    expect(await giveWay(db.sql)).toBe(0)
    await claimed(db.sql)
    await leaves(two)
    const waits = await ask()
    await leaves(waits)
    expect(await giveWay(db.sql)).toBe(0)
  })

  it('gives it to an errand too, and to what waits for one model only where that one works', async () => {
    await db.sql`insert into hai.lane_slot (lane, no) values ('llama', 1)`
    const [one, two] = [await held(ask()), await held(ask())]
    for (const { id } of [one, two]) await leaves(id)
    await ask()
    expect(await giveWay(db.sql, ['llama'])).toBe(0)
    await db.sql`update hai.task_queue set lane = 'batch' where state = 'pending'`
    await errand()
    expect(await giveWay(db.sql)).toBe(1)
  })

  it('ends at once when its chat asks on, and only what that caller has left there', async () => {
    const first = await held(ask({}, { conversation_id: '#mine' }))
    const pending = await ask({}, { conversation_id: '#mine' })
    const stays = await ask({}, { conversation_id: '#mine' })
    const elsewhere = await ask({}, { conversation_id: '#another' })
    for (const id of [first.id, pending, elsewhere]) await leaves(id)
    await ask({ errand: true }, { conversation_id: '#mine' })
    expect((await rowOf(db.sql, first.id)).state).toBe('running')
    await ask({}, { conversation_id: '#mine' })
    const states = async (...ids: string[]) =>
      Promise.all(ids.map(async (id) => (await rowOf(db.sql, id)).state))
    expect(await states(first.id, pending, stays, elsewhere)).toEqual([
      'cancelled',
      'cancelled',
      'pending',
      'pending',
    ])
    expect((await rowOf(db.sql, pending)).error?.message).toMatch(/, and then asked anew in this chat$/)
    expect(await db.sql`select from hai.lease`).toHaveLength(0)
  })
})

describe('an errand', () => {
  it('begins a second later, so that the question that comes after it is first', async () => {
    const id = await ask({ errand: true })
    expect(await rowOf(db.sql, id)).toMatchObject({ priority: 'low' })
    expect(await claim(db.sql, { worker: 'w' })).toBeNull()
    const question = await ask()
    await age(db.sql, id, 1.5)
    expect([(await claimed(db.sql)).id, (await claimed(db.sql)).id]).toEqual([question, id])
  })

  it('goes back for a question that finds no place, keeps its attempt, and begins after it', async () => {
    const [first, second] = [await held(errand()), await held(errand())]
    const question = await ask()
    expect(await called()).toBe(1)
    expect((await claimed(db.sql)).id).toBe(question)
    // the one that began last
    expect(await rowOf(db.sql, second.id)).toMatchObject({ state: 'pending', attempt: 1 })
    expect((await rowOf(db.sql, first.id)).state).toBe('running')
    await expect(complete(db.sql, { ...heldOf(second), output: 'late' })).rejects.toMatchObject({
      code: 'conflict',
    })
    await complete(db.sql, { ...heldOf(first), output: 'a title' })
    expect(await claimed(db.sql)).toMatchObject({ id: second.id, attempt: 1, lease_no: 2 })
    expect(await eventTypes(db.sql, second.id)).toEqual(['accepted', 'claimed', 'gave_way', 'claimed'])
  })

  it('goes back for no other errand, and after three times for nobody', async () => {
    await db.sql`delete from hai.lane_slot where lane = 'interactive' and no > 1`
    const { id } = await held(errand())
    await errand()
    expect(await giveWay(db.sql)).toBe(0)
    await db.sql`update hai.task_queue set claim_at = now() + interval '1 day', run_at = now() + interval '1 day' where state = 'pending'`
    for (let n = 1; n <= 4; n += 1) {
      await ask()
      expect(await giveWay(db.sql), `question ${n}`).toBe(n <= 3 ? 1 : 0)
      if (n > 3) break
      const question = await claimed(db.sql)
      await complete(db.sql, { ...heldOf(question), output: 'an answer' })
      expect((await claimed(db.sql)).id).toBe(id)
    }
    expect((await rowOf(db.sql, id)).state).toBe('running')
  })

  it('and one that all have left: the left one is the first to go', async () => {
    const left = await held(ask())
    const { id } = await held(errand())
    await leaves(left.id)
    await ask()
    expect(await giveWay(db.sql)).toBe(1)
    expect((await rowOf(db.sql, id)).state).toBe('running')
    expect(await hasClaimable(db.sql)).toBe(true)
    await ask()
    expect(await giveWay(db.sql)).toBe(1)
    expect((await rowOf(db.sql, id)).state).toBe('pending')
  })

  it('ends no more places than are asked for by two who look at once', async () => {
    for (let n = 0; n < 2; n += 1) await held(errand())
    await ask()
    const ended = await Promise.all([giveWay(db.sql), giveWay(db.sql), giveWay(db.sql)])
    expect(ended.reduce((sum, one) => sum + one)).toBe(1)
  })

  it('of what is no chat there is none', async () => {
    const id = await enqueue(db.sql, { source: 'cli', ...FOR_A_MODEL }, { requester: 'operator' })
    expect((await claimed(db.sql)).id).toBe(id.task_id)
    await held(ask())
    await ask()
    expect(await giveWay(db.sql)).toBe(0)
  })
})
