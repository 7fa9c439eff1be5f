import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Sql } from '../../../f/hai/core/base/db.ts'
import { cancel } from '../../../f/hai/core/task/change.ts'
import { sweep } from '../../../f/hai/core/task/sweep.ts'
import { answerCall, type WorkerOptions, work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import {
  aCaller,
  age,
  aTask,
  aTodo,
  busySlots,
  clear,
  eventTypes,
  FOR_A_MODEL,
  rowOf,
} from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))

const never = new AbortController().signal
const shift = (given: Partial<WorkerOptions> = {}): WorkerOptions => ({
  worker: 'w-1',
  budgetSeconds: 20,
  signal: never,
  principal: (requester) => aCaller(requester === 'guest' ? 'guest' : 'operator'),
  start: async () => {},
  ...given,
})

const todos = () => db.sql<{ body: string }[]>`select body from hai.todo order by id`

describe('work', () => {
  it('answers what needs no model, and says which command takes it back', async () => {
    const id = await aTask(db.sql, { content: 'add todo: replace the UPS battery #rack' })
    expect(await work(db.sql, shift())).toEqual({ ran: 1 })
    expect(await rowOf(db.sql, id)).toMatchObject({
      state: 'done',
      attempt: 1,
      output: expect.stringMatching(/added todo .*replace the UPS battery[\s\S]*undo: hai todo drop \w{6}/),
    })
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'claimed', 'done'])
    expect(await todos()).toEqual([{ body: 'replace the UPS battery' }])
    expect(await busySlots(db.sql)).toBe(0)
  })

  it('says in its stream that an answer is given, to who rang it of his own tasks', async () => {
    const id = await aTask(db.sql)
    await aTask(db.sql, {}, 'guest')
    const ended: unknown[] = []
    const streamEnd = (...told: unknown[]) => void ended.push(told)
    expect(await work(db.sql, shift({ reader: 'operator', streamEnd }))).toEqual({ ran: 2 })
    const outcome = { id, state: 'done', output: 'nothing is open' }
    expect(ended).toEqual([[id, expect.objectContaining(outcome)]])
  })

  it('is done at once when there is nothing to do', async () => {
    expect(await work(db.sql, shift())).toEqual({ ran: 0 })
  })

  it('runs everything that is due, in all lanes', async () => {
    for (let n = 0; n < 12; n += 1) await aTask(db.sql, { source: n % 2 ? 'cli' : 'alertmanager' })
    expect(await work(db.sql, shift())).toEqual({ ran: 12 })
    const [row] = await db.sql`select count(*)::int as done from hai.task_queue where state = 'done'`
    expect(row).toEqual({ done: 12 })
  })

  it('keeps to the lanes it was given', async () => {
    const batch = await aTask(db.sql, { ...FOR_A_MODEL, source: 'alertmanager' })
    await aTask(db.sql)
    expect(await work(db.sql, shift({ lanes: ['builtin'] }))).toEqual({ ran: 1 })
    expect(await rowOf(db.sql, batch)).toMatchObject({ state: 'pending' })
  })

  it('leaves to workers elsewhere what only they can answer, whoever names their lane', async () => {
    const id = await aTask(db.sql, FOR_A_MODEL)
    await db.sql`insert into hai.lane_slot (lane, no, elsewhere) values ('gpu', 1, true)`
    await db.sql`update hai.task_queue set lane = 'gpu' where id = ${id}`
    const { budgetSeconds: _, ...job } = shift()
    expect(await answerCall(db.sql, { lanes: ['gpu'], budget_seconds: 1 }, job)).toEqual({ ran: 0 })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending', lease_no: 0 })
    await db.sql`update hai.lane_slot set elsewhere = false where lane = 'gpu'`
    expect(await answerCall(db.sql, { lanes: ['gpu'], budget_seconds: 1 }, job)).toEqual({ ran: 1 })
  })

  it('answers a member from what he may see', async () => {
    await aTask(db.sql, { content: 'tell me a secret' })
    await work(db.sql, shift())
    const id = await aTask(db.sql, { content: 'what failed today?' }, 'guest')
    await work(db.sql, shift())
    expect((await rowOf(db.sql, id)).output).toBe('nothing failed today')
  })

  it.each([
    ['what no command understands', { content: "what failed in last night's backup?" }],
    ['attached text', { content: 'what is open?', context: [{ name: 'log', content: 'x' }] }],
  ])(
    'ends %s dead with no_route and the exact next command, never with a pretended answer',
    async (_, given) => {
      const id = await aTask(db.sql, given)
      expect(await work(db.sql, shift())).toEqual({ ran: 1 })
      const task = await rowOf(db.sql, id)
      expect(task).toMatchObject({ state: 'dead', output: null, error: { code: 'no_route' } })
      const [row] = await db.sql<
        { next_step: string }[]
      >`select error ->> 'next_step' as next_step from hai.task_queue`
      expect(row!.next_step).toContain('hai todo add --raw')
      expect(await todos()).toEqual([])
    },
  )

  it('writes the next command so that a shell takes it', async () => {
    await aTask(db.sql, { content: "what's `rm -rf` $HOME?\nsecond line" })
    await work(db.sql, shift())
    const [row] = await db.sql<
      { next_step: string }[]
    >`select error ->> 'next_step' as next_step from hai.task_queue`
    expect(row!.next_step).toContain(`--raw 'what'\\''s \`rm -rf\` $HOME?'`)
  })

  it('takes a spare call as a clean no-op when its work was done by another', async () => {
    await aTask(db.sql)
    await db.sql`insert into hai.wakeup (no, job_id) values (1, 'job-1'), (2, 'job-2')`
    expect(await work(db.sql, shift({ jobId: 'job-1' }))).toEqual({ ran: 1 })
    expect(await work(db.sql, shift({ jobId: 'job-2' }))).toEqual({ ran: 0 })
    expect(await work(db.sql, shift({ jobId: 'job-2' }))).toEqual({ ran: 0 })
    expect(await db.sql`select from hai.wakeup`).toHaveLength(0)
  })

  it('counts as here, not as coming, from the moment it has its first task', async () => {
    await aTask(db.sql, { content: 'add todo: one' })
    await db.sql`insert into hai.wakeup (no, job_id) values (1, 'job-1')`
    const release = await holdTodos()
    const working = work(db.sql, shift({ jobId: 'job-1' }))
    await expect.poll(() => busySlots(db.sql)).toBe(1)
    expect(await db.sql`select from hai.wakeup`).toHaveLength(0)
    await release()
    expect(await working).toEqual({ ran: 1 })
  })

  it('leaves a successor when its time is used and work is due', async () => {
    await aTask(db.sql)
    const start = vi.fn(async () => {})
    expect(await work(db.sql, shift({ budgetSeconds: 0, start }))).toEqual({ ran: 0 })
    expect(start).toHaveBeenCalledTimes(1)
  })

  it('begins nothing when it is told to stop before it starts, and calls another', async () => {
    const id = await aTask(db.sql)
    const start = vi.fn(async () => {})
    await work(db.sql, shift({ signal: AbortSignal.abort(), start }))
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending', lease_no: 0 })
    expect(start).toHaveBeenCalledTimes(1)
  })

  it('gives back a task that it was handed while being told to stop: no attempt is lost', async () => {
    const id = await aTask(db.sql, { retry_policy: { max_attempts: 1 } })
    const stopping = new AbortController()
    const claiming = afterQuery(db.sql, 'insert into hai.lease', () => stopping.abort())
    await work(claiming, shift({ signal: stopping.signal }))
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'claimed', 'released'])
    expect(await work(db.sql, shift())).toEqual({ ran: 1 })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', attempt: 1, lease_no: 2 })
  })

  it('shared by five workers at once runs each task exactly once', async () => {
    for (let n = 0; n < 40; n += 1) await aTask(db.sql, { content: `add todo: number ${n}` })
    const pools = Array.from({ length: 5 }, () => db.open({ max: 2 }))
    const rounds = await Promise.all(pools.map((pool, n) => work(pool, shift({ worker: `w-${n}` }))))
    expect(rounds.reduce((sum, one) => sum + one.ran, 0)).toBe(40)
    expect(await todos()).toHaveLength(40)
    const [row] = await db.sql`
      select count(*) filter (where state = 'done' and attempt = 1 and lease_no = 1)::int as once from hai.task_queue`
    expect(row).toEqual({ once: 40 })
  })
})

describe('an answer', () => {
  it('is one fact with what it did: when storing the answer fails, nothing was done', async () => {
    const id = await aTask(db.sql, { content: 'add todo: once', retry_policy: { backoff_seconds: 0 } })
    const crashing = beforeQuery(db.sql, 'output = ', () => {
      throw new Error('the process died here')
    })
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    await work(crashing, shift({ budgetSeconds: 0.2 }))
    told.mockRestore()
    expect(await todos()).toEqual([])
    expect(await rowOf(db.sql, id)).toMatchObject({
      output: null,
      error: { message: 'the process died here' },
    })
  })

  it('is given once when its worker lost the lease in the middle and another took over', async () => {
    const id = await aTask(db.sql, { content: 'add todo: once' })
    const release = await holdTodos()
    const slow = work(db.open({ max: 2 }), shift())
    await expect.poll(() => busySlots(db.sql)).toBe(1)
    await age(db.sql, id, 100)
    await sweep(db.sql, 3600)
    const next = work(db.open({ max: 2 }), shift({ worker: 'w-2' }))
    await expect.poll(async () => (await rowOf(db.sql, id)).lease_no).toBe(2)
    await release()
    await Promise.all([slow, next])
    expect(await todos()).toEqual([{ body: 'once' }])
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', lease_no: 2 })
  })

  it('to a task that was cancelled meanwhile is dropped with all it did, and the worker goes on', async () => {
    const id = await aTask(db.sql, { content: 'add todo: not any more' })
    const release = await holdTodos()
    const working = work(db.open({ max: 2 }), shift())
    await expect.poll(() => busySlots(db.sql)).toBe(1)
    await cancel(db.sql, { id }, aCaller())
    await aTask(db.sql, { content: 'help' })
    await release()
    expect(await working).toEqual({ ran: 2 })
    expect(await todos()).toEqual([])
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'cancelled', output: null })
  })

  it('does not stop the worker when it fails for a task that was cancelled meanwhile', async () => {
    const id = await aTask(db.sql, { content: 'add todo: x' })
    const failing = beforeQuery(db.sql, 'output = ', async () => {
      await cancel(db.sql, { id }, aCaller())
      throw new Error('and it broke as well')
    })
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    const next = await aTask(db.sql, { content: 'no such command' })
    expect(await work(failing, shift())).toEqual({ ran: 2 })
    told.mockRestore()
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'cancelled' })
    expect(await rowOf(db.sql, next)).toMatchObject({ state: 'dead' })
  })

  it('is tried again later when it breaks unexpectedly, and the error is told with where its log is', async () => {
    await aTask(db.sql, { content: 'add todo: x' })
    const broken = beforeQuery(db.sql, 'insert into hai.todo', () => {
      throw new Error('a bug')
    })
    const start = vi.fn(async () => {})
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    await work(broken, shift({ start }))
    told.mockRestore()
    const [row] = await db.sql`select state, error from hai.task_queue`
    expect(row).toMatchObject({
      state: 'pending',
      error: { code: 'failed', message: 'a bug', next_step: expect.stringMatching(/^hai task logs \w{6}$/) },
    })
    expect(start).toHaveBeenCalledTimes(1)
  })

  it('is final when it is refused: it would be refused tomorrow as well', async () => {
    await aTodo(db.sql)
    const id = await aTask(db.sql, { content: `add todo: ${'x'.repeat(10_001)}` })
    await work(db.sql, shift())
    const { state, attempt } = await rowOf(db.sql, id)
    expect({ state, attempt }).toEqual({ state: 'dead', attempt: 1 })
  })
})

/** Keeps every write to the todo list waiting, as a slow tool would; the result lets go. */
async function holdTodos(): Promise<() => Promise<void>> {
  const pool = db.open({ max: 1 })
  // the driver gives no connection away that it has yet to open, where it asks the server for no types
  await pool`select 1`
  const holder = await pool.reserve()
  await holder`begin`
  await holder`lock table hai.todo in share mode`
  return async () => {
    await holder`commit`
    holder.release()
  }
}

type Look = () => unknown

/** The same pool, but `look` happens before each statement that contains `text`, also within a transaction. */
const beforeQuery = (sql: Sql, text: string, look: Look): Sql => watched(sql, text, { before: look })
const afterQuery = (sql: Sql, text: string, look: Look): Sql => watched(sql, text, { after: look })

function watched(sql: Sql, text: string, { before, after }: { before?: Look; after?: Look }): Sql {
  return new Proxy(sql, {
    apply(target, self, args) {
      const [strings] = args as [TemplateStringsArray]
      const query = () =>
        Reflect.apply(target as (...given: unknown[]) => unknown, self, args) as Promise<unknown>
      if (!strings.raw || !strings.some((part) => part.includes(text))) return query()
      return (async () => {
        await before?.()
        const rows = await query()
        await after?.()
        return rows
      })()
    },
    get(target, name) {
      const value = Reflect.get(target, name)
      if (name !== 'begin' && name !== 'savepoint') return value
      return (run: (tx: Sql) => Promise<unknown>) =>
        value.call(target, (tx: Sql) =>
          run(watched(tx, text, { ...(before && { before }), ...(after && { after }) })),
        )
    },
  })
}
