import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { firstLane } from '../../../f/hai/core/builtin/first_lane.ts'
import { receiveArgument } from '../../../f/hai/core/surface/inbox.ts'
import { cancel } from '../../../f/hai/core/task/change.ts'
import { enqueue } from '../../../f/hai/core/task/enqueue.ts'
import { complete } from '../../../f/hai/core/task/finish.ts'
import { BUILT_IN, claim } from '../../../f/hai/core/task/lease.ts'
import type { Accepted } from '../../../f/hai/core/task/shape.ts'
import { taskResult } from '../../../f/hai/core/task/show.ts'
import { answerClaimed } from '../../../f/hai/core/work/built_in.ts'
import { testDatabase } from '../../support/database.ts'
import {
  aCaller,
  anEnvelope,
  aTaker,
  clear,
  eventTypes,
  FOR_A_MODEL,
  rowOf,
} from '../../support/factories.ts'

const db = testDatabase()
const JOB = '01a0c5b2-1111-4000-8000-000000000000'
let windmill: Server
/** Jobs that were asked for. */
let rung: number

beforeEach(async () => {
  await clear(db.sql)
  rung = 0
  windmill = createServer((request, response) => {
    rung += 1
    response.writeHead(201).end(new URL(request.url!, 'http://localhost').searchParams.get('job_id') ?? '')
  }).listen(0, '127.0.0.1')
  await vi.waitUntil(() => windmill.listening)
  vi.stubEnv('BASE_URL', `http://127.0.0.1:${(windmill.address() as AddressInfo).port}`)
  vi.stubEnv('WM_WORKSPACE', 'test')
  vi.stubEnv('WM_TOKEN', 'a-token')
})
afterEach(() => {
  vi.unstubAllEnvs()
  windmill.close()
})

const put = async (given: Record<string, unknown> = {}, who: 'operator' | 'guest' = 'operator') =>
  (await receiveArgument(db.sql, anEnvelope(given), aCaller(who), aTaker(JOB))) as Accepted
const leases = async () => (await db.sql`select from hai.lease`).length
const taken = async () => (await db.sql`select from hai.lane_slot where task_id is not null`).length

describe('what hai answers itself', () => {
  it('frees its slot at once when it is cancelled before the answer is stored', async () => {
    const envelope = anEnvelope({ content: 'add todo: buy milk' })
    const { task_id: id } = await enqueue(db.sql, envelope, { requester: 'operator', firstLane })
    const task = await claim(db.sql, { worker: 'w', lanes: [BUILT_IN], only: id })
    await cancel(db.sql, { id }, aCaller('operator'))
    await answerClaimed(db.sql, task!, aCaller('operator'))
    expect([await leases(), await taken()]).toEqual([0, 0])
    expect(await db.sql`select from hai.todo`).toHaveLength(0)
  })

  it('is answered by the job that takes it in, by a lease as of any worker, and no other is called', async () => {
    const accepted = await put()
    expect(accepted).toEqual({
      task_id: expect.any(String),
      status: 'accepted',
      conversation_id: accepted.task_id,
      seen: {
        state: 'done',
        last_seq: 3,
        job_id: JOB,
        events: [
          expect.objectContaining({ seq: 1, type: 'accepted' }),
          expect.objectContaining({ seq: 2, type: 'claimed', text: `started by job ${JOB}, attempt 1 of 3` }),
          expect.objectContaining({ seq: 3, type: 'done' }),
        ],
        outcome: expect.objectContaining({ id: accepted.task_id, output: expect.stringContaining('open') }),
      },
    })
    expect(await rowOf(db.sql, accepted.task_id)).toMatchObject({ state: 'done', attempt: 1, lease_no: 1 })
    expect([rung, await leases(), await taken()]).toEqual([0, 0, 0])
  })

  it('does what it was asked once, however often it is sent', async () => {
    const envelope = { content: 'add todo: water the plants', idempotency_key: 'once' }
    const first = await put(envelope)
    expect(first.seen?.outcome?.output).toContain('water the plants')
    const again = await put(envelope)
    expect(again).toMatchObject({ task_id: first.task_id, status: 'duplicate' })
    expect(again).not.toHaveProperty('seen')
    expect(await db.sql`select body from hai.todo`).toEqual([{ body: 'water the plants' }])
  })

  it('is answered as to who asked', async () => {
    const asked: string[] = []
    const principal = (requester: string) => {
      asked.push(requester)
      return aCaller('guest')
    }
    await receiveArgument(db.sql, anEnvelope(), aCaller('guest'), { jobId: JOB, principal })
    expect(asked).toEqual(['guest'])
  })

  it('says how a refused one ended, in the same answer', async () => {
    const principal = () => ({ ...aCaller(), zone: 'Mars/Base' })
    const envelope = anEnvelope({ content: 'what is due today?' })
    const accepted = await receiveArgument(db.sql, envelope, aCaller(), { jobId: JOB, principal })
    expect(accepted).toMatchObject({
      status: 'accepted',
      seen: {
        state: 'dead',
        outcome: { error: { code: 'invalid', message: expect.stringContaining('Mars') } },
      },
    })
    expect([rung, await leases(), await taken()]).toEqual([0, 0, 0])
  })

  it('tells in its outcome that nothing was changed, and of nothing else', async () => {
    const refusedOf = async (content: string) => {
      const { task_id, seen } = await put({ content })
      const result = await taskResult(db.sql, task_id, aCaller())
      expect(seen?.outcome).toEqual(result)
      return [result.state, result.refused]
    }
    expect(await refusedOf('done: call mum')).toEqual(['done', 'not_found'])
    expect(await refusedOf('cancel that')).toEqual(['done', 'not_found'])
    expect(await refusedOf('add todo: buy milk')).toEqual(['done', undefined])
    expect(await refusedOf('add todo: buy oat milk')).toEqual(['done', undefined])
    expect(await refusedOf('mark milk as done')).toEqual(['done', 'conflict'])
    expect(await refusedOf('done: buy milk')).toEqual(['done', undefined])
    expect(await refusedOf('what is open?')).toEqual(['done', undefined])
  })

  it('waits for its turn in a conversation, and the next turn is called for when it is over', async () => {
    const name = '#rack-move'
    const first = await put({ ...FOR_A_MODEL, conversation_id: name })
    expect([first.seen, rung]).toEqual([undefined, 1])
    const second = await put({ conversation_id: name })
    expect(second).not.toHaveProperty('seen')
    expect(await rowOf(db.sql, second.task_id)).toMatchObject({ state: 'pending', lane: BUILT_IN })
    await cancel(db.sql, { id: first.task_id }, aCaller())
    // the worker that was called first is here, and goes
    await db.sql`delete from hai.wakeup`
    const third = await put({ conversation_id: name })
    // the second comes before it, and a worker was called for that
    expect(third).not.toHaveProperty('seen')
    expect(await rowOf(db.sql, second.task_id)).toMatchObject({ state: 'pending' })
    expect(third.job_id).toBeDefined()
  })

  it('calls for what became due beside it', async () => {
    await enqueue(db.sql, anEnvelope(FOR_A_MODEL), { requester: 'operator', firstLane })
    const { seen, job_id } = await put()
    expect([seen?.state, rung]).toEqual(['done', 1])
    // that job is another task's
    expect(job_id).toBeUndefined()
  })

  it('is left to a worker where all places are taken, and where another one was quicker', async () => {
    const held = []
    for (;;) {
      await enqueue(db.sql, anEnvelope(), { requester: 'robot', firstLane })
      const task = await claim(db.sql, { worker: 'busy', lanes: [BUILT_IN] })
      if (!task) break
      held.push(task)
    }
    expect(held).toHaveLength(8)
    const late = await put()
    expect(late).not.toHaveProperty('seen')
    expect(await rowOf(db.sql, late.task_id)).toMatchObject({ state: 'pending' })
    expect(await eventTypes(db.sql, late.task_id)).toEqual(['accepted'])
    for (const { id, lease_no, lease_token } of held)
      await complete(db.sql, { id, lease_no, lease_token, output: 'x' })
  })

  it('stays accepted when its answer fails for good reasons or bad, and is found by a worker', async () => {
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    const principal = () => {
      throw new Error('secret words')
    }
    const accepted = (await receiveArgument(db.sql, anEnvelope(), aCaller(), {
      jobId: JOB,
      principal,
    })) as Accepted
    expect(accepted).toMatchObject({ status: 'accepted', task_id: expect.any(String) })
    expect(accepted).not.toHaveProperty('seen')
    expect(told.mock.calls.flat().join()).not.toContain('secret words')
    told.mockRestore()
    // its lease runs out, as of any worker that is gone
    expect(await rowOf(db.sql, accepted.task_id)).toMatchObject({ state: 'running' })
    expect(await leases()).toBe(1)
  })

  it('comes in lists and for models as before', async () => {
    const list = await receiveArgument(db.sql, [anEnvelope()], aCaller(), aTaker(JOB))
    expect(list).toEqual([expect.not.objectContaining({ seen: expect.anything() })])
    const asked = await put(FOR_A_MODEL)
    expect(asked).toMatchObject({ status: 'accepted', job_id: expect.any(String) })
    expect(await eventTypes(db.sql, asked.task_id)).toEqual(['accepted'])
  })
})
