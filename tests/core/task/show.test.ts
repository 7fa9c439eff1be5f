import { beforeEach, describe, expect, it } from 'vitest'
import { firstLane } from '../../../f/hai/core/builtin/first_lane.ts'
import { cancel } from '../../../f/hai/core/task/change.ts'
import { enqueueMany } from '../../../f/hai/core/task/enqueue.ts'
import { complete, fail } from '../../../f/hai/core/task/finish.ts'
import { heldOf } from '../../../f/hai/core/task/lease.ts'
import { listTasks } from '../../../f/hai/core/task/list.ts'
import type { TaskSummary } from '../../../f/hai/core/task/shape.ts'
import { showTask, taskEvents, taskResult } from '../../../f/hai/core/task/show.ts'
import { finishStep, startStep, tellEvent } from '../../../f/hai/core/task/steps.ts'
import { testDatabase } from '../../support/database.ts'
import {
  aCaller,
  anEndedTask,
  anEnvelope,
  aRunningTask,
  aTask,
  claimed,
  clear,
} from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))
const operator = aCaller()
const guest = aCaller('guest')

type Filter = Parameters<typeof listTasks>[1]
const idsOf = async (filter: Filter, caller = operator) =>
  (await listTasks(db.sql, filter, caller)).tasks.map((task) => task.id)

/** Every page of a list, `between` them something happens. */
async function pages(
  filter: Filter,
  between: () => Promise<unknown> = async () => {},
): Promise<TaskSummary[]> {
  const all: TaskSummary[] = []
  let cursor: string | undefined
  do {
    const page = await listTasks(db.sql, { ...filter, ...(cursor ? { cursor } : {}) }, operator)
    all.push(...page.tasks)
    cursor = page.next_cursor
    await between()
  } while (cursor)
  return all
}

describe('listTasks', () => {
  it('shows the newest first, each as a summary', async () => {
    const first = await aTask(db.sql, { content: `first line\n${'x'.repeat(300)}` })
    const second = await aTask(db.sql, { content: 'y'.repeat(300) })
    const { tasks, next_cursor } = await listTasks(db.sql, {}, operator)
    expect(tasks.map((task) => task.id)).toEqual([second, first])
    expect(tasks[0]!.excerpt).toBe('y'.repeat(200))
    expect(tasks[1]).toEqual({
      id: first,
      state: 'pending',
      source: 'cli',
      requester: 'operator',
      conversation_id: first,
      excerpt: 'first line',
      priority: 'normal',
      lane: 'interactive',
      agent: null,
      attempt: 0,
      max_attempts: 3,
      error: null,
      todo_id: null,
      run_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      expires_at: null,
      created_at: expect.stringMatching(/Z$/),
      started_at: null,
      finished_at: null,
      on_behalf_of: null,
      cost_usd: 0,
      waiting_on: expect.objectContaining({ code: 'starting' }),
    })
    expect(next_cursor).toBeUndefined()
  })

  it('tells for whom a task was asked, what it cost as far as that is known, and why it waits', async () => {
    const paid = await anEndedTask(db.sql, 'done', { user: 'ada' })
    const unknown = await anEndedTask(db.sql, 'done')
    const owned = await anEndedTask(db.sql, 'done')
    const later = await aTask(db.sql)
    await db.sql`update hai.task_queue set run_at = now() + interval '1 hour', claim_at = now() + interval '1 hour' where id = ${later}`
    const call = (id: string, task: string, billing: string, usd: number | null) => db.sql`
      insert into hai.usage (call_id, task_id, lease_no, backend, model, billing, usd, ms, requester)
      values (${id}, ${task}, 1, 'b', 'm', ${billing}, ${usd}, 5, 'operator')`
    await call('a', paid, 'metered', 0.25)
    await call('b', paid, 'metered', 0.5)
    await call('c', unknown, 'metered', 0.5)
    await call('d', unknown, 'metered', null)
    await call('e', owned, 'subscription', null)
    const { tasks } = await listTasks(db.sql, {}, operator)
    const told = Object.fromEntries(tasks.map((task) => [task.id, task]))
    expect(told[paid]).toMatchObject({ cost_usd: 0.75, on_behalf_of: 'ada', waiting_on: null })
    expect(told[unknown]).toMatchObject({ cost_usd: null, on_behalf_of: null })
    expect(told[owned]).toMatchObject({ cost_usd: 0 })
    expect(told[later]).toMatchObject({ waiting_on: { code: 'scheduled' } })
    await db.sql`delete from hai.usage`
  })

  it('filters by state, by several states, and by open', async () => {
    const done = await anEndedTask(db.sql, 'done')
    const dead = await anEndedTask(db.sql, 'dead')
    const running = (await aRunningTask(db.sql)).id
    const pending = await aTask(db.sql)
    expect(await idsOf({ state: 'done' })).toEqual([done])
    expect(await idsOf({ state: 'dead, done' })).toEqual([dead, done])
    expect(await idsOf({ state: 'open' })).toEqual([pending, running])
    expect(await idsOf({ state: 'open,done' })).toEqual([pending, running, done])
  })

  it.each(['open,running', 'pending,pending', 'running,open,open'])(
    'shows a task once for state %s',
    async (state) => {
      const { id } = await aRunningTask(db.sql)
      const pending = await aTask(db.sql)
      const ids = await idsOf({ state })
      expect(ids).toEqual([...new Set(ids)])
      expect([id, pending]).toEqual(expect.arrayContaining(ids))
    },
  )

  it('filters by source, requester, conversation, agent and time, and by all of them at once', async () => {
    const wanted = await aTask(db.sql, { source: 'voice', conversation_id: '#c-1' })
    await db.sql`update hai.task_queue set agent = 'built-in', created_at = '2026-11-20T12:00:00Z'`
    const other = await aTask(db.sql, {}, 'guest')
    for (const filter of [
      { source: 'voice' },
      { requester: 'operator' },
      { conversation_id: '#c-1' },
      { agent: 'built-in' },
      { until: '2026-11-20T13:00:00Z' },
      { since: '2026-11-20T12:00:00Z', until: '2026-11-20T12:00:01Z', source: 'voice', agent: 'built-in' },
    ])
      expect(await idsOf(filter), JSON.stringify(filter)).toEqual([wanted])
    expect(await idsOf({ since: '2026-11-20T13:00:00+01:00', until: '2026-11-20T12:00:00Z' })).toEqual([])
    expect(await idsOf({ since: '2026-11-20T12:00:01Z' })).toEqual([other])
  })

  it('finds words in any order and case, and phrases in quotes; no sign in them is a command', async () => {
    const ups = await aTask(db.sql, { content: 'Replace the UPS battery in the rack' })
    const rack = await aTask(db.sql, { content: 'clean the rack fans' })
    expect(await idsOf({ text: 'battery ups' })).toEqual([ups])
    expect(await idsOf({ text: 'rack' })).toEqual([rack, ups])
    expect(await idsOf({ text: 'clean "the rack"' })).toEqual([rack])
    expect(await idsOf({ text: '"rack the"' })).toEqual([])
    expect(await idsOf({ text: 'rack -battery' })).toEqual([])
    expect(await idsOf({ text: `'; drop table hai.task_queue; --` })).toEqual([])
    expect(await idsOf({ text: '& | !' })).toEqual([])
  })

  it('counts all that are as asked, on every page', async () => {
    await enqueueMany(
      db.sql,
      Array.from({ length: 23 }, (_, n) =>
        anEnvelope({ content: `task ${n}`, source: n < 12 ? 'cli' : 'voice' }),
      ),
      { requester: 'operator', firstLane },
    )
    await aTask(db.sql, {}, 'guest')
    const totals = async (filter: Filter, caller = operator) => {
      const first = await listTasks(db.sql, { limit: 5, ...filter }, caller)
      const next = await listTasks(db.sql, { limit: 5, ...filter, cursor: first.next_cursor! }, caller)
      return [first.total, next.total, first.total_capped]
    }
    expect(await totals({})).toEqual([24, 24, undefined])
    expect(await totals({}, guest)).toEqual([1, 1, undefined])
    expect(await totals({ source: 'voice' })).toEqual([11, 11, undefined])
    expect(await totals({ state: 'open,done' })).toEqual([24, 24, undefined])
    expect((await listTasks(db.sql, { text: '"TASK 1"', limit: 3 }, operator)).total).toBe(11)
    expect((await listTasks(db.sql, { source: 'nowhere' }, operator)).total).toBe(0)
  })

  it('looks for text in question, answer and error, in any case, and in parts of words', async () => {
    const asked = await aTask(db.sql, { content: 'Replace the UPS-Battery' })
    const answered = await anEndedTask(db.sql, 'done')
    const died = await anEndedTask(db.sql, 'dead')
    expect(await idsOf({ text: 'batt' })).toEqual([asked])
    expect(await idsOf({ text: 'AN ANSW' })).toEqual([answered])
    expect(await idsOf({ text: 'it brok', state: 'dead,done' })).toEqual([died])
    expect(await idsOf({ text: '%' })).toEqual([])
    expect(await idsOf({ text: 'b_tt' })).toEqual([])
  })

  it('searches ten thousand at once, says that it did, and goes on where it ended', async () => {
    await db.sql`
      insert into hai.task_queue (id, source, requester, content, conversation_id, priority, data_tier, request_digest,
        lane, run_at, claim_at, max_attempts, backoff_seconds, created_at)
      select '01' || lpad(n::text, 24, '0'), 'cli', 'operator', case when n % 4000 = 0 then 'needle' else 'hay' end,
        n::text, 'normal', 'internal', '', 'batch', now(), now(), 3, 10, now() - (20001 - n) * interval '1 second'
      from generate_series(1, 12000) n`
    const first = await listTasks(db.sql, { text: 'Needle' }, operator)
    expect(first).toMatchObject({ total: 3, total_capped: true, next_cursor: expect.any(String) })
    const { tasks, ...rest } = await listTasks(
      db.sql,
      { text: 'Needle', cursor: first.next_cursor! },
      operator,
    )
    expect({ tasks, ...rest }).toEqual({ tasks: [], total: 0 })
    const counted = await listTasks(db.sql, {}, operator)
    expect([counted.total, counted.total_capped]).toEqual([10_000, true])
  })

  it.each([
    { state: 'Dead' },
    { state: ' OPEN, dead' },
    { source: ' Voice ' },
    { requester: 'Operator' },
    { conversation_id: '#Rack-Move' },
    { conversation_id: ' #RACK-MOVE' },
  ])('reads %j as it is stored', async (filter) => {
    const id = await anEndedTask(db.sql, 'dead', { source: 'voice', conversation_id: '#rack-Move' })
    expect(await idsOf(filter)).toEqual([id])
  })

  it('pages through tasks of one instant without a gap or a repeat, also while more come in', async () => {
    await enqueueMany(
      db.sql,
      Array.from({ length: 23 }, (_, n) => anEnvelope({ content: `task ${n}` })),
      { requester: 'operator', firstLane },
    )
    const before = await idsOf({ limit: 100 })
    const seen = await pages({ limit: 5 }, () => aTask(db.sql))
    expect(seen.map((task) => task.id)).toEqual(before)
  })

  it('pages through several states without a gap or a repeat', async () => {
    for (let n = 0; n < 4; n += 1) {
      await anEndedTask(db.sql, 'done')
      await anEndedTask(db.sql, 'dead')
    }
    for (let n = 0; n < 5; n += 1) await aTask(db.sql)
    const seen = await pages({ limit: 2, state: 'done,dead,pending' })
    expect(seen.map((task) => task.id)).toEqual(await idsOf({ limit: 100 }))
  })

  it('gives no cursor when the last page is exactly full', async () => {
    await aTask(db.sql)
    await aTask(db.sql)
    expect((await listTasks(db.sql, { limit: 2 }, operator)).next_cursor).toBeUndefined()
    expect((await listTasks(db.sql, { limit: 1 }, operator)).next_cursor).toBeDefined()
  })

  it('shows a member only his own, whatever he filters by', async () => {
    await aTask(db.sql)
    const his = await aTask(db.sql, {}, 'guest')
    expect(await idsOf({}, guest)).toEqual([his])
    expect(await idsOf({ requester: 'operator' }, guest)).toEqual([])
    expect(await idsOf({ state: 'open' }, guest)).toEqual([his])
    expect(await idsOf({}, aCaller('robot'))).toHaveLength(2)
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['state', { state: 'finished' }, 'open or any of pending'],
    ['state', { state: '' }, 'open or any of pending'],
    ['limit', { limit: 0 }, 'at least 1'],
    ['limit', { limit: 501 }, 'at most 500'],
    ['limit', { limit: 1.5 }, 'int'],
    ['since', { since: 'yesterday' }, '2026-11-22T18:00:00Z'],
    ['until', { until: '2026-11-22' }, '2026-11-22T18:00:00Z'],
    ['text', { text: ' ' }, 'characters'],
    ['cursor', { cursor: 'x' }, 'next_cursor'],
    ['unknown', { colour: 'red' }, 'colour'],
  ])('names %s when it is %j', async (field, filter, said) => {
    await expect(listTasks(db.sql, filter, operator)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(new RegExp(`${field}.*${said}`, 's')),
    })
  })
})

describe('showTask', () => {
  it('shows everything: content, context, answer, steps and events', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql, {
      content: 'what broke?\nlook at the log',
      context: [{ name: 'k3s.log', content: 'ü!' }],
      metadata: { room: 'attic' },
    })
    await startStep(db.sql, { id, lease_no, lease_token, call_id: 'call-1', name: 'read the log' })
    await finishStep(db.sql, { id, lease_no, lease_token, call_id: 'call-1' })
    await complete(db.sql, {
      id,
      lease_no,
      lease_token,
      output: 'the disk',
      result: { disk: 1 },
      agent: 'built-in',
    })
    expect(await showTask(db.sql, id, operator)).toMatchObject({
      id,
      state: 'done',
      content: 'what broke?\nlook at the log',
      excerpt: 'what broke?',
      output: 'the disk',
      result: { disk: 1 },
      context: [{ name: 'k3s.log', media_type: 'text/plain', bytes: 3 }],
      metadata: { room: 'attic' },
      waiting_on: null,
      cost_usd: null,
      steps: [{ call_id: 'call-1', name: 'read the log', state: 'finished' }],
      events: ['accepted', 'claimed', 'step', 'step_done', 'done'].map((type, n) => ({ seq: n + 1, type })),
    })
  })

  it('shows the last 100 events, in order', async () => {
    const id = await aTask(db.sql)
    await db.sql`
      insert into hai.task_event (task_id, seq, type, text) select ${id}, n, 'notice', 'x' from generate_series(2, 150) n`
    const { events } = await showTask(db.sql, id, operator)
    expect(events.map((event) => event.seq)).toEqual(Array.from({ length: 100 }, (_, n) => n + 51))
  })

  it('says why a pending task waits', async () => {
    expect((await showTask(db.sql, await aTask(db.sql), operator)).waiting_on).toMatchObject({
      code: 'starting',
    })
  })

  it('does not find a task of somebody else', async () => {
    const id = await aTask(db.sql)
    for (const read of [showTask, taskResult])
      await expect(read(db.sql, id, guest)).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('what had come of an answer', () => {
  const come = async (id: string) => {
    const [view, result] = await Promise.all([
      showTask(db.sql, id, operator),
      taskResult(db.sql, id, operator),
    ])
    expect(view.partial).toBe(result.partial)
    return view.partial
  }

  it.each(['dead', 'cancelled', 'expired', 'rejected'] as const)(
    'can be seen of a task that is %s',
    async (state) => {
      const { id, lease_no, lease_token } = await aRunningTask(db.sql)
      const say = (at: number, text: string) =>
        tellEvent(db.sql, { id, lease_no, lease_token, type: 'delta', at, text })
      await say(0, 'an attempt that ')
      await say(0, 'A scrub ')
      await say(8, 'reads')
      await say(8, 'reads')
      await tellEvent(db.sql, { id, lease_no, lease_token, type: 'notice', text: 'by the way' })
      await say(13, ' all')
      expect(await come(id)).toBeUndefined()
      await fail(db.sql, { id, lease_no, lease_token, code: 'broken', message: 'it broke' })
      await db.sql`update hai.task_queue set state = ${state} where id = ${id}`
      expect(await come(id)).toBe('A scrub reads all')
    },
  )

  it('is nothing of a task that has its answer, or of which nothing had come', async () => {
    expect(await come(await anEndedTask(db.sql, 'dead'))).toBeUndefined()
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    await tellEvent(db.sql, { id, lease_no, lease_token, type: 'delta', at: 0, text: 'all' })
    await complete(db.sql, { id, lease_no, lease_token, output: 'all of it' })
    expect(await come(id)).toBeUndefined()
  })
})

const NOTHING_USED = { input: 0, output: 0, cached: 0, reasoning: 0 }

describe('taskResult', () => {
  it('gives the answer of a done task and nothing that it does not have', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    expect(await taskResult(db.sql, id, operator)).toEqual({ id, state: 'running' })
    await complete(db.sql, { id, lease_no, lease_token, output: '', result: false })
    expect(await taskResult(db.sql, id, operator)).toEqual({
      id,
      state: 'done',
      output: '',
      result: false,
      usage: NOTHING_USED,
      ending: 'stop',
    })
  })

  it('gives the error of a dead task', async () => {
    const { id, lease_no, lease_token } = await aRunningTask(db.sql)
    await fail(db.sql, { id, lease_no, lease_token, code: 'no_route', message: 'nobody' })
    expect(await taskResult(db.sql, id, operator)).toEqual({
      id,
      state: 'dead',
      error: { code: 'no_route', message: 'nobody' },
      usage: NOTHING_USED,
    })
  })
})

describe('taskEvents', () => {
  it('gives what came after a cursor, oldest first, with the state and the last number', async () => {
    const id = await aTask(db.sql)
    await claimed(db.sql)
    await cancel(db.sql, { id }, operator)
    const all = await taskEvents(db.sql, { id }, operator)
    expect(all).toMatchObject({ state: 'cancelled', last_seq: 3 })
    expect(all.events.map((event) => [event.seq, event.type])).toEqual([
      [1, 'accepted'],
      [2, 'claimed'],
      [3, 'cancelled'],
    ])
    const some = await taskEvents(db.sql, { id, after: 1, limit: 1 }, operator)
    expect(some.events.map((event) => event.seq)).toEqual([2])
    expect((await taskEvents(db.sql, { id, after: 3 }, operator)).events).toEqual([])
  })

  it('writes events as showTask does, times in UTC', async () => {
    const id = await aTask(db.sql)
    const { events } = await taskEvents(db.sql, { id }, operator)
    expect(events).toEqual((await showTask(db.sql, id, operator)).events)
    expect(events[0]!.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  })

  it('gives the result of a task that has ended, where it is asked for and no event is left', async () => {
    const id = await aTask(db.sql)
    const asked = { id, with_result: true }
    expect(await taskEvents(db.sql, asked, operator)).not.toHaveProperty('outcome')
    await complete(db.sql, { ...heldOf(await claimed(db.sql)), output: 'yes' })
    const outcome = { id, state: 'done', output: 'yes' }
    expect(await taskEvents(db.sql, asked, operator)).toMatchObject({ outcome })
    expect(await taskEvents(db.sql, { ...asked, after: 3 }, operator)).toMatchObject({ outcome, events: [] })
    expect(await taskEvents(db.sql, { ...asked, limit: 2 }, operator)).not.toHaveProperty('outcome')
    expect(await taskEvents(db.sql, { id }, operator)).not.toHaveProperty('outcome')
  })

  it('says what a task waits for that has not ended, where it is asked for', async () => {
    const ahead = await aTask(db.sql, { source: 'cli' })
    const id = await aTask(db.sql, { source: 'cli' })
    const waiting_on = { code: 'behind', text: 'position 2 in lane builtin' }
    expect(await taskEvents(db.sql, { id, with_waiting: true }, operator)).toMatchObject({ waiting_on })
    expect(await taskEvents(db.sql, { id }, operator)).not.toHaveProperty('waiting_on')
    const held = heldOf(await claimed(db.sql))
    expect(await taskEvents(db.sql, { id: ahead, with_waiting: true }, operator)).toMatchObject({
      waiting_on: null,
    })
    await complete(db.sql, { ...held, output: 'yes' })
    expect(await taskEvents(db.sql, { id: ahead, with_waiting: true }, operator)).not.toHaveProperty(
      'waiting_on',
    )
  })

  it('names the job that works on the task', async () => {
    const id = await aTask(db.sql)
    expect(await taskEvents(db.sql, { id }, operator)).not.toHaveProperty('job_id')
    await db.sql`update hai.task_queue set job_id = 'job-1'`
    expect(await taskEvents(db.sql, { id }, operator)).toMatchObject({ job_id: 'job-1' })
  })

  it('takes an id as it was read out: short, lower case, o for 0, with hyphens', async () => {
    const id = '01HZY5T2M3N4P5Q6R7S8T90011'
    await aTask(db.sql, { id })
    for (const said of ['t90011', 'T9OOil', '01hzy5t2m3n4p5q6r7s8t9ooll', '01HZY5T2M3-N4P5Q6R7S8T90011'])
      expect((await taskEvents(db.sql, { id: said }, operator)).last_seq, said).toBe(1)
  })

  it('does not find a task of somebody else, nor one that does not exist', async () => {
    const id = await aTask(db.sql)
    await expect(taskEvents(db.sql, { id }, guest)).rejects.toMatchObject({ code: 'not_found' })
    await expect(taskEvents(db.sql, { id: '01HZY5T2M3N4P5Q6R7S8T90011' }, operator)).rejects.toMatchObject({
      code: 'not_found',
    })
  })
})
