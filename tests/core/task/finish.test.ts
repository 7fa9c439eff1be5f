import { beforeEach, describe, expect, it } from 'vitest'
import { cancel } from '../../../f/hai/core/task/change.ts'
import { complete, fail } from '../../../f/hai/core/task/finish.ts'
import { heldOf } from '../../../f/hai/core/task/lease.ts'
import { sweep } from '../../../f/hai/core/task/sweep.ts'
import { runTodo } from '../../../f/hai/core/todo/run.ts'
import { testDatabase } from '../../support/database.ts'
import {
  aCaller,
  age,
  aRunningTask,
  aTodo,
  busySlots,
  claimed,
  clear,
  eventTypes,
  rowOf,
} from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))

const everything = () =>
  Promise.all([db.sql`select * from hai.task_queue`, db.sql`select * from hai.task_event`])

describe('complete', () => {
  it('stores the answer, ends the task and frees its slot', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    const ended = await complete(db.sql, {
      id,
      lease_no,
      lease_token,
      output: 'nothing is open',
      result: { todos: [] },
      agent: 'built-in',
      route: 'built-in',
    })
    expect(ended).toEqual({ state: 'done' })
    const [row] = await db.sql`select * from hai.task_queue`
    expect(row).toMatchObject({
      state: 'done',
      output: 'nothing is open',
      result: { todos: [] },
      agent: 'built-in',
      route: 'built-in',
      error: null,
      finished_at: expect.any(String),
    })
    expect(await busySlots(db.sql)).toBe(0)
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'claimed', 'done'])
  })

  it.each([[null], [false], [0], ['text'], [['a', { b: 1 }]]])(
    'keeps the result %j as it is',
    async (result) => {
      const { id, lease_no, lease_token } = await aRunningTask(db.sql)
      await complete(db.sql, { id, lease_no, lease_token, output: 'x', result })
      const [row] = await db.sql`select result from hai.task_queue`
      expect(row!.result).toEqual(result)
    },
  )

  it('keeps the answer of a task whose time ran out meanwhile, and says expired', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql, { ttl_seconds: 60 })
    await db.sql`update hai.task_queue set expires_at = now() - interval '1 s'`
    expect(await complete(db.sql, { id, lease_no, lease_token, output: 'too late' })).toEqual({
      state: 'expired',
    })
    expect(await rowOf(db.sql, id)).toMatchObject({
      state: 'expired',
      output: 'too late',
      error: { code: 'expired' },
    })
    expect(await busySlots(db.sql)).toBe(0)
  })

  it('forgets the error of an earlier attempt', async () => {
    const first = await aRunningTask(db.sql, { retry_policy: { backoff_seconds: 0 } })
    await fail(db.sql, { ...heldOf(first), code: 'x', message: 'refused', retryable: true })
    const second = await claimed(db.sql)
    await complete(db.sql, { ...heldOf(second), output: 'fine' })
    expect(await rowOf(db.sql, first.id)).toMatchObject({ state: 'done', error: null, attempt: 2 })
  })

  it('puts the answer onto the todo that the task came from', async () => {
    const todo = await aTodo(db.sql)
    const { task_id } = await runTodo(db.sql, { id: todo.id }, aCaller())
    await complete(db.sql, { ...heldOf(await claimed(db.sql)), output: 'ordered' })
    const [row] = await db.sql`select task_id, result, status from hai.todo`
    expect(row).toEqual({ task_id, result: 'ordered', status: 'open' })
  })

  it('leaves the todo alone when it was run again since', async () => {
    const todo = await aTodo(db.sql)
    await runTodo(db.sql, { id: todo.id }, aCaller())
    const first = await claimed(db.sql)
    await db.sql`update hai.todo set task_id = null`
    await complete(db.sql, { ...heldOf(first), output: 'stale' })
    const [row] = await db.sql`select result from hai.todo`
    expect(row!.result).toBeNull()
  })
})

describe('fail', () => {
  it('ends the task dead when it may not be retried, with what to do next', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    const given = {
      id,
      lease_no,
      lease_token,
      code: 'no_route',
      message: 'nobody answers this',
      next_step: 'hai model ls',
    }
    expect(await fail(db.sql, given)).toEqual({ state: 'dead', run_at: null })
    expect(await rowOf(db.sql, id)).toMatchObject({
      state: 'dead',
      attempt: 1,
      error: { code: 'no_route', message: 'nobody answers this', next_step: 'hai model ls' },
    })
    expect(await busySlots(db.sql)).toBe(0)
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'claimed', 'dead'])
  })

  it.each([
    ['login_expired', 'give claude a valid api_key', true],
    ['model_missing', 'ollama pull x', true],
    ['context_too_long', 'ask with less', false],
    ['backend_error', 'change what it objects to', false],
  ])(
    'says after %s that the same task may go on, if what it needs is around it: %s',
    async (code, next_step, again) => {
      const { id, lease_no, lease_token } = await aRunningTask(db.sql)
      await fail(db.sql, { id, lease_no, lease_token, code, message: 'no', next_step })
      const [row] = await db.sql`select error from hai.task_queue where id = ${id}`
      const whole = again ? `${next_step}; then hai task retry ${id.slice(-6)}` : next_step
      expect(row?.error.next_step).toBe(whole)
    },
  )

  it('waits longer from attempt to attempt, within a quarter of its step, and never above an hour', async () => {
    const { id } = await aRunningTask(db.sql, { retry_policy: { max_attempts: 100, backoff_seconds: 10 } })
    for (const [attempt, step] of [
      [1, 10],
      [2, 20],
      [3, 40],
      [6, 320],
      [10, 3600],
      [99, 3600],
    ] as const) {
      const waits = new Set<number>()
      for (let n = 0; n < 12; n += 1) {
        const wait = await waitAfterFailing(id, attempt)
        expect(wait).toBeGreaterThanOrEqual(step * 0.75)
        expect(wait).toBeLessThanOrEqual(step * 1.25)
        waits.add(wait)
      }
      expect(waits.size).toBeGreaterThan(6)
    }
  })

  async function waitAfterFailing(id: string, attempt: number): Promise<number> {
    await db.sql`update hai.task_queue set state = 'running', attempt = ${attempt}, lease_no = 1`
    await db.sql`insert into hai.lease (task_id, lease_no, worker, until) values (${id}, 1, 'w', now())
      on conflict (task_id) do update set token_digest = null`
    const failed = await fail(db.sql, {
      id,
      lease_no: 1,
      code: 'x',
      message: 'refused',
      retryable: true,
    })
    const [row] = await db.sql<{ wait: number; same: boolean }[]>`
      select extract(epoch from run_at - updated_at)::float8 as wait, run_at = claim_at as same from hai.task_queue`
    expect(failed.state).toBe('pending')
    expect(row!.same).toBe(true)
    return row!.wait
  }

  it('honours the server’s Retry-After to the second', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    const failed = await fail(db.sql, {
      id,
      lease_no,
      lease_token,
      code: 'rate_limit',
      message: 'slow down',
      retryable: true,
      retry_after_seconds: 17,
    })
    const [row] = await db.sql<{ wait: number; run_at: string }[]>`
      select extract(epoch from run_at - updated_at)::float8 as wait, run_at from hai.task_queue`
    expect(row!.wait).toBe(17)
    expect(failed).toEqual({ state: 'pending', run_at: row!.run_at })
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'claimed', 'retry'])
  })

  it('ends the task dead when its attempts are used up, and not before', async () => {
    let held = await aRunningTask(db.sql, { retry_policy: { max_attempts: 3, backoff_seconds: 0 } })
    for (const [lease_no, state] of [
      [1, 'pending'],
      [2, 'pending'],
      [3, 'dead'],
    ] as const) {
      if (lease_no > 1) held = await claimed(db.sql)
      const failed = await fail(db.sql, {
        ...heldOf(held),
        code: 'x',
        message: 'refused',
        retryable: true,
      })
      expect(failed.state).toBe(state)
    }
    expect(await rowOf(db.sql, held.id)).toMatchObject({ attempt: 3, lease_no: 3 })
  })

  it('says expired when the task’s time ran out meanwhile', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql, { ttl_seconds: 60 })
    await db.sql`update hai.task_queue set expires_at = now() - interval '1 s'`
    const failed = await fail(db.sql, {
      id,
      lease_no,
      lease_token,
      code: 'x',
      message: 'refused',
      retryable: true,
    })
    expect(failed).toEqual({ state: 'expired', run_at: null })
  })

  it.each<[string, Record<string, unknown>]>([
    ['code', { code: '' }],
    ['message', { message: '' }],
    ['retry_after_seconds', { retry_after_seconds: -1 }],
    ['retry_after_seconds', { retry_after_seconds: 8 * 86_400 }],
    ['lease_no', { lease_no: 0 }],
    ['reason', { reason: 'x' }],
  ])('names %s when it is wrong, and writes nothing', async (field, wrong) => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    const before = await everything()
    const given = { id, lease_no, lease_token, code: 'x', message: 'x', ...wrong }
    await expect(fail(db.sql, given as never)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(field),
    })
    expect(await everything()).toEqual(before)
  })
})

describe('a late write', () => {
  const ways: [string, (held: { id: string; lease_no: number }) => Promise<unknown>][] = [
    ['completed', (held) => complete(db.sql, { ...held, output: 'another answer' })],
    ['cancelled', ({ id }) => cancel(db.sql, { id }, aCaller())],
    ['failed for good', (held) => fail(db.sql, { ...held, code: 'x', message: 'x' })],
    [
      'taken over',
      async ({ id }) => {
        await age(db.sql, id, 100)
        await sweep(db.sql, 5)
        await claimed(db.sql, 'w-2')
      },
    ],
    [
      'expired',
      async ({ id }) => {
        await db.sql`update hai.task_queue set expires_at = now() - interval '1 s' where id = ${id}`
        await sweep(db.sql, 5)
      },
    ],
  ]

  it.each(ways)('to a task that was %s meanwhile is refused, and nothing is written', async (_, happen) => {
    const held = heldOf(await aRunningTask(db.sql))
    await happen(held)
    const before = await everything()
    const refused = { code: 'conflict', details: { lease_lost: true } }
    await expect(complete(db.sql, { ...held, output: 'late' })).rejects.toMatchObject(refused)
    await expect(
      fail(db.sql, { ...held, code: 'late', message: 'late', retryable: true }),
    ).rejects.toMatchObject(refused)
    expect(await everything()).toEqual(before)
  })

  it('to a task that nobody claimed is refused', async () => {
    const { id } = await aRunningTask(db.sql)
    await expect(complete(db.sql, { id, lease_no: 2, output: 'guessed' })).rejects.toMatchObject({
      code: 'conflict',
    })
  })
})

describe('two answers at once', () => {
  it('are one answer: the other is refused', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    const pools = Array.from({ length: 10 }, () => db.open({ max: 1 }))
    await Promise.all(pools.map((pool) => pool`select 1`))
    const told = await Promise.allSettled(
      pools.map((pool, n) => complete(pool, { id, lease_no, lease_token, output: `answer ${n}` })),
    )
    const kept = told.findIndex((one) => one.status === 'fulfilled')
    expect(told.filter((one) => one.status === 'fulfilled')).toHaveLength(1)
    expect((await rowOf(db.sql, id)).output).toBe(`answer ${kept}`)
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'claimed', 'done'])
  })
})
