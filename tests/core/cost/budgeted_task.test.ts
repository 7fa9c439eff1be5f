import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Backend } from '../../../f/hai/core/base/backends.ts'
import { marginText } from '../../../f/hai/core/cost/amount_text.ts'
import { applyBudget, capMargin, capStates, raiseCap } from '../../../f/hai/core/cost/caps.ts'
import { costReport } from '../../../f/hai/core/cost/report.ts'
import { taskCost } from '../../../f/hai/core/cost/task_cost.ts'
import { answerWithModel } from '../../../f/hai/core/model/agent.ts'
import { tendBackends } from '../../../f/hai/core/model/tend.ts'
import { waitingOn } from '../../../f/hai/core/task/waiting.ts'
import { heldTask } from '../../../f/hai/core/work/held_task.ts'
import { work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aRunningTask, aTask, eventTypes, rowOf } from '../../support/factories.ts'
import type { FakeServer } from '../../support/models/fake-server.ts'
import { fakeOpenAi } from '../../support/models/openai.ts'
import { aChoice, anAccess, aShift } from '../model/answering.ts'
import { clearLedger, setBudget } from './ledger.ts'

const db = testDatabase()
let server: FakeServer
beforeEach(async () => {
  await clearLedger(db.sql)
  server = await fakeOpenAi()
})
afterEach(() => server.stop())

/** Up to 1,000 tokens of answer at $100 per million: a call of up to $0.10 and a little. */
const DEAR: Partial<Backend> = { models: { 'gpt-fake': { input: 1, output: 100, max_output: 1000 } } }
const day = (usd: number) => ({ day: { per: 'all', period: 'day', usd } })
const ask = async () => {
  const id = await aTask(db.sql, { content: 'why?' })
  await work(db.sql, aShift(anAccess(aChoice(server.url, DEAR))))
  return id
}

describe('a task whose call does not fit its cap', () => {
  it('waits for the cap to begin anew without using an attempt, and says what it waits for', async () => {
    await setBudget(db.sql, { caps: day(0.05) })
    const id = await ask()
    const row = await rowOf(db.sql, id)
    expect(row).toMatchObject({ state: 'pending', attempt: 1, error: { code: 'budget' } })
    expect(row.error?.message).toMatch(/^cap day of \$0\.05 has no room for a call of up to \$0\.10/)
    const midnight = `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)}T00:00:00.000Z`
    expect(Math.abs(Date.parse(row.run_at) - Date.parse(midnight))).toBeLessThan(2000)
    expect(await waitingOn(db.sql, id)).toMatchObject({
      ...{ code: 'budget', until: row.run_at, text: row.error?.message },
      next_step: expect.stringContaining('hai cost cap raise'),
    })
    expect(server.calls).toEqual([])
  })

  it('goes on as soon as somebody raises the cap', async () => {
    await setBudget(db.sql, { caps: day(0.05) })
    const id = await ask()
    await raiseCap(db.sql, { usd: 1 }, aCaller())
    await work(db.sql, aShift(anAccess(aChoice(server.url, DEAR))))
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', attempt: 1 })
  })

  it('goes on when another cap is written, and does not go on and on', async () => {
    await setBudget(db.sql, { caps: day(0.05) })
    const id = await ask()
    expect(await tendBackends(db.sql)).toEqual({ recalled: 0 })
    await setBudget(db.sql, { caps: day(0.06) })
    expect(await tendBackends(db.sql)).toEqual({ recalled: 1 })
    await work(db.sql, aShift(anAccess(aChoice(server.url, DEAR))))
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending', attempt: 1, error: { code: 'budget' } })
    expect(await tendBackends(db.sql)).toEqual({ recalled: 0 })
    await setBudget(db.sql, { caps: day(1) })
    await tendBackends(db.sql)
    await work(db.sql, aShift(anAccess(aChoice(server.url, DEAR))))
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', attempt: 1 })
  })

  it('ends when the budget says so, and when the cap never begins anew', async () => {
    await setBudget(db.sql, { caps: day(0.05), on_cap: 'dead' })
    expect(await rowOf(db.sql, await ask())).toMatchObject({ state: 'dead', error: { code: 'budget' } })
    await setBudget(db.sql, { caps: { task: { per: 'task', usd: 0.05 } } })
    expect(await rowOf(db.sql, await ask())).toMatchObject({ state: 'dead', error: { code: 'budget' } })
  })

  it('is not asked of a model without a price, with the line that gives it one, unless the budget allows it', async () => {
    const unpriced = async (models: Backend['models']) => {
      const id = await aTask(db.sql, { content: 'why?' })
      await work(db.sql, aShift(anAccess(aChoice(server.url, { models }))))
      return rowOf(db.sql, id)
    }
    const partly: Backend['models'][] = [{}, { 'gpt-fake': { input: 1 } }]
    for (const models of partly) {
      expect(await unpriced(models)).toMatchObject({
        state: 'dead',
        error: {
          code: 'budget',
          message:
            'openai/gpt-fake has no price of its input and output tokens, so that no cap could hold; nothing was asked',
          next_step: expect.stringMatching(
            /^write in models\.yaml, in USD per million tokens: backends\.openai\.models\."gpt-fake": \{input: …, output: …\}; then hai task retry \w{6}$/,
          ),
        },
      })
    }
    expect(server.calls).toEqual([])
    await setBudget(db.sql, { caps: {}, unknown_price: 'allow' })
    expect(await unpriced({})).toMatchObject({ state: 'done' })
  })

  it('holds what its call can cost, tells the backend its limit, and shows what it came to', async () => {
    await setBudget(db.sql, { caps: day(1) })
    server.next({ text: 'Because.', tokens: { input: 400, output: 30 } })
    const id = await ask()
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done' })
    expect(server.calls[0]!.body).toMatchObject({ max_tokens: 1000 })
    const { total, calls } = await taskCost(db.sql, { id }, aCaller())
    expect(total).toMatchObject({ calls: 1, usd: 0.0034, open_calls: 0 })
    expect(calls).toMatchObject([
      { step: `${id}:0:1`, state: 'settled', agent: 'general', route: 'openai/gpt-fake', usd: 0.0034 },
    ])
    expect(calls[0]!.bound).toBeGreaterThan(0.1)
    expect(await eventTypes(db.sql, id)).toContain('step_done')
  })

  it('is answered by a local model when the budget says so and there is one', async () => {
    await setBudget(db.sql, { caps: day(0.05), on_cap: 'local' })
    const task = await aRunningTask(db.sql, { content: 'why?' })
    const local = anAccess({ ...aChoice(server.url, { billing: 'local' }), name: 'near' })
    const run = {
      ...anAccess(aChoice(server.url, DEAR)),
      signal: new AbortController().signal,
      stream: () => {},
    }
    await answerWithModel(heldTask(db.sql, task), task, { ...run, local: async () => local })
    expect(await rowOf(db.sql, task.id)).toMatchObject({ state: 'done', route: 'near/gpt-fake' })
    expect(server.calls.filter(({ path }) => path === '/v1/chat/completions')).toHaveLength(1)
    expect((await taskCost(db.sql, { id: task.id }, aCaller())).total).toMatchObject({ calls: 1, usd: 0 })
  })
})

describe('a backend that counts higher than hai and writes more than it may', () => {
  it('passes a cap once with each call that is under way, and by no more than hai says', async () => {
    const cap = 0.55
    await setBudget(db.sql, { caps: day(cap) })
    await setMetered()
    await applyBudget(db.sql)
    expect(await capMargin(db.sql)).toEqual({ at_once: 6, most_usd: 0 })
    // a token for each byte of what was asked, and three times what the answer may have
    const answer = { text: 'Because.', tokens: { input: 20_000, output: 3000 }, pause: { headers: 500 } }
    for (let n = 0; n < 12; n += 1) server.next(answer)
    await Promise.all(Array.from({ length: 6 }, ask))
    const made = server.calls.length
    await ask()
    expect(server.calls).toHaveLength(made)
    const [state] = await capStates(db.sql, aCaller())
    const { at_once, most_usd } = (await capMargin(db.sql))!
    expect(state!.spent).toBeGreaterThan(cap)
    expect(state!.spent - cap).toBeLessThanOrEqual(at_once * most_usd)
    expect((await costReport(db.sql, {}, aCaller())).margin).toEqual({ at_once, most_usd })
    expect((await costReport(db.sql, {}, aCaller('guest'))).margin).toBeNull()
    expect(marginText({ at_once, most_usd: 0.61 })).toMatch(
      /, 6 at once at most; so far by up to \$0\.61 each, so \$3\.66 in all$/,
    )
  })

  it('is not spoken of where nothing costs money', async () => {
    await db.sql`delete from hai.config where name = 'models'`
    expect(await capMargin(db.sql)).toBeNull()
  })
})

/** Puts the test's server into the configuration. */
async function setMetered(): Promise<void> {
  const { backend } = aChoice(server.url, DEAR)
  const value = { backends: { openai: backend } }
  await db.sql`
    insert into hai.config (name, value, hash) values ('models', ${db.sql.json(value as never)}, 'metered')
    on conflict (name) do update set value = excluded.value, hash = excluded.hash`
}
