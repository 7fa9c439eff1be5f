import { describe, expect, it } from 'vitest'
import { connect, outage } from '../../../f/hai/core/base/db.ts'
import { addTodo } from '../../../f/hai/core/todo/todos.ts'
import { testDatabase } from '../../support/database.ts'

const db = testDatabase()

const thrown = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => {
      throw new Error('it worked')
    },
    (error) => error,
  )

describe('outage', () => {
  it('is unavailable while nobody listens', async () => {
    const gone = connect({ url: 'postgresql://hai:secret@127.0.0.1:1/hai' })
    expect(outage(await thrown(gone`select 1`))).toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/can't be reached.*ECONNREFUSED.*try again/),
      details: { retry_after_seconds: 2 },
    })
    await gone.end()
  })

  it('is unavailable when the server ends the connection under a statement', async () => {
    const pool = db.open({ max: 1 })
    const [me] = await pool<{ pid: number }[]>`select pg_backend_pid() as pid`
    const waiting = thrown(pool`select pg_sleep(20)`)
    await expect
      .poll(async () => {
        const [row] = await db.sql`select wait_event from pg_stat_activity where pid = ${me!.pid}`
        return row?.wait_event
      })
      .toBe('PgSleep')
    await db.sql`select pg_terminate_backend(${me!.pid})`
    expect(outage(await waiting)).toMatchObject({ code: 'unavailable' })
    await expect.poll(() => pool`select 1 as one`).toEqual([{ one: 1 }])
  })

  it('is unavailable before the first migration, with what to run', async () => {
    expect(outage(await thrown(db.sql`select from hai_nowhere.task_queue`))).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('f/hai/admin/migrate'),
    })
  })

  it('says that the disk is full, and that nothing was written', () => {
    expect(outage(Object.assign(new Error('could not extend file'), { code: '53100' }))).toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/disk space.*nothing was written/),
    })
  })

  it.each(['57P03', '57P01', '53300', '08006', 'ECONNRESET', 'CONNECT_TIMEOUT', 'CONNECTION_CLOSED'])(
    'is unavailable for %s',
    (code) => {
      expect(outage(Object.assign(new Error('gone'), { code }))).toMatchObject({ code: 'unavailable' })
    },
  )

  it('is the caller’s error for text that Postgres cannot hold', async () => {
    const error = await thrown(addTodo(db.sql, { body: 'a\0b', created_by: 'operator', zone: 'UTC' }))
    expect(outage(error)).toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/NUL character.*remove it/),
    })
  })

  it.each([
    new Error('a bug'),
    Object.assign(new Error('duplicate key'), { code: '23505' }),
    Object.assign(new Error('syntax error'), { code: '42601' }),
    Object.assign(new Error('odd'), { code: 7 }),
  ])('is none for %s, which is a bug of ours', (error) => {
    expect(outage(error)).toBeUndefined()
  })

  it.each([undefined, null, 'text', 7])('is none when %j is thrown', (error) => {
    expect(outage(error)).toBeUndefined()
  })
})
