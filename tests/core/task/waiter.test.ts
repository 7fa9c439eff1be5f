import { beforeEach, describe, expect, it } from 'vitest'
import { cancel, retry } from '../../../f/hai/core/task/change.ts'
import { enqueue, enqueueMany } from '../../../f/hai/core/task/enqueue.ts'
import { complete, fail } from '../../../f/hai/core/task/finish.ts'
import { claim, expire, heartbeat, heldOf, release } from '../../../f/hai/core/task/lease.ts'
import { showTask, taskResult } from '../../../f/hai/core/task/show.ts'
import { leave } from '../../../f/hai/core/task/waiter.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, claimed, clear, eventTypes, FOR_A_MODEL, rowOf } from '../../support/factories.ts'

const db = testDatabase()
const operator = { requester: 'operator' }
beforeEach(() => clear(db.sql))

const envelope = (waiter: string, more: object = {}, chat: object = {}) => ({
  ...{ source: 'openwebui', ...FOR_A_MODEL, chat: { waiter, ...chat } },
  ...more,
})
const ask = (waiter: string, more: object = {}, chat: object = {}) =>
  enqueue(db.sql, envelope(waiter, more, chat), operator)
const leaves = (id: string, waiter: string) => leave(db.sql, { id, waiter }, aCaller())
const count = async () => (await db.sql`select from hai.task_queue`).length
const waiting = async (id: string) => {
  const [row] = await db.sql<{ waiters: string[] | null; left: boolean; seconds: number | null }[]>`
    select waiters, left_at is not null as left, extract(epoch from expires_at - now())::float8 as seconds
    from hai.task_queue where id = ${id}`
  return row!
}

describe('the same question of the same caller', () => {
  it('joins the task that is under way, whatever it waits for', async () => {
    const { task_id: id, conversation_id } = await ask('a')
    expect(await ask('b')).toEqual({ task_id: id, status: 'duplicate', conversation_id })
    const task = await claim(db.sql, { worker: 'w', job_id: 'the job' })
    expect(await ask('c')).toEqual({ task_id: id, status: 'duplicate', conversation_id, job_id: 'the job' })
    expect(await waiting(id)).toMatchObject({ waiters: ['a', 'b', 'c'], left: false })
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'joined', 'claimed', 'joined'])
    await complete(db.sql, { ...heldOf(task!), output: 'an answer' })
    expect(await ask('d')).toMatchObject({ status: 'accepted' })
  })

  it('makes one task of twenty that come at the same moment', async () => {
    const others = Array.from({ length: 4 }, () => db.open({ max: 5 }))
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, n) => enqueue(others[n % 4]!, envelope(`w-${n}`), operator)),
    )
    expect(new Set(all.map(({ task_id }) => task_id)).size).toBe(1)
    expect(all.filter(({ status }) => status === 'accepted')).toHaveLength(1)
    expect((await waiting(all[0]!.task_id)).waiters).toHaveLength(20)
    expect(await count()).toBe(1)
  })

  it.each<[string, () => Promise<{ status: string }>]>([
    ['of another caller', () => enqueue(db.sql, envelope('b'), { requester: 'guest' })],
    ['in other words', () => ask('b', { content: 'why is the rack so very loud?' })],
    ['after other turns', () => ask('b', {}, { turns: [{ role: 'user', content: 'x' }] })],
    ['with other instructions', () => ask('b', {}, { instructions: 'be brief' })],
    ['with a key of its own', () => ask('b', { idempotency_key: 'mine' })],
    [
      'by who doesn’t say that somebody waits',
      () => enqueue(db.sql, { ...envelope('b'), chat: {} }, operator),
    ],
    ['outside of a chat', () => enqueue(db.sql, { source: 'openwebui', ...FOR_A_MODEL }, operator)],
  ])('is another task %s', async (_, asks) => {
    await ask('a')
    expect(await asks()).toMatchObject({ status: 'accepted' })
    expect(await count()).toBe(2)
  })

  it('goes by its key where it has one, and is waited for again by that', async () => {
    const { task_id: id } = await ask('a', { idempotency_key: 'k' })
    await leaves(id, 'a')
    expect(await ask('b', { idempotency_key: 'k' })).toMatchObject({ task_id: id, status: 'duplicate' })
    expect(await waiting(id)).toEqual({ waiters: ['b'], left: false, seconds: null })
    await expect(ask('c', { idempotency_key: 'k', content: 'x' })).rejects.toMatchObject({ code: 'conflict' })
  })

  it('is refused twice in one batch, and joined by a batch', async () => {
    const batch = [envelope('a'), { source: 'cli', content: 'x' }, envelope('b')]
    await expect(enqueueMany(db.sql, batch, operator)).rejects.toThrow('envelope 2 asks what envelope 0 asks')
    const { task_id } = await ask('a')
    expect(await enqueueMany(db.sql, batch.slice(1), operator)).toMatchObject([
      { status: 'accepted' },
      { task_id, status: 'duplicate' },
    ])
  })

  it('keeps a task that somebody waits for without a name', async () => {
    const { task_id: id } = await enqueue(db.sql, { ...envelope('a'), chat: {} }, operator)
    expect(await ask('b')).toMatchObject({ task_id: id, status: 'duplicate' })
    expect(await leaves(id, 'b')).toEqual({ id, state: 'pending' })
    expect(await waiting(id)).toMatchObject({ waiters: null, left: false })
  })

  it('gets the answer that nobody has seen, once', async () => {
    const { task_id: id } = await ask('a')
    const task = await claimed(db.sql)
    await leaves(id, 'a')
    await complete(db.sql, { ...heldOf(task), output: 'an answer', route: 'x/y' })
    expect(await ask('b')).toMatchObject({ task_id: id, status: 'duplicate' })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', output: 'an answer' })
    expect(await ask('c')).toMatchObject({ status: 'accepted' })
  })

  it.each([
    ['that is too old', sqlOf`finished_at = now() - interval '6 minutes'`],
    ['of hai itself, which may not hold any more', sqlOf`route = 'built-in'`],
  ])('is answered anew after an answer %s', async (_, change) => {
    const { task_id: id } = await ask('a')
    const task = await claimed(db.sql)
    await leaves(id, 'a')
    await complete(db.sql, { ...heldOf(task), output: 'an answer' })
    await db.sql.unsafe(`update hai.task_queue set ${change} where id = '${id}'`)
    expect(await ask('b')).toMatchObject({ status: 'accepted' })
  })
})

function sqlOf(text: TemplateStringsArray): string {
  return text.join('')
}

describe('a task that all have left', () => {
  const left = async (more: object = {}) => {
    const { task_id: id } = await ask('a', more)
    await leaves(id, 'a')
    return id
  }

  it('waits for no worker, and ends 15 s later, cancelled', async () => {
    const id = await left()
    expect(await waiting(id)).toEqual({ waiters: [], left: true, seconds: expect.closeTo(15, 0) })
    expect(await claim(db.sql, { worker: 'w' })).toBeNull()
    await age(db.sql, id, 16)
    expect(await expire(db.sql)).toBe(1)
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'left', 'cancelled'])
    expect(await taskResult(db.sql, id, aCaller())).toMatchObject({
      ...{ id, state: 'cancelled' },
      error: {
        code: 'left',
        message: 'whoever asked left before there was an answer',
        next_step: `ask again, or hai task retry ${id.slice(-6)}`,
      },
    })
    expect(await ask('b')).toMatchObject({ status: 'accepted' })
  })

  it('goes on with its own time when the same is asked within them', async () => {
    const id = await left({ ttl_seconds: 600 })
    await age(db.sql, id, 10)
    expect(await ask('b')).toMatchObject({ task_id: id, status: 'duplicate' })
    expect(await waiting(id)).toEqual({ waiters: ['b'], left: false, seconds: expect.closeTo(600, 0) })
    expect(await claim(db.sql, { worker: 'w' })).toMatchObject({ id })
  })

  it('is not joined when they are over, though nobody has swept yet', async () => {
    const id = await left()
    await age(db.sql, id, 16)
    expect(await ask('b')).toMatchObject({ status: 'accepted', task_id: expect.not.stringMatching(id) })
  })

  it.each([
    ['nobody has swept yet', async () => {}],
    ['it was ended', async () => void (await expire(db.sql))],
  ])('frees its key when they are over, and %s', async (_, swept) => {
    const id = await left({ idempotency_key: 'k' })
    await age(db.sql, id, 16)
    await swept()
    const again = await ask('b', { idempotency_key: 'k' })
    expect(again).toMatchObject({ status: 'accepted', task_id: expect.not.stringMatching(id) })
    expect(await ask('c', { idempotency_key: 'k' })).toMatchObject({ task_id: again.task_id })
  })

  it('keeps its key where it was answered all the same, or ended by somebody', async () => {
    const { task_id: id } = await ask('a', { idempotency_key: 'k' })
    const task = await claimed(db.sql)
    await leaves(id, 'a')
    await complete(db.sql, { ...heldOf(task), output: 'x', agent: 'general', route: 'a/b' })
    expect(await ask('b', { idempotency_key: 'k' })).toMatchObject({ task_id: id, status: 'duplicate' })
    const { task_id: other } = await ask('a', { idempotency_key: 'l' })
    await cancel(db.sql, { id: other }, aCaller())
    expect(await ask('b', { idempotency_key: 'l' })).toMatchObject({ task_id: other, status: 'duplicate' })
  })

  it('never ends later by that', async () => {
    const id = await left({ ttl_seconds: 5 })
    expect((await waiting(id)).seconds).toBeLessThan(6)
  })

  it('is that only when the last has left, and once', async () => {
    const { task_id: id } = await ask('a')
    await ask('b')
    expect(await leaves(id, 'a')).toEqual({ id, state: 'pending' })
    expect(await leaves(id, 'a')).toEqual({ id, state: 'pending' })
    expect(await leaves(id, 'b')).toEqual({ id, state: 'pending', left: true })
    expect(await leaves(id, 'b')).toEqual({ id, state: 'pending', left: true })
    expect(await leaves(id, 'never-heard-of')).toEqual({ id, state: 'pending', left: true })
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'joined', 'left', 'left'])
  })

  it('is not given another life by its worker', async () => {
    const { task_id: id } = await ask('a')
    const first = await claimed(db.sql)
    await leaves(id, 'a')
    await heartbeat(db.sql, heldOf(first))
    await release(db.sql, heldOf(first), 'told to stop')
    expect(await claim(db.sql, { worker: 'w' })).toBeNull()
    await ask('b')
    const second = await claimed(db.sql)
    await leaves(id, 'b')
    const failure = { code: 'x', message: 'x', retryable: true, uses_attempt: false, retry_after_seconds: 0 }
    expect(await fail(db.sql, { ...heldOf(second), ...failure })).toMatchObject({ state: 'pending' })
    expect(await waiting(id)).toMatchObject({ left: true, seconds: expect.closeTo(15, 0) })
    await age(db.sql, id, 16)
    await expire(db.sql)
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'cancelled' })
  })

  it.each([
    ['its next heartbeat', (task: Held) => heartbeat(db.sql, task).catch(({ code }) => code), 'conflict'],
    [
      'an answer that comes too late, which is kept',
      (task: Held) => complete(db.sql, { ...task, output: 'late' }),
      { state: 'cancelled' },
    ],
    [
      'a failure',
      (task: Held) => fail(db.sql, { ...task, code: 'x', message: 'x', retryable: true }),
      { state: 'cancelled', run_at: null },
    ],
  ])('ends with %s', async (_, write, outcome) => {
    const { task_id: id } = await ask('a')
    const task = await claimed(db.sql)
    await leaves(id, 'a')
    await age(db.sql, id, 16)
    await db.sql`update hai.lease set until = now() + interval '5 seconds'`
    expect(await write(heldOf(task))).toEqual(outcome)
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'cancelled', error: { code: 'left' } })
    expect((await eventTypes(db.sql, id)).at(-1)).toBe('cancelled')
  })

  it('starts again from nothing when a person has it tried again', async () => {
    const id = await left()
    await cancel(db.sql, { id }, aCaller())
    await retry(db.sql, { id }, aCaller())
    expect(await waiting(id)).toEqual({ waiters: null, left: false, seconds: null })
    expect(await claim(db.sql, { worker: 'w' })).toMatchObject({ id })
  })

  it('says so where it is looked at', async () => {
    const id = await left()
    const waits = {
      code: 'left',
      text: expect.stringMatching(/^whoever asked left; it ends in 1\d s unless the same is asked again$/),
    }
    expect(await showTask(db.sql, id, aCaller())).toMatchObject({ waiting_on: waits })
    await ask('b')
    await claimed(db.sql)
    await leaves(id, 'b')
    expect(await showTask(db.sql, id, aCaller())).toMatchObject({ state: 'running', waiting_on: waits })
  })
})

type Held = ReturnType<typeof heldOf>

describe('leaving', () => {
  it('is for who asked, who may see it or not', async () => {
    const { task_id: id } = await ask('a')
    await expect(leave(db.sql, { id, waiter: 'a' }, aCaller('guest'))).rejects.toMatchObject({
      code: 'not_found',
    })
    const { task_id: other } = await enqueue(db.sql, envelope('a'), { requester: 'guest' })
    await expect(leaves(other, 'a')).rejects.toMatchObject({ code: 'forbidden' })
    await expect(leaves('zzzzzz', 'a')).rejects.toMatchObject({ code: 'not_found' })
    await expect(leaves(id, 'a b')).rejects.toMatchObject({ code: 'invalid' })
    expect(await waiting(other)).toMatchObject({ waiters: ['a'], left: false })
  })

  it('changes nothing of what has ended, nor of what hai answers itself', async () => {
    const { task_id: id } = await ask('a')
    await cancel(db.sql, { id }, aCaller())
    expect(await leaves(id, 'a')).toEqual({ id, state: 'cancelled' })
    const { task_id: open } = await ask('b', { content: 'what is open?' })
    await db.sql`update hai.task_queue set lane = 'builtin' where id = ${open}`
    expect(await leaves(open, 'b')).toEqual({ id: open, state: 'pending' })
    expect(await waiting(open)).toMatchObject({ waiters: ['b'], left: false })
  })
})
