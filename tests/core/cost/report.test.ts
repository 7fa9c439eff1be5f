import { beforeEach, describe, expect, it } from 'vitest'
import { costReport, richReport } from '../../../f/hai/core/cost/report.ts'
import { reserve } from '../../../f/hai/core/cost/reserve.ts'
import { rollup } from '../../../f/hai/core/cost/rollup.ts'
import { settle } from '../../../f/hai/core/cost/settle.ts'
import { taskCost } from '../../../f/hai/core/cost/task_cost.ts'
import { complete } from '../../../f/hai/core/task/finish.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, anEndedTask, aRunningTask, aTask, claimed } from '../../support/factories.ts'
import { aCall, clearLedger, setBudget, spent } from './ledger.ts'

const db = testDatabase()
beforeEach(async () => {
  await clearLedger(db.sql)
  await setBudget(db.sql, {
    caps: { day: { per: 'all', period: 'day', usd: 2 }, who: { per: 'requester', period: 'day', usd: 3 } },
  })
})

async function answered(usd: number | null, given: Record<string, unknown> = {}, requester = 'operator') {
  // an errand waits for its question a moment first
  await age(db.sql, await aTask(db.sql, given, requester), 60)
  const task = await claimed(db.sql)
  const call = aCall(usd ?? 0, usd === null ? { billing: 'local', backend: 'ollama' } : {})
  await reserve(db.sql, call, task)
  await settle(db.sql, call, spent(usd ?? 0))
  await complete(db.sql, {
    id: task.id,
    lease_no: task.lease_no,
    lease_token: task.lease_token,
    output: 'ok',
    agent: 'general',
  })
  return task.id
}

const report = (given: object = {}, who: 'operator' | 'guest' = 'operator') =>
  costReport(db.sql, { days: 2, ...given }, aCaller(who))

describe('a report', () => {
  it('says to whoever may mend it that a setting is not in force', async () => {
    expect(await report()).not.toHaveProperty('problems')
    const said = 'budget configuration (budget.yaml, on Windmill u/operator/hai_budget): caps.day: no'
    await db.sql`update hai.config set error = ${said} where name = 'budget'`
    expect(await report()).toMatchObject({ problems: [said] })
    expect(await report({}, 'guest')).not.toHaveProperty('problems')
  })

  it('tells tasks that needed no model, a local one, or were escalated', async () => {
    await anEndedTask(db.sql, 'done')
    await answered(null)
    await answered(0.25)
    await answered(0.5)
    const { tasks, by_day, total, by } = await report()
    expect(tasks).toEqual({ total: 4, without_model: 1, local: 1, escalated: 2 })
    expect(by_day.map((day) => day.tasks.total)).toEqual([0, 4])
    expect(total).toMatchObject({ calls: 3, usd: 0.75 })
    expect(by.billing?.map(({ key, calls, usd }) => [key, calls, usd])).toEqual([
      ['metered', 2, 0.75],
      ['local', 1, 0],
    ])
    expect(by.backend?.map(({ key }) => key)).toEqual(['openai', 'ollama'])
  })

  it('counts errands apart, in the totals and in no count of tasks, folded or not', async () => {
    await answered(0.25)
    const errand = await answered(0.03125, { chat: { errand: true } })
    await answered(null, { chat: { errand: true } }, 'guest')
    for (const fold of [false, true]) {
      if (fold) await rollup(db.sql)
      const { total, errands, tasks, by_day } = await report()
      expect(total).toMatchObject({ calls: 3, usd: 0.28125 })
      expect(errands).toMatchObject({ calls: 2, usd: 0.03125, tokens: { output: 3125 } })
      expect(tasks).toMatchObject({ total: 1, escalated: 1 })
      expect(by_day.map(({ errand_calls, errand_usd }) => [errand_calls, errand_usd])).toEqual([
        [0, 0],
        [2, 0.03125],
      ])
      expect((await report({}, 'guest')).errands).toMatchObject({ calls: 1, usd: 0 })
    }
    expect(await taskCost(db.sql, { id: errand }, aCaller())).toMatchObject({ errand: true })
    const [page] = richReport(await report()).render_all as [{ markdown: string }]
    expect(page.markdown).toContain('- of that errands of chat clients: 2 calls, 3.1k tokens, $0.03')
  })

  it('tells what an errand holds whose call is under way', async () => {
    await age(db.sql, await aTask(db.sql, { chat: { errand: true } }), 60)
    await reserve(db.sql, aCall(0.5), await claimed(db.sql))
    expect((await report()).errands).toMatchObject({ calls: 1, open_calls: 1, open_usd: 0.5, usd: 0 })
  })

  it('breaks down by what is asked for alone, and names the dearest tasks when asked to', async () => {
    await answered(0.25, { content: 'the cheaper one\nwith more lines' })
    const dear = await answered(0.5, { content: 'the dear one', source: 'voice' })
    const { by, top_tasks } = await report({ by: ['source'], top: 1 })
    expect(Object.keys(by)).toEqual(['source'])
    expect(by.source?.map(({ key, usd }) => [key, usd])).toEqual([
      ['voice', 0.5],
      ['cli', 0.25],
    ])
    expect(top_tasks).toEqual([
      { id: dear, excerpt: 'the dear one', source: 'voice', agent: 'general', calls: 1, usd: 0.5 },
    ])
  })

  it('tells how the caps stand and how often each refused', async () => {
    await answered(0.5)
    await expect(reserve(db.sql, aCall(1.75))).rejects.toMatchObject({ code: 'budget' })
    const { caps, caps_hit } = await report()
    expect(caps).toMatchObject([
      { cap: 'day', key: '', limit: 2, spent: 0.5, held: 0, presumed: 0, left: 1.5 },
      { cap: 'who', key: 'operator', limit: 3, spent: 0.5, left: 2.5 },
    ])
    expect(caps_hit).toEqual([{ cap: 'day', times: 1 }])
  })

  it('compares with as many days before, and has nothing to compare with when there was nothing', async () => {
    await answered(0.5)
    expect((await report()).previous).toBeNull()
    await reserve(db.sql, aCall(1), undefined, new Date(Date.now() - 2 * 86_400_000))
    expect((await report()).previous).toMatchObject({ total: { calls: 1, open_calls: 1 } })
  })

  it('lets a member see his own spending and nobody else’s', async () => {
    await answered(0.5)
    const his = await answered(0.25, {}, 'guest')
    await rollup(db.sql)
    const { total, tasks, caps, windows, failures, top_tasks } = await report({ top: 5 }, 'guest')
    expect(total).toMatchObject({ calls: 1, usd: 0.25 })
    expect(tasks.total).toBe(1)
    expect(caps).toMatchObject([{ cap: 'who', key: 'guest', spent: 0.25 }])
    expect([windows, failures]).toEqual([[], []])
    expect(top_tasks.map(({ id }) => id)).toEqual([his])
  })

  it('is rendered for Windmill’s own page as Markdown and tables', async () => {
    await answered(0.5)
    const { render_all } = richReport(await report())
    expect(render_all[0]).toMatchObject({ markdown: expect.stringContaining('**$0.50** in 1 call') })
    expect(render_all[1]).toMatchObject({ 'table-row-object': [{ calls: 0 }, { usd: '$0.50', tasks: 1 }] })
  })
})

describe('what a task cost', () => {
  it('is nobody’s to see who may not see the task', async () => {
    const { id } = await aRunningTask(db.sql)
    await expect(taskCost(db.sql, { id }, aCaller('guest'))).rejects.toMatchObject({ code: 'not_found' })
    expect(await taskCost(db.sql, { id }, aCaller())).toMatchObject({
      calls: [],
      total: { calls: 0, usd: 0 },
    })
  })
})
