import { beforeEach, describe, expect, it } from 'vitest'
import { reserve } from '../../../f/hai/core/cost/reserve.ts'
import { settle } from '../../../f/hai/core/cost/settle.ts'
import { windowStates } from '../../../f/hai/core/cost/windows.ts'
import { testDatabase } from '../../support/database.ts'
import { aRunningTask } from '../../support/factories.ts'
import { aCall, clearLedger, setBudget, tokens } from './ledger.ts'

const db = testDatabase()
beforeEach(() => clearLedger(db.sql))

const aSubscribed = (most = { input: 100, output: 100 }) =>
  aCall(0, { backend: 'claude-code', billing: 'subscription', most })
const window = (limits: object) => ({ claude_5h: { backend: 'claude-code', hours: 5, ...limits } })

describe('a window of a subscription', () => {
  it('lets so many calls through, and says when the oldest leaves it', async () => {
    await setBudget(db.sql, { caps: {}, windows: window({ calls: 2 }) })
    await reserve(db.sql, aSubscribed(), undefined, new Date(Date.now() - 4 * 3_600_000))
    await reserve(db.sql, aSubscribed())
    const error = await reserve(db.sql, aSubscribed()).catch((error) => error)
    expect(error.message).toMatch(
      /^window claude_5h of claude-code has no room: 2 of 2 calls used in 5 h; the oldest/,
    )
    expect(error.details.retry_after_seconds).toBeGreaterThan(3500)
    expect(error.details.retry_after_seconds).toBeLessThanOrEqual(3600)
    await reserve(db.sql, aCall(0, { backend: 'other', billing: 'subscription' }))
    await db.sql`update hai.usage set at = at - interval '1 hour'`
    await reserve(db.sql, aSubscribed())
  })

  it('holds the tokens that a call can come to, and counts those that it came to', async () => {
    await setBudget(db.sql, { caps: {}, windows: window({ tokens: 500 }) })
    const call = aSubscribed()
    await reserve(db.sql, call)
    await reserve(db.sql, aSubscribed())
    await expect(reserve(db.sql, aSubscribed())).rejects.toMatchObject({ code: 'budget' })
    await settle(db.sql, call, { tokens: tokens({ input: 60, cache_read: 50, output: 10 }), ms: 1 })
    await reserve(db.sql, aSubscribed())
    expect(await windowStates(db.sql)).toMatchObject([
      {
        window: 'claude_5h',
        calls: 3,
        tokens: 420,
        limit_tokens: 500,
        limit_calls: null,
        reported_left: null,
      },
    ])
  })

  it('keeps a share for a person who waits', async () => {
    await setBudget(db.sql, { caps: {}, windows: window({ calls: 2, reserve_interactive: 0.5 }) })
    const machine = await aRunningTask(db.sql, { source: 'alertmanager' })
    const person = await aRunningTask(db.sql, { source: 'cli' })
    await reserve(db.sql, aSubscribed(), machine)
    await expect(reserve(db.sql, aSubscribed(), machine)).rejects.toThrow('50 % of it kept for a person')
    await reserve(db.sql, aSubscribed(), person)
    await expect(reserve(db.sql, aSubscribed(), person)).rejects.toMatchObject({ code: 'budget' })
  })

  it('is never overshot by calls at the same moment', async () => {
    await setBudget(db.sql, { caps: {}, windows: window({ calls: 5 }) })
    const made = await Promise.allSettled(Array.from({ length: 20 }, () => reserve(db.sql, aSubscribed())))
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
  })

  it('is shown where the budget sets none: five hours and a week', async () => {
    await setBudget(db.sql, { caps: {} })
    await reserve(db.sql, aSubscribed())
    expect(await windowStates(db.sql)).toMatchObject([
      { window: '5h', backend: 'claude-code', calls: 1, limit_calls: null },
      { window: 'week', backend: 'claude-code', calls: 1, limit_calls: null },
    ])
  })
})
