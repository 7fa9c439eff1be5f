import { describe, expect, it } from 'vitest'
import { inTransaction } from '../../../f/hai/core/base/db.ts'
import { testDatabase } from '../../support/database.ts'
import { aTask } from '../../support/factories.ts'

const db = testDatabase()
const count = async () => (await db.sql`select from hai.task_queue`).length

describe('connect', () => {
  it('gives instants as RFC 3339 in UTC and days as days, whatever zone the server is in', async () => {
    const [row] = await db.sql`
      select timestamptz '2026-11-22 18:00:00.123+01' as at, date '2026-11-27' as day, null::timestamptz as never,
        array[date '2026-11-27'] as days, current_setting('TimeZone') as zone`
    expect(row).toMatchObject({ at: '2026-11-22T17:00:00.123Z', day: '2026-11-27', never: null, zone: 'UTC' })
  })

  it('takes an instant as text or as a Date', async () => {
    const at = '2026-11-22T17:00:00.123Z'
    const [row] = await db.sql`select ${at}::timestamptz as text, ${new Date(at)}::timestamptz as date`
    expect(row).toEqual({ text: at, date: at })
  })

  it('names its connections, so that an operator knows whose they are', async () => {
    const [row] = await db.open({
      applicationName: 'job-1',
    })`select current_setting('application_name') as name`
    expect(row).toEqual({ name: 'job-1' })
  })
})

describe('inTransaction', () => {
  it('keeps all or nothing', async () => {
    const failing = inTransaction(db.sql, async (tx) => {
      await aTask(tx)
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await count()).toBe(0)
    expect(await inTransaction(db.sql, (tx) => aTask(tx))).toBeTruthy()
    expect(await count()).toBe(1)
  })

  it('inside another undoes only its own part', async () => {
    const before = await count()
    await inTransaction(db.sql, async (tx) => {
      await aTask(tx)
      const failing = inTransaction(tx, async (inner) => {
        await aTask(inner)
        throw new Error('no')
      })
      await expect(failing).rejects.toThrow('no')
    })
    expect(await count()).toBe(before + 1)
  })
})
