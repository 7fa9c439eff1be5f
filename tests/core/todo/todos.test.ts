import { beforeEach, describe, expect, it } from 'vitest'
import { shortId } from '../../../f/hai/core/base/ids.ts'
import { fail } from '../../../f/hai/core/task/finish.ts'
import { runTodo } from '../../../f/hai/core/todo/run.ts'
import { addTodo, showTodo, updateTodo } from '../../../f/hai/core/todo/todos.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aTodo, claimed, clear, rowOf } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))
const operator = aCaller()
const zone = 'Europe/Zurich'
const seer = { ...aCaller(), zone }

const countTodos = async () => (await db.sql`select from hai.todo`).length

describe('addTodo', () => {
  it('gives the todo as it was written', async () => {
    const todo = await aTodo(db.sql, {
      tags: ['rack'],
      priority: 'high',
      due: '2030-11-27',
      metadata: { room: 1 },
    })
    expect(todo).toEqual({
      id: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/),
      body: 'replace the UPS battery',
      status: 'open',
      tags: ['rack'],
      priority: 'high',
      due: '2030-11-27',
      overdue: false,
      recur: null,
      follows: null,
      depends_on: [],
      blocked_by: [],
      metadata: { room: 1 },
      created_by: 'operator',
      task_id: null,
      result: null,
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
      closed_at: null,
      closed_by: null,
      changed_by: null,
      changed_at: null,
    })
    expect(await showTodo(db.sql, shortId(todo.id), seer)).toEqual(todo)
  })

  it('reads tags, a priority and a date out of the text when asked to, and only then', async () => {
    const body = 'replace the UPS battery #rack !high due 2030-11-27'
    expect(await aTodo(db.sql, { body, parse: true })).toMatchObject({
      body: 'replace the UPS battery',
      tags: ['rack'],
      priority: 'high',
      due: '2030-11-27',
    })
    expect(await aTodo(db.sql, { body })).toMatchObject({ body, tags: [], due: null })
  })

  it('prefers what is given to what the text says', async () => {
    const todo = await aTodo(db.sql, {
      body: 'x #rack !high due 2030-11-27',
      parse: true,
      tags: ['ups', 'rack'],
      priority: 'low',
      due: '2031-01-01',
    })
    expect(todo).toMatchObject({ tags: ['ups', 'rack'], priority: 'low', due: '2031-01-01' })
  })

  it('keeps a time as an instant, and files it under the day it falls on where its owner lives', async () => {
    const todo = await aTodo(db.sql, { due: '2030-11-26T23:30:00Z', zone })
    const [row] = await db.sql`select due_on, due_at from hai.todo`
    expect(todo.due).toBe('2030-11-26T23:30:00Z')
    expect(row).toEqual({ due_on: '2030-11-27', due_at: '2030-11-26T23:30:00.000Z' })
  })

  it('says that a day before today, and a time before now, is overdue', async () => {
    expect(await aTodo(db.sql, { due: '2020-01-01' })).toMatchObject({ overdue: true })
    expect(await aTodo(db.sql, { due: '2020-01-01T12:00:00Z' })).toMatchObject({ overdue: true })
    const [today] = await db.sql<{ day: string }[]>`select (now() at time zone 'UTC')::date as day`
    expect(await aTodo(db.sql, { due: today!.day })).toMatchObject({ overdue: false })
  })

  it('gives the first todo for the same key and content, and refuses other content', async () => {
    const first = await aTodo(db.sql, { idempotency_key: 'k' })
    expect(await aTodo(db.sql, { idempotency_key: 'k' })).toEqual(first)
    await expect(aTodo(db.sql, { idempotency_key: 'k', body: 'another' })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('k'),
    })
    expect(await aTodo(db.sql, { idempotency_key: 'k', created_by: 'guest' })).not.toMatchObject({
      id: first.id,
    })
    expect(await countTodos()).toBe(2)
  })

  it('makes one todo of 20 deliveries at once', async () => {
    const pools = Array.from({ length: 20 }, () => db.open({ max: 1 }))
    await Promise.all(pools.map((pool) => pool`select 1`))
    const todos = await Promise.all(pools.map((pool) => aTodo(pool, { idempotency_key: 'k' })))
    expect(new Set(todos.map((todo) => todo.id)).size).toBe(1)
    expect(await countTodos()).toBe(1)
  })

  it('forgets a key after 24 hours', async () => {
    const first = await aTodo(db.sql, { idempotency_key: 'k' })
    await db.sql`update hai.todo set idempotency_until = now() - interval '1 s'`
    expect((await aTodo(db.sql, { idempotency_key: 'k', body: 'another' })).id).not.toBe(first.id)
  })

  it('takes what it depends on by short id, once', async () => {
    const first = await aTodo(db.sql)
    const second = await aTodo(db.sql, { depends_on: [shortId(first.id), first.id] })
    expect(second).toMatchObject({ depends_on: [first.id], blocked_by: [first.id] })
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['body', { body: '' }, '1 to 10000 characters'],
    ['body', { body: ' \n ' }, '1 to 10000 characters'],
    ['body', { body: 'x'.repeat(10_001) }, '1 to 10000 characters'],
    ['tag', { body: '#rack due tomorrow', parse: true }, 'not what is to be done'],
    ['tags', { tags: ['two words'] }, 'a tag such as rack'],
    ['tags', { tags: Array.from({ length: 21 }, (_, n) => `t${n}`) }, 'at most 20'],
    ['priority', { priority: 'asap' }, 'low, normal, high, urgent'],
    ['due', { due: 'someday' }, 'tomorrow 17:00'],
    ['due', { due: '2026-02-31' }, 'not a date'],
    ['metadata', { metadata: 'x' }, 'expected'],
    ['metadata.__proto__', { metadata: JSON.parse('{"__proto__":1}') }, 'choose another'],
    ['created_by', { created_by: '' }, 'characters'],
  ])('names %s when it is wrong, and adds nothing', async (field, given, said) => {
    await expect(aTodo(db.sql, given)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(new RegExp(`${field}.*${said}`)),
    })
    expect(await countTodos()).toBe(0)
  })

  it('refuses to depend on what does not exist', async () => {
    await expect(aTodo(db.sql, { depends_on: ['zzzzzz'] })).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('zzzzzz'),
    })
  })

  it('names an unknown field', async () => {
    const given = { body: 'x', created_by: 'operator', zone: 'UTC', colour: 'red' }
    await expect(addTodo(db.sql, given as never)).rejects.toThrow('unknown field colour')
  })
})

describe('updateTodo', () => {
  it('changes what is given and nothing else', async () => {
    const todo = await aTodo(db.sql, { tags: ['rack'], due: '2030-11-27', priority: 'high' })
    const changed = await updateTodo(db.sql, { id: shortId(todo.id), body: 'buy a new UPS' }, seer)
    const { updated_at, changed_at } = changed
    const how = { updated_at, changed_at, changed_by: 'operator' }
    expect(changed).toEqual({ ...todo, body: 'buy a new UPS', ...how })
    expect(changed_at).toEqual(expect.stringMatching(/Z$/))
  })

  it.each(['done', 'dropped'] as const)('closes a todo as %s once, and reopens it', async (status) => {
    const { id } = await aTodo(db.sql)
    const closed = await updateTodo(db.sql, { id, status }, seer)
    expect(closed).toMatchObject({ status, closed_at: expect.any(String) })
    expect(await updateTodo(db.sql, { id, status }, seer)).toMatchObject({ closed_at: closed.closed_at })
    expect(await updateTodo(db.sql, { id, status: 'open' }, seer)).toMatchObject({
      status: 'open',
      closed_at: null,
    })
  })

  it('keeps who closed it and who changed it last', async () => {
    const by = (name: string, change: object) => updateTodo(db.sql, { id, ...change }, { ...seer, name })
    const { id } = await aTodo(db.sql)
    const closed = await by('kim', { status: 'done' })
    expect(closed).toMatchObject({ created_by: 'operator', closed_by: 'kim', changed_by: 'kim' })
    expect(closed.changed_at).toBe(closed.closed_at)
    // what is done already is not done again
    const { closed_by, changed_by, changed_at } = await by('sam', { status: 'done' })
    expect({ closed_by, changed_by, changed_at }).toEqual({
      ...{ closed_by: 'kim', changed_by: 'kim', changed_at: closed.changed_at },
    })
    expect(await by('sam', { tags: ['rack'] })).toMatchObject({ closed_by: 'kim', changed_by: 'sam' })
    expect(await by('sam', { status: 'dropped' })).toMatchObject({ closed_by: 'sam', changed_by: 'sam' })
    expect(await by('kim', { status: 'open', priority: 'high' })).toMatchObject({
      ...{ closed_by: null, changed_by: 'kim' },
    })
    expect(await showTodo(db.sql, id, seer)).toMatchObject({ closed_by: null, changed_by: 'kim' })
  })

  it.each([null, ''])('takes the due date away with %j', async (due) => {
    const { id } = await aTodo(db.sql, { due: '2030-11-27T10:00:00Z' })
    expect(await updateTodo(db.sql, { id, due }, seer)).toMatchObject({ due: null })
  })

  it('turns a time into a day', async () => {
    const { id } = await aTodo(db.sql, { due: '2030-11-27T10:00:00Z' })
    expect(await updateTodo(db.sql, { id, due: '2031-01-01' }, seer)).toMatchObject({ due: '2031-01-01' })
  })

  it('replaces lists, also by none', async () => {
    const first = await aTodo(db.sql)
    const { id } = await aTodo(db.sql, { tags: ['a', 'b'], depends_on: [first.id], metadata: { a: 1 } })
    expect(await updateTodo(db.sql, { id, tags: [], depends_on: [], metadata: {} }, seer)).toMatchObject({
      tags: [],
      depends_on: [],
      metadata: {},
    })
  })

  it('is blocked by what it depends on until that is closed', async () => {
    const first = await aTodo(db.sql)
    const { id } = await aTodo(db.sql, { depends_on: [first.id] })
    await updateTodo(db.sql, { id: first.id, status: 'done' }, seer)
    expect(await showTodo(db.sql, id, seer)).toMatchObject({ depends_on: [first.id], blocked_by: [] })
  })

  it.each<[string, Record<string, unknown>]>([
    ['nothing to change', {}],
    ['body', { body: '' }],
    ['status', { status: 'finished' }],
    ['due', { due: 'someday' }],
    ['tags', { tags: ['a b'] }],
    ['colour', { colour: 'red' }],
  ])('says %s when the change is wrong, and changes nothing', async (said, change) => {
    const todo = await aTodo(db.sql)
    await expect(updateTodo(db.sql, { id: todo.id, ...change } as never, seer)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(said),
    })
    expect(await showTodo(db.sql, todo.id, seer)).toEqual(todo)
  })

  it('does not find a todo that does not exist', async () => {
    await expect(updateTodo(db.sql, { id: 'zzzzzz', status: 'done' }, seer)).rejects.toMatchObject({
      code: 'not_found',
      message: 'no todo zzzzzz; see hai todo ls',
    })
  })
})

describe('runTodo', () => {
  it('makes a task of the todo, linked both ways', async () => {
    const todo = await aTodo(db.sql)
    const accepted = await runTodo(db.sql, { id: shortId(todo.id) }, operator)
    expect(accepted).toMatchObject({ status: 'accepted' })
    const [task] = await db.sql`select content, source, requester, todo_id from hai.task_queue`
    expect(task).toEqual({ content: todo.body, source: 'todo', requester: 'operator', todo_id: todo.id })
    expect(await showTodo(db.sql, todo.id, seer)).toMatchObject({ task_id: accepted.task_id })
  })

  it('gives the same task while it has not ended', async () => {
    const todo = await aTodo(db.sql)
    const first = await runTodo(db.sql, { id: todo.id }, operator)
    expect(await runTodo(db.sql, { id: todo.id }, operator)).toEqual({ ...first, status: 'duplicate' })
  })

  it('by 20 at once makes one task', async () => {
    const todo = await aTodo(db.sql)
    const pools = Array.from({ length: 20 }, () => db.open({ max: 1 }))
    await Promise.all(pools.map((pool) => pool`select 1`))
    const told = await Promise.all(pools.map((pool) => runTodo(pool, { id: todo.id }, operator)))
    expect(new Set(told.map((one) => one.task_id)).size).toBe(1)
    expect(await db.sql`select from hai.task_queue`).toHaveLength(1)
  })

  it('makes a new task when the last one has ended, and forgets its result', async () => {
    const todo = await aTodo(db.sql)
    const first = await runTodo(db.sql, { id: todo.id }, operator)
    const { id, lease_no, lease_token } = await claimed(db.sql)
    await fail(db.sql, { id, lease_no, lease_token, code: 'x', message: 'x' })
    await db.sql`update hai.todo set result = 'old'`
    const second = await runTodo(db.sql, { id: todo.id }, operator)
    expect(second).toMatchObject({ status: 'accepted' })
    expect(second.task_id).not.toBe(first.task_id)
    expect(await showTodo(db.sql, todo.id, seer)).toMatchObject({
      task_id: second.task_id,
      result: null,
    })
    expect(await rowOf(db.sql, first.task_id)).toMatchObject({ state: 'dead' })
  })

  it('gives the first task for the same key also after it has ended', async () => {
    const todo = await aTodo(db.sql)
    const first = await runTodo(db.sql, { id: todo.id, idempotency_key: 'k' }, operator)
    const { id, lease_no, lease_token } = await claimed(db.sql)
    await fail(db.sql, { id, lease_no, lease_token, code: 'x', message: 'x' })
    expect(await runTodo(db.sql, { id: todo.id, idempotency_key: 'k' }, operator)).toMatchObject({
      task_id: first.task_id,
      status: 'duplicate',
    })
  })

  it('refuses a closed todo, with how to reopen it', async () => {
    const { id } = await aTodo(db.sql)
    await updateTodo(db.sql, { id, status: 'done' }, seer)
    await expect(runTodo(db.sql, { id }, operator)).rejects.toMatchObject({
      code: 'conflict',
      message: `todo ${shortId(id)} is done; hai todo reopen ${shortId(id)} first`,
    })
  })
})
