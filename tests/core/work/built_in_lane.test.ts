import { beforeEach, describe, expect, it } from 'vitest'
import { Models } from '../../../f/hai/core/base/backends.ts'
import { firstLane } from '../../../f/hai/core/builtin/first_lane.ts'
import { retry } from '../../../f/hai/core/task/change.ts'
import { keepLanes } from '../../../f/hai/core/task/lane.ts'
import { runTodo } from '../../../f/hai/core/todo/run.ts'
import { claimElsewhere } from '../../../f/hai/core/work/remote.ts'
import { type WorkerOptions, work } from '../../../f/hai/core/work/worker.ts'
import { testDatabase } from '../../support/database.ts'
import {
  aCaller,
  anEndedTask,
  aRunningTask,
  aTask,
  aTodo,
  claimed,
  clear,
  eventTypes,
  FOR_A_MODEL,
  rowOf,
} from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))

const shift: WorkerOptions = {
  ...{ worker: 'w-1', budgetSeconds: 20, signal: new AbortController().signal, start: async () => {} },
  principal: () => aCaller(),
}
const laneOf = async (id: string) => {
  const [row] = await db.sql<{ lane: string }[]>`select lane from hai.task_queue where id = ${id}`
  return row!.lane
}

describe('what hai answers itself', () => {
  it.each([
    ['a machine', 'alertmanager', 2],
    ['a person', 'cli', 4],
  ])('is answered while %s has a model at work in every slot, and others wait', async (_, source, slots) => {
    for (let n = 0; n < slots; n += 1) await aRunningTask(db.sql, { ...FOR_A_MODEL, source })
    const behind = await aTask(db.sql, { ...FOR_A_MODEL, source })
    const id = await aTask(db.sql, { source, content: 'add todo: replace the UPS battery' })
    expect(await work(db.sql, shift)).toEqual({ ran: 1 })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done', attempt: 1 })
    expect(await rowOf(db.sql, behind)).toMatchObject({ state: 'pending' })
  })

  it('is answered to a person before what a machine asked first', async () => {
    for (let n = 0; n < 3; n += 1) await aTask(db.sql, { source: 'alertmanager', priority: 'high' })
    const id = await aTask(db.sql)
    expect((await claimed(db.sql)).id).toBe(id)
    const dead = await anEndedTask(db.sql, 'dead', { priority: 'high' })
    await retry(db.sql, { id: dead }, aCaller(), firstLane)
    expect((await claimed(db.sql)).id).toBe(dead)
  })

  it('goes there from a todo and by a retry, too', async () => {
    const todo = await aTodo(db.sql, { body: 'what is open?' })
    const { task_id } = await runTodo(db.sql, { id: todo.id }, aCaller(), firstLane)
    expect(await laneOf(task_id)).toBe('builtin')
    const dead = await anEndedTask(db.sql, 'dead')
    await db.sql`update hai.task_queue set lane = 'interactive' where id = ${dead}`
    await retry(db.sql, { id: dead }, aCaller(), firstLane)
    expect(await laneOf(dead)).toBe('builtin')
  })

  it.each([
    ['its agent', { target_agent: 'general' }],
    ['attached text', { context: [{ name: 'log', content: 'x' }] }],
  ])('is what the words ask for, unless %s wants a model', async (_, given) => {
    expect(await laneOf(await aTask(db.sql, given))).toBe('interactive')
  })

  it('is looked for in a text that a door reads at once, and longer ones are a worker’s to read', async () => {
    const content = `add todo: ${'x'.repeat(600)}`
    const id = await aTask(db.sql, { content })
    expect(await laneOf(id)).toBe('interactive')
    expect(await work(db.sql, shift)).toEqual({ ran: 1 })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'done' })
  })
})

describe('what turns out to need a model', () => {
  const mistaken = async (source: string) => {
    const id = await aTask(db.sql, { source })
    await db.sql`update hai.task_queue set content = ${FOR_A_MODEL.content} where id = ${id}`
    return id
  }

  it('goes on in the lane of its source, and no attempt is used', async () => {
    const id = await mistaken('alertmanager')
    expect(await work(db.sql, { ...shift, lanes: ['builtin'] })).toEqual({ ran: 1 })
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'pending', attempt: 1 })
    expect(await laneOf(id)).toBe('batch')
    await work(db.sql, shift)
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'dead', attempt: 1, error: { code: 'no_route' } })
    expect(await eventTypes(db.sql, id)).toEqual(['accepted', 'claimed', 'route', 'claimed', 'dead'])
  })

  it('has no head start there', async () => {
    const id = await mistaken('cli')
    await work(db.sql, { ...shift, lanes: ['builtin'] })
    const { claim_at, run_at } = await rowOf(db.sql, id)
    // what normal priority gives, and no more
    expect(Date.parse(run_at) - Date.parse(claim_at)).toBe(120_000)
    const after = await aTask(db.sql, { ...FOR_A_MODEL, priority: 'high' })
    expect((await claimed(db.sql)).id).toBe(after)
  })

  it('is handed to a worker elsewhere in that lane', async () => {
    const id = await mistaken('cli')
    const claim = { worker: 'elsewhere', sends_token: true }
    const { task } = await claimElsewhere(db.sql, claim, () => aCaller())
    expect(task).toMatchObject({ id, lane: 'interactive', attempt: 1 })
  })
})

it('has its lane again when the release before took it away', async () => {
  await db.sql`delete from hai.lane_slot where lane = 'builtin'`
  await keepLanes(db.sql, Models.parse({}))
  await keepLanes(db.sql, Models.parse({}))
  const [row] = await db.sql`select count(*)::int as slots from hai.lane_slot where lane = 'builtin'`
  expect(row).toEqual({ slots: 8 })
})

describe('a chat’s question', () => {
  const turns = [
    { role: 'user', content: 'why is it so?' },
    { role: 'assistant', content: 'Because.' },
  ]
  const lane = async (content: string, chat: object, more: object = {}) =>
    laneOf(await aTask(db.sql, { source: 'openwebui', content, chat, ...more }))

  it.each([
    ['a system prompt', { instructions: 'Be brief.' }],
    ['a history that is not hai’s', { turns }],
    ['both, and limits', { instructions: 'Be brief.', turns, answer: { max_tokens: 5, stop: ['#'] } }],
  ])('is hai’s own to answer behind %s', async (_, chat) => {
    expect(await lane('what is open?', chat)).toBe('builtin')
    const id = await aTask(db.sql, { source: 'openwebui', content: 'add todo: buy milk', chat })
    await work(db.sql, shift)
    expect(await rowOf(db.sql, id)).toMatchObject({
      state: 'done',
      output: expect.stringContaining('buy milk'),
    })
    expect(await db.sql`select body from hai.todo`).toEqual([{ body: 'buy milk' }])
  })

  it.each([
    ['its answer is begun', { begun: 'Open is' }],
    ['it is an errand', { errand: true }],
    ['the answer is to have a form', { answer: { response_format: { type: 'json_object' } } }],
  ])('is a model’s where %s, also when it is tried again', async (_, chat) => {
    expect(await lane('what is open?', chat)).toBe('interactive')
    const [task] = await db.sql<{ id: string }[]>`
      update hai.task_queue set claim_at = now() - interval '1 day', run_at = now() returning id`
    await work(db.sql, shift)
    expect(await rowOf(db.sql, task!.id)).toMatchObject({ state: 'dead', error: { code: 'no_route' } })
    await retry(db.sql, { id: task!.id }, aCaller(), firstLane)
    expect(await laneOf(task!.id)).toBe('interactive')
  })

  it('is a model’s with attached text, as outside of a chat', async () => {
    const context = [{ name: 'a file', content: 'x' }]
    expect(await lane('what is open?', { turns }, { context })).toBe('interactive')
  })
})
