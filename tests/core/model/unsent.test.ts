import { createServer } from 'node:net'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Choice } from '../../../f/hai/core/base/backends.ts'
import { reserve } from '../../../f/hai/core/cost/reserve.ts'
import { settle } from '../../../f/hai/core/cost/settle.ts'
import { windowStates } from '../../../f/hai/core/cost/windows.ts'
import { heldOf } from '../../../f/hai/core/task/lease.ts'
import { settleElsewhere } from '../../../f/hai/core/work/remote.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aRunningTask, aTask, rowOf } from '../../support/factories.ts'
import { fakeOpenAi } from '../../support/models/openai.ts'
import { aCall, callOf, clearLedger, counters, setBudget, spent, tokens } from '../cost/ledger.ts'
import { aChoice, anAccess, aShift } from './answering.ts'
import { usageOf } from './records.ts'

const db = testDatabase()
beforeEach(async () => {
  await clearLedger(db.sql)
  await db.sql`delete from hai.endpoint`
  await setBudget(db.sql, {})
})

/** An address at which nothing listens. */
async function nowhere(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}

const claude = aChoice('http://claude', { kind: 'claude-code', billing: 'subscription' })

/** Asks once, and gives what was written down of calls. */
async function asked(choice: Choice) {
  const id = await aTask(db.sql, { content: 'why?', retry_policy: { max_attempts: 1 } })
  await work(db.sql, aShift(anAccess(choice)))
  return { task: await rowOf(db.sql, id), usage: await usageOf(db.sql, id) }
}

const heldNow = async () =>
  (await counters(db.sql)).filter(({ held, presumed }) => held !== 0 || presumed !== 0)

describe('a call that was never made', () => {
  it('is no call of a subscription whose program is missing', async () => {
    vi.stubEnv('PATH', '/nowhere')
    const { task, usage } = await asked(claude)
    vi.unstubAllEnvs()
    expect(task.error).toMatchObject({ code: 'missing' })
    expect(usage).toEqual([])
    expect(await windowStates(db.sql)).toEqual([])
  })

  it.each([
    ['where nothing listens', nowhere],
    ['where no TLS is spoken', async () => 'https://127.0.0.1:'],
  ])('is none of a metered server %s', async (_, address) => {
    const plain = await fakeOpenAi()
    const url = (await address()).replace(/:$/, `:${new URL(plain.url).port}`)
    const { usage } = await asked(aChoice(url))
    await plain.stop()
    expect(usage).toEqual([])
    expect(await heldNow()).toEqual([])
  })

  it('stays unknown where it may have been made: the connection broke', async () => {
    const server = await fakeOpenAi()
    server.next('cut')
    const { usage } = await asked(aChoice(server.url))
    await server.stop()
    expect(usage).toMatchObject([{ ending: 'failed', at_least: true }])
  })

  it.each(['open', 'presumed'])(
    'gives its hold back when it is %s, and takes nothing that was spent',
    async (state) => {
      const call = aCall(1)
      await reserve(db.sql, call)
      if (state === 'presumed') await settle(db.sql, call, { tokens: { ...tokens(), output: null }, ms: 1 })
      expect(await settle(db.sql, call, { tokens: tokens(), ms: 1, unsent: true })).toBeNull()
      expect(await callOf(db.sql, call)).toBeUndefined()
      expect(await heldNow()).toEqual([])
      const made = aCall(1)
      await reserve(db.sql, made)
      await settle(db.sql, made, spent(0.5))
      await settle(db.sql, made, { tokens: tokens(), ms: 1, unsent: true })
      expect(await callOf(db.sql, made)).toMatchObject({ state: 'settled', usd: 0.5 })
    },
  )

  it('may be told twice from elsewhere, by its own holder only', async () => {
    const held = heldOf(await aRunningTask(db.sql))
    const call = aCall(1)
    await reserve(db.sql, call, held)
    const { call_id, backend, model, billing } = call
    const unsent = { call_id, backend, model, billing, tokens: tokens(), ms: 1, unsent: true }
    await expect(
      settleElsewhere(db.sql, { ...unsent, ...held, lease_token: 'another' }),
    ).rejects.toMatchObject({ code: 'conflict' })
    for (const _ of [1, 2])
      expect(await settleElsewhere(db.sql, { ...unsent, ...held })).toEqual({ call_id, usd: null })
    expect(await callOf(db.sql, call)).toBeUndefined()
  })
})
