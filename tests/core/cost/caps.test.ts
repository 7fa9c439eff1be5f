import { beforeEach, describe, expect, it } from 'vitest'
import { capStates, raiseCap } from '../../../f/hai/core/cost/caps.ts'
import { reserve } from '../../../f/hai/core/cost/reserve.ts'
import { presume, settle } from '../../../f/hai/core/cost/settle.ts'
import { cancel } from '../../../f/hai/core/task/change.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aRunningTask } from '../../support/factories.ts'
import { aCall, callOf, clearLedger, counters, setBudget, spent, tokens } from './ledger.ts'

const db = testDatabase()
const DAY = { day: { per: 'all', period: 'day', usd: 3 } }
beforeEach(async () => {
  await clearLedger(db.sql)
  await setBudget(db.sql, { caps: DAY })
})
const today = () => new Date().toISOString().slice(0, 10)

describe('a reservation', () => {
  it('holds the most that a call can cost until it is settled with what it cost', async () => {
    const task = await aRunningTask(db.sql, { source: 'cli' })
    const call = aCall(1.5)
    await reserve(db.sql, call, task)
    expect(await callOf(db.sql, call)).toMatchObject({
      ...{ state: 'open', bound: 1.5, usd: null },
      ...{ requester: 'operator', source: 'cli', agent: 'general', route: 'openai/gpt-fake' },
    })
    const counter = { cap: 'day', key: '', period: today() }
    expect(await counters(db.sql)).toEqual([{ ...counter, spent: 0, held: 1.5, presumed: 0 }])
    expect(await settle(db.sql, call, spent(0.25))).toBe(0.25)
    expect(await callOf(db.sql, call)).toMatchObject({
      state: 'settled',
      usd: 0.25,
      price_version: 'flat:test',
    })
    expect(await counters(db.sql)).toEqual([{ ...counter, spent: 0.25, held: 0, presumed: 0 }])
  })

  it('is one row however often it is delivered', async () => {
    const call = aCall(1)
    await reserve(db.sql, call)
    await reserve(db.sql, call)
    expect(await counters(db.sql)).toMatchObject([{ held: 1 }])
    await settle(db.sql, call, spent(0.5))
    expect(await settle(db.sql, call, spent(0.5))).toBe(0.5)
    await reserve(db.sql, call)
    expect(await counters(db.sql)).toMatchObject([{ held: 0, spent: 0.5 }])
  })
})

describe('a cap', () => {
  it('refuses a call that does not fit, by name, and writes nothing of it', async () => {
    const first = aCall(2)
    await reserve(db.sql, first)
    await settle(db.sql, first, spent(1.5))
    await reserve(db.sql, aCall(1))
    const call = aCall(0.75)
    const error = await reserve(db.sql, call).catch((error) => error)
    expect(error).toMatchObject({
      code: 'budget',
      details: { cap: 'day', limit: 3, spent: 1.5, held: 1, asked: 0.75, on_cap: 'wait' },
    })
    expect(error.message).toContain(
      'cap day of $3.00 has no room for a call of up to $0.75: $1.50 spent, $1.00 held',
    )
    expect(await callOf(db.sql, call)).toBeUndefined()
    expect(await counters(db.sql)).toMatchObject([{ spent: 1.5, held: 1 }])
  })

  it('lets its last cent be spent', async () => {
    await reserve(db.sql, aCall(3))
    expect(await counters(db.sql)).toMatchObject([{ held: 3 }])
  })

  it('has a call come again soon where only what others hold is in its way, and at its reset where it is spent', async () => {
    const held = aCall(3)
    await reserve(db.sql, held)
    const soon = await reserve(db.sql, aCall(1)).catch((error) => error)
    expect(soon.details.retry_after_seconds).toBeLessThanOrEqual(15)
    await settle(db.sql, held, spent(2.5))
    const later = await reserve(db.sql, aCall(1)).catch((error) => error)
    expect(later.details.resets_at).toBe(
      `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)}T00:00:00.000Z`,
    )
    expect(later.message).toContain(later.details.resets_at)
  })

  it('goes on counting a call whose worker died at the most it can have cost, until a late settle says better', async () => {
    const task = await aRunningTask(db.sql)
    const call = aCall(2)
    await reserve(db.sql, call, task)
    expect(await presume(db.sql)).toBe(0)
    await cancel(db.sql, { id: task.id }, aCaller())
    // its worker may be about to tell
    expect(await presume(db.sql)).toBe(0)
    await db.sql`update hai.task_queue set updated_at = now() - interval '16 seconds' where id = ${task.id}`
    expect(await presume(db.sql)).toBe(0)
    await db.sql`update hai.lease set until = now() - interval '1 second' where task_id = ${task.id}`
    expect(await presume(db.sql)).toBe(1)
    expect(await callOf(db.sql, call)).toMatchObject({ state: 'presumed', ending: 'lost' })
    expect(await counters(db.sql)).toMatchObject([{ spent: 0, held: 0, presumed: 2 }])
    await expect(reserve(db.sql, aCall(1.5))).rejects.toMatchObject({ code: 'budget' })
    expect(await settle(db.sql, call, spent(0.5))).toBe(0.5)
    expect(await counters(db.sql)).toMatchObject([{ spent: 0.5, held: 0, presumed: 0 }])
    expect(await callOf(db.sql, call)).toMatchObject({ state: 'settled', ending: 'answered' })
  })

  it('goes on counting a broken call whose tokens nobody told', async () => {
    const call = aCall(2)
    await reserve(db.sql, call)
    const unknown = { input: null, output: null, cache_read: null, cache_write: null, reasoning: null }
    expect(await settle(db.sql, call, { tokens: unknown, ms: 3, error: 'cut' })).toBeNull()
    expect(await callOf(db.sql, call)).toMatchObject({ state: 'presumed', usd: null, error: 'cut' })
    expect(await counters(db.sql)).toMatchObject([{ held: 0, presumed: 2 }])
  })

  it('adds up by task, agent, requester and source', async () => {
    await setBudget(db.sql, {
      caps: {
        task: { per: 'task', usd: 1 },
        agent_day: { per: 'agent', period: 'day', usd: 2 },
        source_month: { per: 'source', period: 'month', usd: 4 },
        who: { per: 'requester', period: 'month', usd: 8 },
      },
    })
    const task = await aRunningTask(db.sql, { source: 'alerts' })
    await reserve(db.sql, aCall(0.75), task)
    expect(await counters(db.sql)).toEqual([
      { cap: 'agent_day', key: 'general', period: today(), spent: 0, held: 0.75, presumed: 0 },
      { cap: 'source_month', key: 'alerts', period: today().slice(0, 7), spent: 0, held: 0.75, presumed: 0 },
      { cap: 'task', key: task.id, period: '', spent: 0, held: 0.75, presumed: 0 },
      { cap: 'who', key: 'operator', period: today().slice(0, 7), spent: 0, held: 0.75, presumed: 0 },
    ])
    await expect(reserve(db.sql, aCall(0.5), task)).rejects.toMatchObject({
      details: { cap: 'task', key: task.id },
    })
    await reserve(db.sql, aCall(1, { agent: 'other' }))
  })

  it('counts what was spent before it was set', async () => {
    const call = aCall(1)
    await reserve(db.sql, call)
    await settle(db.sql, call, spent(0.75))
    await reserve(db.sql, aCall(0.5))
    await setBudget(db.sql, { caps: { ...DAY, month: { per: 'all', period: 'month', usd: 1.5 } } })
    await expect(reserve(db.sql, aCall(0.5))).rejects.toMatchObject({
      details: { cap: 'month', spent: 0.75, held: 0.5 },
    })
  })

  it('can be raised, until the end of the day', async () => {
    await reserve(db.sql, aCall(3))
    expect(await raiseCap(db.sql, { usd: 2 }, aCaller())).toMatchObject({ cap: 'day', usd: 2, limit: 5 })
    await reserve(db.sql, aCall(2))
    expect(await capStates(db.sql, aCaller())).toMatchObject([
      { cap: 'day', limit: 5, raised: 2, held: 5, left: 0 },
    ])
    await db.sql`update hai.cap_raise set until = now()`
    await expect(reserve(db.sql, aCall(0.1))).rejects.toMatchObject({ details: { limit: 3 } })
    expect(await db.sql`select cap, usd::float8 as usd, by from hai.cap_raise`).toEqual([
      { cap: 'day', usd: 2, by: 'operator' },
    ])
  })

  it('is told of at 50, 80 and 100 %, once each', async () => {
    const told = async () =>
      (await db.sql<{ title: string }[]>`select title from hai.notice order by id`).map(({ title }) => title)
    for (const [usd, titles] of [
      [1.4, []],
      [0.2, ['cap day is at 50 %']],
      [0.1, ['cap day is at 50 %']],
      [0.8, ['cap day is at 50 %', 'cap day is at 80 %']],
      [0.5, ['cap day is at 50 %', 'cap day is at 80 %', 'cap day is reached']],
    ] as const) {
      const call = aCall(usd)
      await reserve(db.sql, call)
      await settle(db.sql, call, spent(usd))
      expect(await told()).toEqual(titles)
    }
    await reserve(db.sql, aCall(1)).catch(() => {})
    expect(await told()).toHaveLength(3)
  })

  it('tells of what one call cost more than was held for it', async () => {
    const call = aCall(2)
    await reserve(db.sql, call)
    await settle(db.sql, call, spent(4))
    expect(await db.sql`select text from hai.notice`).toEqual([
      { text: '$4.00 of $3.00 used, $1.00 more than it allows' },
    ])
  })
})

describe('what is settled', () => {
  it('is fixed: other numbers are a conflict and change nothing', async () => {
    const call = aCall(1)
    await reserve(db.sql, call)
    await settle(db.sql, call, spent(0.5))
    await expect(settle(db.sql, call, spent(0.75))).rejects.toMatchObject({ code: 'conflict' })
    expect(await counters(db.sql)).toMatchObject([{ spent: 0.5 }])
  })

  it('must have been reserved', async () => {
    expect(await settle(db.sql, aCall(1), { tokens: tokens(), ms: 1 })).toBeUndefined()
  })
})
