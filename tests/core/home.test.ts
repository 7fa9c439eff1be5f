import { beforeEach, describe, expect, it } from 'vitest'
import { home } from '../../f/hai/core/home.ts'
import { fail } from '../../f/hai/core/task/finish.ts'
import { testDatabase } from '../support/database.ts'
import { aCaller, anEndedTask, aRunningTask, aTask, aTodo, clear, FOR_A_MODEL } from '../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))
const operator = aCaller()

describe('home', () => {
  it('is empty for an empty house, and does not pretend that nothing was spent', async () => {
    expect(await home(db.sql, {}, operator)).toEqual({
      as_of: expect.any(String),
      since: expect.any(String),
      waiting_for_you: [],
      running: [],
      pending: 0,
      finished: [],
      failed: [],
      failed_since: expect.any(String),
      totals: { waiting_for_you: 0, running: 0, finished: 0, failed: 0 },
      todos: { open: 0, overdue: 0, due_today: 0, due_later: 0, undated: 0, next: [] },
      spent_usd: null,
    })
  })

  it('says what waits, runs, ended and is due', async () => {
    const done = await anEndedTask(db.sql, 'done')
    const dead = await anEndedTask(db.sql, 'dead')
    const expired = await anEndedTask(db.sql, 'expired')
    await anEndedTask(db.sql, 'cancelled')
    const waiting = (await aRunningTask(db.sql)).id
    await db.sql`update hai.task_queue set state = 'awaiting_approval' where id = ${waiting}`
    const running = (await aRunningTask(db.sql)).id
    await aTask(db.sql)
    await aTodo(db.sql, { body: 'no date' })
    await aTodo(db.sql, { body: 'overdue', due: '2020-01-01' })
    const now = await home(db.sql, {}, operator)
    const ids = (tasks: { id: string }[]) => tasks.map((task) => task.id)
    expect(ids(now.waiting_for_you)).toEqual([waiting])
    expect(ids(now.running)).toEqual([running])
    expect(now.pending).toBe(1)
    expect(ids(now.finished)).toEqual([done])
    expect(ids(now.failed)).toEqual([expired, dead])
    expect(now.todos).toMatchObject({ open: 2, overdue: 1, undated: 1 })
    expect(now.todos.next).toMatchObject([{ body: 'overdue' }, { body: 'no date' }])
  })

  it('looks back one day, or as far as asked', async () => {
    const id = await anEndedTask(db.sql, 'done')
    await db.sql`update hai.task_queue set finished_at = now() - interval '25 hours'`
    expect((await home(db.sql, {}, operator)).finished).toEqual([])
    const since = new Date(Date.now() - 26 * 3_600_000).toISOString()
    expect((await home(db.sql, { since }, operator)).finished).toMatchObject([{ id }])
  })

  it('tells no answer that was read, none that came before the caller looked, and none twice', async () => {
    const before = await anEndedTask(db.sql, 'done')
    await db.sql`update hai.task_queue set finished_at = now() - interval '2 hours' where id = ${before}`
    const read = await anEndedTask(db.sql, 'done')
    const fresh = await anEndedTask(db.sql, 'done')
    const looked_at = new Date(Date.now() - 3_600_000).toISOString()
    const now = await home(db.sql, { looked_at, read: [read] }, operator)
    expect(now).toMatchObject({ since: looked_at, finished: [{ id: fresh }], totals: { finished: 1 } })
  })

  it('keeps a failure, however long ago the caller looked and whatever was read', async () => {
    const id = await anEndedTask(db.sql, 'dead')
    const looked_at = new Date(Date.now() + 60_000).toISOString()
    expect((await home(db.sql, { looked_at, read: [id] }, operator)).failed).toMatchObject([{ id }])
  })

  it('tells no answer that a chat client was given, but one that it left before', async () => {
    const chat = { ...FOR_A_MODEL, chat: { waiter: 'w' } }
    await anEndedTask(db.sql, 'done', chat)
    expect((await home(db.sql, {}, operator)).totals.finished).toBe(0)
    await db.sql`update hai.task_queue set left_at = now()`
    expect((await home(db.sql, {}, operator)).totals.finished).toBe(1)
  })

  it('says why what waits does not begin, and is silent on what is set for later', async () => {
    const id = await aTask(db.sql, FOR_A_MODEL)
    await aTask(db.sql, { ...FOR_A_MODEL, conversation_id: '#later' })
    await db.sql`
      update hai.task_queue set run_at = now() + interval '1 hour', claim_at = now() + interval '1 hour'
      where conversation_id = '#later'`
    const now = await home(db.sql, {}, operator)
    expect(now.pending).toBe(2)
    expect(now.waiting).toMatchObject([{ id, waiting_on: { code: 'starting' }, cost_usd: 0 }])
  })

  it('shows five of each and no more, the newest', async () => {
    for (let n = 0; n < 7; n += 1) await anEndedTask(db.sql, 'done')
    const { finished } = await home(db.sql, {}, operator)
    expect(finished).toHaveLength(5)
    expect(finished.map((task) => task.id)).toEqual(
      finished
        .map((task) => task.id)
        .toSorted()
        .toReversed(),
    )
  })

  it('counts all of what it shows five of, each open todo in one group', async () => {
    for (let n = 0; n < 7; n += 1) await anEndedTask(db.sql, 'done')
    for (let n = 0; n < 6; n += 1) await anEndedTask(db.sql, n % 2 === 0 ? 'dead' : 'expired')
    await anEndedTask(db.sql, 'cancelled')
    const { id } = await aTodo(db.sql, { body: 'waits for itself' })
    const dues = [
      '2020-01-01',
      'today',
      '2020-01-01T10:00:00Z',
      '2031-01-01',
      '2031-01-01T10:00:00Z',
      undefined,
    ]
    for (const due of [...dues, ...dues]) await aTodo(db.sql, { ...(due && { due }), depends_on: [id] })
    const { totals, finished, failed, todos } = await home(db.sql, {}, operator)
    expect(totals).toEqual({ waiting_for_you: 0, running: 0, finished: 7, failed: 6 })
    expect([finished.length, failed.length]).toEqual([5, 5])
    const { next, ...counts } = todos
    expect(counts).toEqual({ open: 13, overdue: 4, due_today: 2, due_later: 4, undated: 3 })
    expect(next).toHaveLength(1)
  })

  it('shows a member only his own tasks', async () => {
    await anEndedTask(db.sql, 'done')
    await aRunningTask(db.sql)
    await aTask(db.sql)
    await aTask(db.sql, {}, 'guest')
    const { finished, running, pending } = await home(db.sql, {}, aCaller('guest'))
    expect({ finished, running, pending }).toEqual({ finished: [], running: [], pending: 1 })
  })

  it('tells those who can mend it of backends in trouble, and no member', async () => {
    expect((await home(db.sql, {}, operator)).problems).toBeUndefined()
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    const failure = {
      code: 'unreachable',
      message: 'ollama at http://x: connection refused',
      backend: 'ollama',
    }
    await fail(db.sql, { id, lease_no, lease_token, ...failure })
    expect((await home(db.sql, {}, operator)).problems).toEqual([
      expect.stringMatching(/^ollama has been unreachable for \d s \(connection refused\)$/),
    ])
    expect((await home(db.sql, {}, aCaller('guest'))).problems).toBeUndefined()
  })

  it.each([{ since: 'yesterday' }, { since: 7 }, { until: 'now' }])('refuses %j', async (input) => {
    await expect(home(db.sql, input as never, operator)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/since|until/),
    })
  })

  it('says what was spent today, as long as it is known', async () => {
    const call = (id: string, usd: number | null, requester: string) => db.sql`
      insert into hai.usage (call_id, backend, model, billing, usd, ms, requester)
      values (${id}, 'b', 'm', 'metered', ${usd}, 5, ${requester})`
    await call('a', 0.25, 'operator')
    await call('b', 0.5, 'guest')
    expect(await home(db.sql, {}, operator)).toMatchObject({ spent_usd: 0.75 })
    expect(await home(db.sql, {}, aCaller('guest'))).toMatchObject({ spent_usd: 0.5 })
    await call('c', null, 'operator')
    expect(await home(db.sql, {}, operator)).toMatchObject({ spent_usd: null })
    await db.sql`delete from hai.usage`
  })
})
