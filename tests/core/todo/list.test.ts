import { beforeEach, describe, expect, it } from 'vitest'
import { listTodos, todosFor } from '../../../f/hai/core/todo/list.ts'
import { runTodo } from '../../../f/hai/core/todo/run.ts'
import type { Todo } from '../../../f/hai/core/todo/shape.ts'
import { updateTodo } from '../../../f/hai/core/todo/todos.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aTodo, clear } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))
const zone = 'UTC'
const seer = { ...aCaller(), zone }

type Filter = Omit<Parameters<typeof listTodos>[1], 'zone'>
const bodies = async (filter: Filter = {}) =>
  (await listTodos(db.sql, { ...filter, zone }, seer.sees)).todos.map((todo) => todo.body)

async function day(fromToday: number): Promise<string> {
  const [row] = await db.sql<{ day: string }[]>`
    select ((now() at time zone 'UTC')::date + ${fromToday}::int) as day`
  return row!.day
}

async function pages(filter: Filter): Promise<Todo[]> {
  const all: Todo[] = []
  let cursor: string | undefined
  do {
    const page = await listTodos(db.sql, { ...filter, zone, ...(cursor ? { cursor } : {}) })
    all.push(...page.todos)
    cursor = page.next_cursor
  } while (cursor)
  return all
}

describe('listTodos', () => {
  it('shows open ones by due date, then those without, oldest first', async () => {
    await aTodo(db.sql, { body: 'no date, first' })
    await aTodo(db.sql, { body: 'later', due: '2031-01-01' })
    await aTodo(db.sql, { body: 'soon', due: '2030-01-01' })
    await aTodo(db.sql, { body: 'no date, second' })
    const done = await aTodo(db.sql, { body: 'done', due: '2030-01-01' })
    await updateTodo(db.sql, { id: done.id, status: 'done' }, seer)
    expect(await bodies()).toEqual(['soon', 'later', 'no date, first', 'no date, second'])
  })

  it('lists all of a day before the first moment of the next one', async () => {
    const zone = 'Asia/Tokyo'
    await aTodo(db.sql, { body: 'midnight', due: '2030-01-01T15:00:00Z' })
    await aTodo(db.sql, { body: 'the day before', due: '2030-01-01', zone })
    await aTodo(db.sql, { body: 'late on it', due: '2030-01-01T14:59:00Z' })
    const first = await listTodos(db.sql, { zone, limit: 2 })
    const rest = await listTodos(db.sql, { zone, cursor: first.next_cursor })
    expect([...first.todos, ...rest.todos].map(({ body }) => body)).toEqual([
      'late on it',
      'the day before',
      'midnight',
    ])
  })

  it.each([
    ['Pacific/Auckland', ['timed, passed', 'the day before', 'timed, later', 'whole day']],
    ['America/New_York', ['timed, passed', 'the day before', 'timed, later', 'whole day']],
  ])('sorts by the whole of when it is due in %s, overdue first', async (there, expected) => {
    const [now] = await db.sql<{ day: string; before: string; late: string; later: string }[]>`
      select day::text, (day - 2)::text as before, (now() - interval '3 days')::text as late,
        ((day + 1)::timestamp at time zone ${there} - interval '1 second')::text as later
      from (select (now() at time zone ${there})::date as day) today`
    const iso = (text: string) => new Date(text).toISOString()
    await aTodo(db.sql, { body: 'whole day', due: now!.day, zone: there })
    await aTodo(db.sql, { body: 'timed, later', due: iso(now!.later), zone: there })
    await aTodo(db.sql, { body: 'the day before', due: now!.before, zone: there })
    await aTodo(db.sql, { body: 'timed, passed', due: iso(now!.late), zone: there })
    const list = (filter: object) => listTodos(db.sql, { ...filter, zone: there })
    expect((await list({})).todos.map(({ body }) => body)).toEqual(expected)
    expect((await list({ next: true })).todos.map(({ body }) => body)).toEqual(expected)
    const first = await list({ limit: 3 })
    expect((await list({ cursor: first.next_cursor })).todos.map(({ body }) => body)).toEqual(
      expected.slice(3),
    )
  })

  it('shows the others, and all, newest first', async () => {
    for (const body of ['a', 'b', 'c']) await aTodo(db.sql, { body })
    const todos = await pages({})
    await updateTodo(db.sql, { id: todos[0]!.id, status: 'done' }, seer)
    await updateTodo(db.sql, { id: todos[1]!.id, status: 'dropped' }, seer)
    expect(await bodies({ status: 'done' })).toEqual(['a'])
    expect(await bodies({ status: 'dropped' })).toEqual(['b'])
    expect(await bodies({ status: 'all' })).toEqual(['c', 'b', 'a'])
  })

  it('filters by tag, words and due date', async () => {
    await aTodo(db.sql, { body: 'replace the battery', tags: ['rack', 'ups'], due: '2030-01-01' })
    await aTodo(db.sql, { body: 'clean the fans', tags: ['rack'], due: '2030-01-02T10:00:00Z' })
    expect(await bodies({ tag: 'ups' })).toEqual(['replace the battery'])
    expect(await bodies({ text: 'FANS clean' })).toEqual(['clean the fans'])
    expect(await bodies({ due_before: '2030-01-02T00:00:00Z' })).toEqual(['replace the battery'])
    expect(await bodies({ due_before: '2030-01-02T10:00:01Z' })).toEqual([
      'replace the battery',
      'clean the fans',
    ])
    expect(await bodies({ tag: 'rack', text: 'battery', due_before: '2030-01-01T00:00:00Z' })).toEqual([])
  })

  it('reads a tag and a status as they are stored, and finds parts of words in body, tags and result', async () => {
    await aTodo(db.sql, { body: 'replace the UPS battery', tags: ['#Shop', 'cafe\u0301'] })
    const pay = await aTodo(db.sql, { body: 'pay €20 for 100% of it' })
    await runTodo(db.sql, { id: pay.id }, seer)
    await db.sql`update hai.todo set result = 'the answer is 42' where body like 'pay%'`
    for (const tag of ['shop', '#shop', 'SHOP', 'café', 'Cafe\u0301']) {
      expect(await bodies({ tag, status: 'All' as never }), tag).toEqual(['replace the UPS battery'])
    }
    for (const text of ['batt', 'ATTER', '#shop', 'hop', 'café']) {
      expect(await bodies({ text }), text).toEqual(['replace the UPS battery'])
    }
    for (const text of ['€20', '20', '100%', 'ANSWER is 4', 'y €']) {
      expect(await bodies({ text }), text).toEqual(['pay €20 for 100% of it'])
    }
    for (const text of ['$20', '%_%', 'UPS.battery', 'nope']) expect(await bodies({ text }), text).toEqual([])
  })

  it('counts all that are as asked, on every page', async () => {
    for (let n = 0; n < 9; n += 1)
      await aTodo(db.sql, {
        body: `todo ${n}`,
        tags: n < 4 ? ['few'] : [],
        ...(n > 5 && { due: '2030-01-01' }),
      })
    const totals = async (filter: Filter) => {
      const first = await listTodos(db.sql, { limit: 2, ...filter, zone })
      const next = await listTodos(db.sql, { limit: 2, ...filter, zone, cursor: first.next_cursor! })
      return [first.total, next.total]
    }
    expect(await totals({})).toEqual([9, 9])
    expect(await totals({ tag: 'few', status: 'all' })).toEqual([4, 4])
    expect(await totals({ due_before: '2031-01-01T00:00:00Z' })).toEqual([3, 3])
    expect((await listTodos(db.sql, { next: true, limit: 2, zone })).total).toBe(9)
    expect((await listTodos(db.sql, { next: true, tag: 'nope', zone })).total).toBe(0)
  })

  it.each(['open', 'all', 'done'] as const)(
    'pages through %s ones without a gap or a repeat',
    async (status) => {
      for (let n = 0; n < 11; n += 1)
        await aTodo(db.sql, { body: `todo ${n}`, ...(n % 3 === 0 ? { due: `2030-01-0${1 + (n % 2)}` } : {}) })
      await db.sql`update hai.todo set created_at = '2026-11-20'`
      if (status === 'done') await db.sql`update hai.todo set status = 'done', closed_at = now()`
      const whole = await listTodos(db.sql, { status, zone })
      expect(whole.todos).toHaveLength(11)
      expect(await pages({ status, limit: 3 })).toEqual(whole.todos)
    },
  )

  it('goes on where it was when the last one of a page was given another date meanwhile', async () => {
    for (let n = 1; n < 7; n += 1) await aTodo(db.sql, { body: `${n}`, due: `2030-01-0${n}` })
    const first = await listTodos(db.sql, { limit: 3, zone })
    await updateTodo(db.sql, { id: first.todos[2]!.id, due: '2031-01-01' }, seer)
    const second = await listTodos(db.sql, { limit: 2, zone, cursor: first.next_cursor! })
    expect(second.todos.map((todo) => todo.body)).toEqual(['4', '5'])
  })

  it.each<[string, Record<string, unknown>]>([
    ['status', { status: 'finished' }],
    ['limit', { limit: 0 }],
    ['due_before', { due_before: 'friday' }],
    ['cursor', { cursor: 'x' }],
    ['tags', { tags: ['rack'] }],
  ])('names %s when it is wrong', async (field, filter) => {
    await expect(listTodos(db.sql, { ...filter, zone } as never)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(field),
    })
  })
})

it('tells who may mend it that the setting is not in force by which days are told, and no other', async () => {
  const said = 'budget configuration (budget.yaml, on Windmill u/operator/hai_budget): time_zone: no'
  expect(await todosFor(db.sql, {}, aCaller())).not.toHaveProperty('problems')
  await db.sql`
    insert into hai.config (name, value, hash, error)
    values ('budget', '{}', 'a', ${said}), ('channels', '{}', 'a', 'channels configuration: no')`
  expect(await todosFor(db.sql, {}, aCaller())).toMatchObject({ problems: [said], total: 0 })
  expect(await todosFor(db.sql, {}, aCaller('guest'))).not.toHaveProperty('problems')
})

describe('what is next', () => {
  it('puts what is overdue first, then pressing ones, then priority, date and age', async () => {
    await aTodo(db.sql, { body: 'low', priority: 'low' })
    await aTodo(db.sql, { body: 'old' })
    await aTodo(db.sql, { body: 'far', due: await day(30) })
    await aTodo(db.sql, { body: 'high', priority: 'high' })
    await aTodo(db.sql, { body: 'tomorrow', due: await day(1) })
    await aTodo(db.sql, { body: 'overdue', due: await day(-3) })
    await aTodo(db.sql, { body: 'urgent', priority: 'urgent' })
    expect(await bodies({ next: true })).toEqual([
      'overdue',
      'urgent',
      'tomorrow',
      'high',
      'far',
      'old',
      'low',
    ])
  })

  it('leaves out what waits for another that is still open', async () => {
    const first = await aTodo(db.sql, { body: 'buy' })
    await aTodo(db.sql, { body: 'build', depends_on: [first.id], priority: 'urgent' })
    expect(await bodies({ next: true })).toEqual(['buy'])
    await updateTodo(db.sql, { id: first.id, status: 'dropped' }, seer)
    expect(await bodies({ next: true })).toEqual(['build'])
  })

  it('keeps to a tag and a limit', async () => {
    await aTodo(db.sql, { body: 'a', tags: ['rack'] })
    await aTodo(db.sql, { body: 'b', tags: ['rack'] })
    await aTodo(db.sql, { body: 'c' })
    expect(await bodies({ next: true, tag: 'rack', limit: 1 })).toEqual(['a'])
  })
})
