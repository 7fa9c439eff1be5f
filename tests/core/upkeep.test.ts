import { expect, it, vi } from 'vitest'
import { reserve } from '../../f/hai/core/cost/reserve.ts'
import { cancel } from '../../f/hai/core/task/change.ts'
import { upkeep } from '../../f/hai/core/upkeep.ts'
import { testDatabase } from '../support/database.ts'
import { aCaller, aRunningTask } from '../support/factories.ts'
import { aCall, callOf, clearLedger, setBudget } from './cost/ledger.ts'

const db = testDatabase()

it('tends every room while the settings can’t be read, and says so at the end', async () => {
  await clearLedger(db.sql)
  await setBudget(db.sql, { caps: {} })
  const task = await aRunningTask(db.sql)
  const call = aCall(2)
  await reserve(db.sql, call, task)
  await cancel(db.sql, { id: task.id }, aCaller())
  await db.sql`update hai.task_queue set updated_at = now() - interval '16 seconds' where id = ${task.id}`
  await db.sql`update hai.lease set until = now() - interval '1 second' where task_id = ${task.id}`
  await db.sql`delete from hai.pulse where name = 'settings'`
  // nobody has said where Windmill is
  await expect(upkeep(db.sql, 60)).rejects.toMatchObject({ code: 'unavailable' })
  expect(await callOf(db.sql, call)).toMatchObject({ state: 'presumed', ending: 'lost' })
})

it('ends with the first of two errors, and has the other in the log of its job', async () => {
  await db.sql`delete from hai.pulse where name = 'settings'`
  await db.sql`alter table hai.alert rename to alert_away`
  const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
  try {
    await expect(upkeep(db.sql, 60)).rejects.toMatchObject({ code: 'unavailable' })
    expect(logged.mock.calls).toEqual([[expect.stringContaining('PostgresError 42P01')]])
  } finally {
    logged.mockRestore()
    await db.sql`alter table hai.alert_away rename to alert`
  }
})
