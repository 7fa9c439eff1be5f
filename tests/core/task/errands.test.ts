import { beforeEach, expect, it } from 'vitest'
import { health } from '../../../f/hai/core/health.ts'
import { home } from '../../../f/hai/core/home.ts'
import { fail } from '../../../f/hai/core/task/finish.ts'
import { heldOf } from '../../../f/hai/core/task/lease.ts'
import { showTask } from '../../../f/hai/core/task/show.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, aTask, claimed, clear, FOR_A_MODEL } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))
const operator = aCaller()

const ERRAND = { ...FOR_A_MODEL, chat: { errand: true } }

/** It waits for its question a moment first. */
async function aRunningErrand() {
  await age(db.sql, await aTask(db.sql, ERRAND), 60)
  return claimed(db.sql)
}

it('that died are on no home screen and no dead letter, and are found by their id', async () => {
  const task = await aRunningErrand()
  await fail(db.sql, { ...heldOf(task), code: 'broken', message: 'it broke' })
  await aTask(db.sql, ERRAND)
  const now = await home(db.sql, {}, operator)
  expect(now.totals).toMatchObject({ running: 0, finished: 0, failed: 0, waiting_for_you: 0 })
  expect(now).toMatchObject({ pending: 0, failed: [], running: [], finished: [] })
  expect(await db.sql`select from hai.task_dlq`).toHaveLength(0)
  expect(await db.sql`select from hai.dashboard_task`).toHaveLength(0)
  expect((await health(db.sql)).queue).toMatchObject({ dead_24h: 0, pending: 1 })
  expect(await showTask(db.sql, task.id.slice(-6), operator)).toMatchObject({ state: 'dead', errand: true })
})

it('that run are on no home screen', async () => {
  await aRunningErrand()
  expect((await home(db.sql, {}, operator)).totals.running).toBe(0)
})

it('are nobody’s reason to be further behind', async () => {
  await aTask(db.sql, ERRAND)
  await aTask(db.sql, FOR_A_MODEL)
  await db.sql`update hai.task_queue set claim_at = claim_at - interval '1 minute'`
  const asked = await aTask(db.sql, FOR_A_MODEL)
  expect((await showTask(db.sql, asked, operator)).waiting_on).toMatchObject({
    code: 'behind',
    text: 'position 2 in lane interactive',
  })
})
