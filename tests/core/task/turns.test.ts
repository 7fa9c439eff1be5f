import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Pool } from '../../../f/hai/core/base/db.ts'
import { firstLane } from '../../../f/hai/core/builtin/first_lane.ts'
import { cancel } from '../../../f/hai/core/task/change.ts'
import { enqueueMany } from '../../../f/hai/core/task/enqueue.ts'
import { complete, fail } from '../../../f/hai/core/task/finish.ts'
import { claim, LANES, release } from '../../../f/hai/core/task/lease.ts'
import { waitingOn } from '../../../f/hai/core/task/waiting.ts'
import { wake } from '../../../f/hai/core/task/wake.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, anEnvelope, aTask, claimed, clear, FOR_A_MODEL } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))

const conversation_id = '#rack-move'
const BUILT_IN = { content: 'what is open?', conversation_id }
const MODEL = { ...FOR_A_MODEL, conversation_id }
const later = { code: 'x', message: 'not yet', retryable: true, retry_after_seconds: 600 }
const take = (lanes: readonly string[] = LANES, sql = db.sql) =>
  claim(sql, { worker: 'w-1', lanes: [...lanes] })

describe('of one conversation', () => {
  it.each([
    ['for a model', 'answered without one', MODEL, BUILT_IN],
    ['answered without a model', 'for one', BUILT_IN, MODEL],
    ['of a machine', 'of a person', { ...MODEL, source: 'alertmanager' }, MODEL],
    ['of low priority', 'that is urgent', { ...MODEL, priority: 'low' }, { ...MODEL, priority: 'urgent' }],
  ])('a turn %s is begun before a later one %s', async (_one, _other, one, other) => {
    const first = await aTask(db.sql, one)
    const second = await aTask(db.sql, other)
    const task = await claimed(db.sql)
    expect(task.id).toBe(first)
    expect(await take()).toBeNull()
    await complete(db.sql, { ...heldOf(task), output: 'done' })
    expect((await claimed(db.sql)).id).toBe(second)
  })

  it('turns that came together are begun in their order', async () => {
    const given = [MODEL, BUILT_IN, MODEL].map((one) => anEnvelope(one))
    const accepted = await enqueueMany(db.sql, given, { requester: 'operator', firstLane })
    for (const { task_id } of accepted) {
      const task = await claimed(db.sql)
      expect(task.id).toBe(task_id)
      await complete(db.sql, { ...heldOf(task), output: 'done' })
    }
  })

  it('a turn that was put off till later keeps those after it waiting, until it is cancelled', async () => {
    const first = await aTask(db.sql, MODEL)
    await fail(db.sql, { ...heldOf(await claimed(db.sql)), ...later })
    const second = await aTask(db.sql, BUILT_IN)
    const calls: string[] = []
    const start = async (path: string) => void calls.push(path)
    await wake(db.sql, start)
    expect([await take(), calls]).toEqual([null, []])
    const name = first.slice(-6)
    expect(await waitingOn(db.sql, second)).toMatchObject({
      code: 'conversation',
      text: 'the task before it in its conversation is not finished',
      next_step: `why it waits: hai task show ${name}; to go on without it: hai task cancel ${name}`,
    })
    await cancel(db.sql, { id: first }, aCaller())
    await wake(db.sql, start)
    expect([(await claimed(db.sql)).id, calls.length]).toEqual([second, 1])
  })

  it('no turn waits for one whose time is over', async () => {
    const first = await aTask(db.sql, { ...MODEL, ttl_seconds: 60 })
    await age(db.sql, first, 61)
    const second = await aTask(db.sql, BUILT_IN)
    expect((await claimed(db.sql)).id).toBe(second)
  })

  it('what waits names no task of somebody else', async () => {
    await aTask(db.sql, MODEL, 'guest')
    await fail(db.sql, { ...heldOf(await claimed(db.sql)), ...later })
    const second = await aTask(db.sql, BUILT_IN, 'guest')
    await db.sql`update hai.task_queue set requester = 'robot' where id = ${second}`
    expect(await waitingOn(db.sql, second)).toEqual({
      code: 'conversation',
      since: expect.any(String),
      text: 'the task before it in its conversation is not finished',
    })
  })
})

const heldOf = ({ id, lease_no, lease_token }: { id: string; lease_no: number; lease_token: string }) => ({
  ...{ id, lease_no, lease_token },
})

type Fate = 'done' | 'dead' | 'later' | 'given back' | 'cancelled'
const fate = fc.constantFrom<Fate>('done', 'dead', 'later', 'given back', 'cancelled')
const turn = fc.record({
  conversation_id: fc.constantFrom('#one', '#two', '#three'),
  source: fc.constantFrom('cli', 'alertmanager'),
  content: fc.constantFrom(BUILT_IN.content, MODEL.content),
  priority: fc.constantFrom('low', 'urgent'),
})

/** Takes what there is until nothing is left, ends each as is said, and tells of what was begun out of turn. */
async function drain(sql: Pool, fates: Fate[]): Promise<string[]> {
  const early: string[] = []
  for (const one of [...fates, ...Array<Fate>(40).fill('done')]) {
    const task = await take(LANES, sql)
    if (!task) break
    const [{ id: before } = { id: undefined }] = await sql<{ id: string }[]>`
      select o.id from hai.task_queue o join hai.task_queue t using (conversation_id)
      where t.id = ${task.id} and o.finished_at is null and (o.created_at, o.id) < (t.created_at, t.id)`
    if (before) early.push(`${task.id} before ${before}`)
    const held = heldOf(task)
    if (one === 'done') await complete(sql, { ...held, output: 'done' })
    else if (one === 'dead') await fail(sql, { ...held, code: 'x', message: 'x' })
    else if (one === 'given back') await release(sql, held, 'for a test')
    else if (one === 'cancelled') await cancel(sql, { id: task.id }, aCaller())
    else {
      await fail(sql, { ...held, ...later })
      // its time comes while others go on
      if (task.attempt % 2 === 0)
        await sql`update hai.task_queue set claim_at = now(), run_at = now() where id = ${task.id}`
    }
  }
  return early
}

describe('whatever becomes of each, and whoever claims', () => {
  it('no turn is begun while one before it in its conversation has not ended', async () => {
    const property = fc.asyncProperty(
      fc.array(turn, { minLength: 4, maxLength: 15 }),
      fc.array(fc.array(fate, { maxLength: 15 }), { minLength: 1, maxLength: 4 }),
      async (turns, workers) => {
        await clear(db.sql)
        for (const one of turns) await aTask(db.sql, one)
        const early = await Promise.all(workers.map((fates) => drain(db.sql, fates)))
        expect(early.flat()).toEqual([])
      },
    )
    await fc.assert(property, { numRuns: 20, endOnFailure: true })
  })
})
