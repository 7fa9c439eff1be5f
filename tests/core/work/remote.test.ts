import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Choice } from '../../../f/hai/core/base/backends.ts'
import { retry } from '../../../f/hai/core/task/change.ts'
import { complete, fail } from '../../../f/hai/core/task/finish.ts'
import { handOver } from '../../../f/hai/core/task/lane.ts'
import { giveBack, heldOf } from '../../../f/hai/core/task/lease.ts'
import { startStep, tellEvent } from '../../../f/hai/core/task/steps.ts'
import { waitingOn } from '../../../f/hai/core/task/waiting.ts'
import { CHANNEL, wake } from '../../../f/hai/core/task/wake.ts'
import {
  claimElsewhere,
  journalStep,
  reserveElsewhere as reserve,
  settleElsewhere as settle,
} from '../../../f/hai/core/work/remote.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aRunningTask, aTask, busySlots, clear, eventTypes, rowOf } from '../../support/factories.ts'
import { setBudget } from '../cost/ledger.ts'

const db = testDatabase()
beforeEach(async () => {
  await clear(db.sql)
  await db.sql`delete from hai.worker`
})

const as = (requester: string) => aCaller(requester === 'guest' ? 'guest' : 'operator')
const claim = (given: Partial<Parameters<typeof claimElsewhere>[1]> = {}) =>
  claimElsewhere(db.sql, { worker: 'nas', sends_token: true, ...given }, as)
const workers = () =>
  db.sql<{ name: string; asleep: boolean }[]>`select name, asleep from hai.worker order by name`

const CLAUDE: Choice = {
  name: 'claude-code',
  backend: {
    kind: 'claude-code',
    url: 'claude',
    billing: 'subscription',
    enabled: true,
    external: true,
    models: {},
  },
  model: 'sonnet',
  context: 200_000,
  reason: 'the test says so',
}

describe('a claim from elsewhere', () => {
  it('answers on the way what needs no model, and hands out the first task that does', async () => {
    const todo = await aTask(db.sql, { content: 'add todo: oil the hinge' })
    const question = await aTask(db.sql, { content: 'why is the sky blue?' })
    const { task, turns, more } = await claim()
    expect({ id: task?.id, turns, more }).toEqual({ id: question, turns: [], more: false })
    expect(await rowOf(db.sql, todo)).toMatchObject({
      state: 'done',
      output: expect.stringContaining('oil the hinge'),
    })
    expect(await busySlots(db.sql)).toBe(1)
  })

  it('brings the turns of the conversation, the asker’s own only', async () => {
    for (const who of ['operator', 'guest']) {
      await aTask(db.sql, { content: `I am ${who}`, conversation_id: `#talk-${who}` }, who)
      const { task } = await claim()
      await complete(db.sql, {
        id: task!.id,
        lease_no: task!.lease_no,
        lease_token: task!.lease_token,
        output: `hello ${who}`,
      })
    }
    await db.sql`update hai.task_queue set conversation_id = '#talk'`
    await aTask(db.sql, { content: 'who am I?', conversation_id: '#talk' })
    const turn = { content: 'I am operator', output: 'hello operator', no: 1 }
    expect((await claim()).turns).toEqual([turn])
  })

  it('brings a chat as it was sent, and nothing of its conversation', async () => {
    const first = await aTask(db.sql, { content: 'why?', conversation_id: '#talk' })
    await complete(db.sql, { ...heldOf((await claim()).task!), output: 'so' })
    const chat = {
      instructions: 'Be brief.',
      turns: [{ role: 'user', content: 'x' }],
      answer: { max_tokens: 5 },
    }
    await aTask(db.sql, { content: 'and now?', conversation_id: first, chat })
    expect(await claim({ reads_chat: true })).toMatchObject({ task: { chat, errand: false }, turns: [] })
  })

  it('brings none to a worker of the release before, which would answer without it', async () => {
    const chat = await aTask(db.sql, { content: 'and now?', chat: {} })
    expect(await claim()).toEqual({ task: null, turns: [], more: false })
    const other = await aTask(db.sql, { content: 'why?' })
    expect((await claim()).task).toMatchObject({ id: other })
    expect((await claim({ reads_chat: true })).task).toMatchObject({ id: chat })
  })

  it('is told of, where a chat waits for it', async () => {
    const { id, ...task } = await aRunningTask(db.sql, { content: 'and now?', chat: {} })
    await handOver(db.sql, { id, ...task }, CLAUDE)
    await claim({ lanes: ['claude-code'] })
    expect(await waitingOn(db.sql, id)).toMatchObject({
      text: 'next for a worker of claude-code that reads chats, which none of the release before does',
    })
  })

  it('has none for an empty queue, and says who asked and whether he sleeps', async () => {
    expect(await claim({ listens: true })).toEqual({ task: null, turns: [], more: false })
    expect(await workers()).toEqual([{ name: 'nas', asleep: true }])
    await aTask(db.sql, { content: 'why?' })
    await claim({ listens: true })
    expect(await workers()).toEqual([{ name: 'nas', asleep: false }])
    expect(await claim({ leaving: true })).toEqual({ task: null, turns: [], more: false })
    expect(await workers()).toEqual([])
  })

  it('stops after some built-in answers and asks to be called again', async () => {
    for (let n = 0; n < 23; n += 1) await aTask(db.sql, { content: 'what is open?' })
    expect(await claim()).toEqual({ task: null, turns: [], more: true })
    expect(await claim()).toEqual({ task: null, turns: [], more: false })
    const [row] = await db.sql`select count(*)::int as done from hai.task_queue where state = 'done'`
    expect(row).toEqual({ done: 23 })
  })

  it('can be given back without using an attempt', async () => {
    const id = await aTask(db.sql, { content: 'why?' })
    const { task } = await claim()
    await giveBack(db.sql, heldOf(task!), 'the machine goes down')
    expect((await claim()).task).toMatchObject({ id, attempt: 1, lease_no: 2 })
    await expect(giveBack(db.sql, { id, lease_no: 1 }, 'late')).rejects.toThrow(/no longer leased/)
  })
})

describe('a sleeping worker', () => {
  it('is woken by new work, and nobody is told when none sleeps', async () => {
    const rings = vi.fn()
    const ear = await db.sql.listen(CHANNEL, rings)
    await aTask(db.sql, { content: 'why?' })
    await wake(db.sql, async () => {})
    const { task } = await claim({ listens: true })
    await complete(db.sql, {
      id: task!.id,
      lease_no: task!.lease_no,
      lease_token: task!.lease_token,
      output: 'so',
    })
    await claim({ listens: true })
    expect(rings).not.toHaveBeenCalled()
    await aTask(db.sql, { content: 'why not?' })
    await wake(db.sql, async () => {})
    await vi.waitFor(() => expect(rings).toHaveBeenCalledTimes(1))
    await ear.unlisten()
  })
})

describe('the lane of a backend that only its own workers reach', () => {
  it('takes a task over with no attempt used, from which only they are served', async () => {
    const held = await aRunningTask(db.sql, { content: 'why?' })
    await handOver(db.sql, held, CLAUDE)
    expect(await rowOf(db.sql, held.id)).toMatchObject({ state: 'pending', lane: 'claude-code' })
    expect((await claim()).task).toBeNull()
    expect(await wake(db.sql, async () => {})).toBeUndefined()
    expect((await claim({ lanes: ['claude-code'] })).task).toMatchObject({ id: held.id, attempt: 1 })
    expect(await eventTypes(db.sql, held.id)).toEqual(['accepted', 'claimed', 'route', 'claimed'])
    await expect(handOver(db.sql, held, CLAUDE)).rejects.toThrow(/no longer leased/)
  })

  it('lets no more run at once than it has slots', async () => {
    for (let n = 0; n < 3; n += 1) {
      const held = await aRunningTask(db.sql, { content: `why ${n}?` })
      await handOver(db.sql, held, CLAUDE)
    }
    const lanes = ['claude-code']
    const claims = [await claim({ lanes }), await claim({ lanes }), await claim({ lanes })]
    expect(claims.map(({ task }) => task !== null)).toEqual([true, true, false])
  })

  it('is left again by a retry', async () => {
    const held = await aRunningTask(db.sql, { content: 'why?' })
    await handOver(db.sql, held, CLAUDE)
    const { task } = await claim({ lanes: ['claude-code'] })
    await fail(db.sql, {
      id: held.id,
      lease_no: task!.lease_no,
      lease_token: task!.lease_token,
      code: 'broken',
      message: 'it broke',
    })
    await retry(db.sql, { id: held.id }, aCaller())
    expect(await rowOf(db.sql, held.id)).toMatchObject({ state: 'pending', lane: 'interactive' })
  })
})

describe('the ledger of calls made elsewhere', () => {
  const call = { call_id: 'c-1', backend: 'openai', model: 'gpt-fake', billing: 'metered' as const }
  const tokens = { input: 1000, output: 300, cache_read: 400, cache_write: null, reasoning: null }

  it('prices a call here, together with its step, and tells it in the history', async () => {
    const models = {
      backends: {
        openai: {
          kind: 'openai-compatible',
          url: 'http://x',
          billing: 'metered',
          models: { 'gpt-fake': { input: 2.5, output: 10, cache_read: 1.25 } },
        },
      },
    }
    await db.sql`insert into hai.config (name, value, hash) values ('models', ${db.sql.json(models)}, 'x')`
    const held = await aRunningTask(db.sql, { content: 'why?' })
    const lease = { id: held.id, lease_no: held.lease_no, lease_token: held.lease_token }
    await startStep(db.sql, { ...lease, call_id: 's-1', name: 'openai/gpt-fake', request: 1 })
    await reserve(db.sql, { ...lease, ...call })
    const usage = { ...call, tokens, ms: 12 }
    await journalStep(db.sql, {
      ...lease,
      call_id: 's-1',
      state: 'finished',
      name: 'step',
      response: 'so',
      usage,
    })
    // 600 × 2.50 + 400 × 1.25 + 300 × 10, per million
    const [row] = await db.sql`select usd::float8 as usd, output from hai.usage where call_id = 'c-1'`
    expect(row).toEqual({ usd: 0.005, output: 300 })
    const [event] = await db.sql`select data from hai.task_event where type = 'step_done'`
    expect(event?.data).toMatchObject({ call_id: 's-1', tokens, usd: 0.005, billing: 'metered' })
  })

  it('settles what was reserved, and nothing else', async () => {
    await expect(settle(db.sql, { ...call, tokens: {}, ms: 1 })).rejects.toThrow(/never reserved/)
    const held = await aRunningTask(db.sql, { content: 'why?' })
    const lease = { id: held.id, lease_no: held.lease_no, lease_token: held.lease_token }
    await expect(reserve(db.sql, { ...lease, ...call })).rejects.toThrow(/openai\/gpt-fake has no price/)
    await setBudget(db.sql, { unknown_price: 'allow' })
    await reserve(db.sql, { ...lease, ...call })
    expect(await settle(db.sql, { ...lease, ...call, tokens, ms: 1 })).toEqual({ call_id: 'c-1', usd: null })
    await expect(settle(db.sql, { ...lease, ...call, tokens: { output: -1 }, ms: 1 })).rejects.toThrow(
      /is settled with 1000 input tokens/,
    )
  })

  it('lets a worker tell of its work only', async () => {
    const held = await aRunningTask(db.sql, { content: 'why?' })
    const lease = { id: held.id, lease_no: held.lease_no, lease_token: held.lease_token }
    await tellEvent(db.sql, { ...lease, type: 'delta', text: 'be', at: 0 })
    await expect(tellEvent(db.sql, { ...lease, type: 'done' as never, text: 'x' })).rejects.toThrow(
      /type: "done"/,
    )
    expect(await eventTypes(db.sql, held.id)).toEqual(['accepted', 'claimed', 'delta'])
  })
})
