import { beforeEach, describe, expect, it } from 'vitest'
import type { Spent } from '../../../f/hai/core/cost/model_call.ts'
import { alarms, costProblems, routeFailures } from '../../../f/hai/core/cost/problems.ts'
import { reserve } from '../../../f/hai/core/cost/reserve.ts'
import { rollup } from '../../../f/hai/core/cost/rollup.ts'
import { settle } from '../../../f/hai/core/cost/settle.ts'
import { health } from '../../../f/hai/core/health.ts'
import { testDatabase } from '../../support/database.ts'
import { aCall, clearLedger, counters, setBudget, spent, tokens } from './ledger.ts'

const db = testDatabase()
beforeEach(async () => {
  await clearLedger(db.sql)
  await setBudget(db.sql, { caps: { day: { per: 'all', period: 'day', usd: 3 } } })
})

const NEAR = {
  kind: 'openai-compatible',
  url: 'http://127.0.0.1:1/v1',
  billing: 'local',
  models: { small: {} },
}

const broken = (error: string): Spent => ({ tokens: tokens(), ms: 1, error })

async function made(outcome: Spent, minutesAgo = 1, route = 'openai/gpt-fake') {
  const call = aCall(0.01, { route, backend: route.split('/')[0]! })
  await reserve(db.sql, call, undefined, new Date(Date.now() - minutesAgo * 60_000))
  await settle(db.sql, call, outcome)
}

describe('a way to a model on which nothing succeeds', () => {
  it('is an alarm within 15 minutes, told once a day, and named in health', async () => {
    await made(spent(0.01), 60)
    await made(broken('quota_exhausted'), 6)
    await made(broken('quota_exhausted'))
    await made(spent(0.01), 1, 'openai/other')
    const text =
      'all 2 calls of openai/gpt-fake in 15 min failed, 2 of 3 in 24 h (quota_exhausted); hai model test openai/gpt-fake'
    expect(await alarms(db.sql)).toEqual([text])
    expect(await alarms(db.sql)).toEqual([text])
    expect(await db.sql`select kind, text from hai.notice`).toEqual([{ kind: 'escalation', text }])
    expect((await health(db.sql)).problems).toContain(text)
  })

  it('is none yet when it may have been an accident', async () => {
    await made(broken('rate_limited'))
    await made(broken('rate_limited'))
    expect(await alarms(db.sql)).toEqual([])
    await made(broken('rate_limited'))
    expect(await alarms(db.sql)).toHaveLength(1)
  })

  it.each([
    ['nothing else is configured', {}, 1],
    ['it is the default', { default: 'ollama/x', backends: { near: NEAR } }, 1],
    ['another one answers', { backends: { near: NEAR } }, 0],
    ['another one is the default', { default: 'near/small', backends: { near: NEAR } }, 0],
    ['it was disabled', { backends: { ollama: { ...NEAR, enabled: false } } }, 0],
    ['the other one is disabled', { backends: { near: { ...NEAR, enabled: false } } }, 1],
  ])('is one of a found Ollama only while it may be asked: %s', async (_, models, count) => {
    await db.sql`
      insert into hai.config (name, value, hash) values ('models', ${db.sql.json(models)}, '')
      on conflict (name) do update set value = excluded.value`
    for (let at = 0; at < 3; at += 1) await made(broken('unreachable'), 1, 'ollama/llama3.2:3b')
    expect(await alarms(db.sql)).toHaveLength(count)
    await db.sql`delete from hai.config where name = 'models'`
  })

  it('is none when a call succeeds, or nobody has called for a while', async () => {
    await made(broken('cut'))
    await made(spent(0.01))
    await made(broken('cut'), 20, 'openai/other')
    expect(await alarms(db.sql)).toEqual([])
    expect(await routeFailures(db.sql)).toMatchObject([
      { minutes: 15, route: 'openai/gpt-fake', calls: 2, failed: 1, code: 'cut' },
      { minutes: 1440, route: 'openai/gpt-fake', calls: 2, failed: 1 },
      { minutes: 1440, route: 'openai/other', calls: 1, failed: 1 },
    ])
  })
})

describe('what is wrong with costs', () => {
  it('is that a model was asked which nobody has given a price', async () => {
    await setBudget(db.sql, { unknown_price: 'allow' })
    const call = { ...aCall(1), price: undefined } as never
    await reserve(db.sql, call)
    await settle(db.sql, call, spent(1))
    expect(await costProblems(db.sql)).toEqual([
      '1 call of openai/gpt-fake in 24 h at an unknown price, which no cap counts; write in models.yaml, in USD per million tokens: backends.openai.models."gpt-fake": {input: …, output: …}',
    ])
  })

  it('is set right when counters differ from the ledger', async () => {
    const call = aCall(1)
    await reserve(db.sql, call)
    await settle(db.sql, call, spent(0.5))
    await reserve(db.sql, aCall(0.25))
    expect((await rollup(db.sql, { verify: true })).mended).toEqual([])
    await db.sql`update hai.cap_counter set spent = 2, held = 0`
    expect((await rollup(db.sql, { verify: true })).mended).toMatchObject([{ cap: 'day', key: '' }])
    expect(await counters(db.sql)).toMatchObject([{ spent: 0.5, held: 0.25 }])
  })
})
