import { beforeEach, describe, expect, it } from 'vitest'
import { endpointOf } from '../../../f/hai/core/task/backend.ts'
import { cancel } from '../../../f/hai/core/task/change.ts'
import { complete, fail } from '../../../f/hai/core/task/finish.ts'
import { admit, handOver, setSlots } from '../../../f/hai/core/task/lane.ts'
import { giveBack, type Held, heartbeat, heldOf } from '../../../f/hai/core/task/lease.ts'
import { listTasks } from '../../../f/hai/core/task/list.ts'
import { showTask, taskEvents } from '../../../f/hai/core/task/show.ts'
import { finishStep, startStep, tellEvent } from '../../../f/hai/core/task/steps.ts'
import { sweep } from '../../../f/hai/core/task/sweep.ts'
import {
  claimElsewhere,
  journalStep,
  reserveElsewhere as reserve,
  settleElsewhere as settle,
} from '../../../f/hai/core/work/remote.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, aRunningTask, busySlots, claimed, clear, rowOf } from '../../support/factories.ts'
import { aChoice, anAccess } from '../model/answering.ts'

const db = testDatabase()
beforeEach(async () => {
  await clear(db.sql)
})

const CALL = { call_id: 'c', backend: 'llama', model: 'm', billing: 'local' as const }
const USAGE = { ...CALL, tokens: { input: 1, output: 1 }, ms: 1 }
const STEP = { call_id: 's', name: 'llama/m' }
const choice = aChoice('http://127.0.0.1:1', { billing: 'local' })
const endpoint = endpointOf(anAccess(choice))

/** All that a holder may do; each is right for who has the task's secret. */
const WRITES: [what: string, write: (held: Held) => Promise<unknown>][] = [
  ['a heartbeat', (held) => heartbeat(db.sql, held)],
  ['what is given back', (held) => giveBack(db.sql, held, 'stopped')],
  ['an answer', (held) => complete(db.sql, { ...held, output: 'forged', route: 'llama/m' })],
  ['a failure', (held) => fail(db.sql, { ...held, code: 'x', message: 'x' })],
  ['an event', (held) => tellEvent(db.sql, { ...held, type: 'delta', text: 'forged', at: 0 })],
  ['a step begun', (held) => startStep(db.sql, { ...held, ...STEP, call_id: 'another' })],
  ['a step answered', (held) => finishStep(db.sql, { ...held, ...STEP, response: 'forged' })],
  ['a journaled step', (held) => journalStep(db.sql, { ...held, ...STEP, state: 'finished', usage: USAGE })],
  ['a call to be paid', (held) => reserve(db.sql, { ...held, ...CALL, call_id: 'd' })],
  ['the same call again', (held) => reserve(db.sql, { ...held, ...CALL })],
  ['what a call came to', (held) => settle(db.sql, { ...held, ...USAGE })],
  ['a place in a lane', (held) => admit(db.sql, { ...at, ...held } as typeof at & Held, choice, endpoint)],
  ['a task handed over', (held) => handOver(db.sql, held, choice)],
]
const at = { lease_token: '', lane: 'interactive', source: 'cli' }

/** A task whose step and call are open. */
async function atWork() {
  await setSlots(db.sql, choice.name, choice.backend)
  const task = await aRunningTask(db.sql, { content: 'why?' })
  await startStep(db.sql, { ...heldOf(task), ...STEP })
  await reserve(db.sql, { ...heldOf(task), ...CALL })
  return task
}

async function everything() {
  const [row] = await db.sql`
    select (select jsonb_agg(t order by id) from hai.task_queue t) as tasks,
      (select jsonb_agg(l) from hai.lease l) as leases, (select jsonb_agg(s order by lane, no) from hai.lane_slot s) as slots,
      (select jsonb_agg(e order by seq) from hai.task_event e) as events,
      (select jsonb_agg(s order by call_id) from hai.task_step s) as steps,
      (select jsonb_agg(u order by call_id) from hai.usage u) as calls`
  return row
}

const refusal = (write: Promise<unknown>) =>
  write.then(
    () => 'accepted',
    ({ code, details }) => ({ code, details }),
  )

describe('a lease', () => {
  it.each(WRITES)('takes %s from who claimed', async (_, write) => {
    expect(await refusal(write({ ...heldOf(await atWork()) }))).toBe('accepted')
  })

  it.each(WRITES)(
    'refuses %s without its secret as if it were lost, and nothing changes',
    async (_, write) => {
      const task = await atWork()
      const { id, lease_no } = task
      const another = heldOf(await aRunningTask(db.sql, { content: 'and why?' }, 'w-2'))
      const before = await everything()
      for (const lease_token of [undefined, '', 'guessed', another.lease_token, `${task.lease_token} `]) {
        expect(await refusal(write({ id, lease_no, lease_token }))).toMatchObject({ code: 'conflict' })
      }
      expect(await everything()).toEqual(before)
    },
  )

  it('says the same to a number that is late as to a secret that is wrong', async () => {
    const { id, lease_no, lease_token } = await atWork()
    const [wrong, late] = await Promise.all([
      heartbeat(db.sql, { id, lease_no, lease_token: 'guessed' }).catch((error) => error),
      heartbeat(db.sql, { id, lease_no: lease_no + 1, lease_token }).catch((error) => error),
    ])
    expect(wrong.details).toEqual(late.details)
    expect(wrong.message).toBe(late.message.replace('number 2', 'number 1'))
  })

  it('keeps the slot of a cancelled task until its holder hears of it, not until anybody asks', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    await cancel(db.sql, { id }, aCaller())
    await expect(heartbeat(db.sql, { id, lease_no, lease_token: 'guessed' })).rejects.toThrow(/no longer/)
    expect(await busySlots(db.sql)).toBe(1)
    await expect(heartbeat(db.sql, { id, lease_no, lease_token })).rejects.toThrow(/no longer/)
    expect(await busySlots(db.sql)).toBe(0)
  })

  it('tells its secret to nobody else, and the database has its digest only', async () => {
    const task = await atWork()
    const shown = [
      await showTask(db.sql, task.id, aCaller()),
      await taskEvents(db.sql, { id: task.id }, aCaller()),
      await listTasks(db.sql, {}, aCaller()),
    ]
    expect(task.lease_token).toMatch(/^[\w-]{32}$/)
    expect(JSON.stringify(shown)).not.toMatch(/token_digest|lease_token/)
    expect(JSON.stringify([shown, await everything()])).not.toContain(task.lease_token)
  })

  it('goes on without a secret, until it ends, when the release before gave it', async () => {
    const { id, lease_no } = await atWork()
    await db.sql`update hai.lease set token_digest = null`
    await db.sql`update hai.usage set token_digest = null`
    await heartbeat(db.sql, { id, lease_no })
    await journalStep(db.sql, { id, lease_no, ...STEP, state: 'finished', response: 'so', usage: USAGE })
    await age(db.sql, id, 100)
    await sweep(db.sql, 5)
    await claimed(db.sql, 'w-2')
    await expect(complete(db.sql, { id, lease_no: 2, output: 'x' })).rejects.toMatchObject({
      code: 'conflict',
    })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'running', output: null })
  })

  it('is not given to a worker elsewhere that would not send the secret', async () => {
    await aRunningTask(db.sql, { content: 'why?' })
    await db.sql`update hai.task_queue set state = 'pending'`
    const before = await everything()
    await expect(claimElsewhere(db.sql, { worker: 'old' }, () => aCaller())).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('update hai where it runs'),
    })
    expect(await everything()).toEqual(before)
  })
})

describe('a lost lease', () => {
  async function lost() {
    const first = await atWork()
    await age(db.sql, first.id, 100)
    await sweep(db.sql, 5)
    return first
  }
  const late = (held: Held, call_id = 's') =>
    journalStep(db.sql, { ...held, call_id, state: 'finished', response: 'late' }).catch(() => {})
  const journal = async () => (await db.sql`select state, response from hai.task_step where call_id = 's'`)[0]

  it('lets its holder journal what it asked, also when the next one has asked again', async () => {
    const first = await lost()
    const second = await claimed(db.sql, 'w-2')
    await startStep(db.sql, { ...heldOf(second), ...STEP })
    await late(heldOf(first))
    expect(await journal()).toEqual({ state: 'finished', response: 'late' })
  })

  it.each<[string, (held: Held) => Held]>([
    ['without the secret', ({ id, lease_no }) => ({ id, lease_no })],
    ['with another secret', (held) => ({ ...held, lease_token: 'guessed' })],
  ])('lets nobody do so %s', async (_, forged) => {
    const first = await lost()
    await late(forged(heldOf(first)))
    await claimed(db.sql, 'w-2')
    await late(forged(heldOf(first)))
    expect(await journal()).toEqual({ state: 'started', response: null })
  })

  it('lets its holder journal no step that only the next one began', async () => {
    const first = await lost()
    const second = await claimed(db.sql, 'w-2')
    await startStep(db.sql, { ...heldOf(second), call_id: 'next', name: 'llama/m' })
    await late(heldOf(first), 'next')
    const [step] = await db.sql`select state from hai.task_step where call_id = 'next'`
    expect(step).toEqual({ state: 'started' })
  })

  it('lets its holder say what its call came to, and nobody else', async () => {
    const first = await lost()
    const second = await claimed(db.sql, 'w-2')
    await expect(settle(db.sql, { ...heldOf(second), ...USAGE })).rejects.toMatchObject({ code: 'conflict' })
    await settle(db.sql, { ...heldOf(first), ...USAGE })
    const [call] = await db.sql`select input, ending from hai.usage where call_id = 'c'`
    expect(call).toEqual({ input: 1, ending: 'answered' })
  })
})
