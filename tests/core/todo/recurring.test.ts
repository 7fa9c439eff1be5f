import { beforeEach, describe, expect, it } from 'vitest'
import { addDays, today } from '../../../f/hai/core/base/dates.ts'
import { shortId } from '../../../f/hai/core/base/ids.ts'
import { undoTodos } from '../../../f/hai/core/todo/journal.ts'
import { listTodos } from '../../../f/hai/core/todo/list.ts'
import { skipTodo } from '../../../f/hai/core/todo/recurring.ts'
import { showTodo, updateTodo } from '../../../f/hai/core/todo/todos.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aTodo, clear } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))
const operator = aCaller()
const guest = aCaller('guest')

const now = () => today({ zone: 'UTC', now: new Date() })
const change = (id: string, given: object, caller = operator) => updateTodo(db.sql, { id, ...given }, caller)
const done = (id: string, caller = operator) => change(id, { status: 'done' }, caller)
const look = (id: string) => showTodo(db.sql, id, operator)
const open = async () => (await listTodos(db.sql, { zone: 'UTC' })).todos
const daily = (given: Parameters<typeof aTodo>[1] = {}) => aTodo(db.sql, { recur: 'every day', ...given })

describe('a todo that recurs', () => {
  it('is due at the first date of its rule, or at the one that is given', async () => {
    expect(await daily()).toMatchObject({ recur: 'every day', due: now(), follows: null })
    expect(await daily({ recur: '2 weeks', due: '2030-11-27' })).toMatchObject({
      recur: 'every 2 weeks',
      due: '2030-11-27',
    })
    expect(await daily({ recur: 'monthly', due: '2030-01-31' })).toMatchObject({
      recur: 'every month on the 31st',
    })
  })

  it.each(['often', 'every disk', 'every 5 minutes', 'every', ' '])(
    'is refused where “%s” is how often, and nothing is added',
    async (recur) => {
      await expect(daily({ recur })).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringMatching(/^recur: .*every monday/),
        plain: expect.not.stringContaining('disk'),
      })
      expect(await open()).toEqual([])
    },
  )

  it('is followed by the next one when it is done, with all that it is', async () => {
    const first = await daily({
      tags: ['rack'],
      priority: 'high',
      metadata: { room: 1 },
      created_by: 'guest',
    })
    const { next, ...closed } = await done(first.id)
    expect(closed).toMatchObject({ id: first.id, status: 'done', recur: 'every day' })
    const { id: _, created_at: __, updated_at: ___, ...same } = first
    expect(next).toMatchObject({
      ...same,
      created_at: next!.created_at,
      due: addDays(now(), 1),
      follows: first.id,
    })
    expect(await open()).toMatchObject([{ id: next!.id }])
    expect((await look(next!.id)).changed_by).toBeNull()
  })

  it('has one next one, however often and by how many it is done', async () => {
    const { id } = await daily()
    await Promise.all([done(id), done(id, guest), done(id)])
    await done(id)
    expect(await open()).toHaveLength(1)
  })

  it('does not pile up what was missed', async () => {
    const { id } = await daily({ recur: 'every 2 days', due: '2020-01-01' })
    const { next } = await done(id)
    expect(next!.due! > now()).toBe(true)
    expect(next!.due! <= addDays(now(), 2)).toBe(true)
  })

  it('goes on in the zone in which its rule was given, whoever is done with it', async () => {
    const { id } = await daily({ recur: 'every day at 7', zone: 'Asia/Kolkata' })
    const { next } = await done(id, aCaller('guest', 'America/New_York'))
    expect(next!.due).toMatch(/T01:30:00Z$/)
  })

  it.each([
    ['dropped', { status: 'dropped' }],
    ['stopped and done', { status: 'done', recur: '' }],
  ])('ends when it is %s', async (_, given) => {
    const { id } = await daily()
    expect((await change(id, given)).next).toBeUndefined()
    expect(await open()).toEqual([])
  })

  it('stays, once, when the rule is taken from it', async () => {
    const { id } = await daily()
    expect(await change(id, { recur: null })).toMatchObject({ recur: null, status: 'open', due: now() })
    expect((await done(id)).next).toBeUndefined()
  })

  it('takes another rule, and one that had none its first date', async () => {
    const { id } = await aTodo(db.sql)
    expect(await change(id, { recur: 'daily' })).toMatchObject({ recur: 'every day', due: now() })
    expect(await change(id, { recur: 'month', due: '2030-01-31' })).toMatchObject({
      recur: 'every month on the 31st',
      due: '2030-01-31',
    })
    // put off once, it keeps its day
    await change(id, { due: '2030-02-03' })
    expect((await done(id)).next).toMatchObject({ due: '2030-02-28' })
  })

  it('is due at the first date of another rule, and keeps the one that a rule is counted from', async () => {
    const { id } = await daily({ due: '2030-01-02' })
    expect(await change(id, { recur: '2 weeks' })).toMatchObject({ due: '2030-01-02' })
    const { due } = await change(id, { recur: 'every friday' })
    expect(new Date(`${due}T00:00Z`).getUTCDay()).toBe(5)
    expect(due! < '2030').toBe(true)
    expect(await change(id, { recur: 'every friday', due: '2030-01-02' })).toMatchObject({
      due: '2030-01-02',
    })
  })

  it('has the time of its rule on the day that is given', async () => {
    const { id, due } = await daily({ recur: 'every day at 7', due: '2030-01-02' })
    expect(due).toBe('2030-01-02T07:00:00Z')
    expect(await change(id, { recur: 'every day at 9:30', due: '2030-01-03' })).toMatchObject({
      due: '2030-01-03T09:30:00Z',
    })
  })

  it('is not left without a date', async () => {
    const { id } = await daily()
    await expect(change(id, { due: null })).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(`hai todo stop ${shortId(id)}`),
    })
    expect(await change(id, { due: null, recur: null })).toMatchObject({ due: null, recur: null })
  })

  it('waits for what is open still, or has come after what was done', async () => {
    const [other, once, fetched] = [await aTodo(db.sql), await aTodo(db.sql), await daily()]
    const { id } = await daily({ depends_on: [other.id, once.id, fetched.id] })
    await done(once.id)
    const { next: fetch } = await done(fetched.id)
    const { next } = await done(id)
    expect(next!.depends_on.toSorted()).toEqual([other.id, fetch!.id].toSorted())
    expect(next!.blocked_by).toHaveLength(2)
  })
})

describe('undoing', () => {
  const undo = (caller = operator) => undoTodos(db.sql, {}, caller)

  it('that it is done takes the next one away too, and it can be done again', async () => {
    const { id } = await daily()
    const { next } = await done(id)
    expect((await undo()).undone).toMatchObject([
      { deed: 'added', todo: { id: next!.id, status: 'dropped' } },
      { deed: 'done', todo: { id, status: 'open' } },
    ])
    expect(await open()).toMatchObject([{ id }])
    expect((await done(id)).next).toMatchObject({ follows: id })
    expect(await open()).toHaveLength(1)
  })

  it('is refused as a whole where somebody has worked on the next one', async () => {
    const { id } = await daily()
    const { next } = await done(id)
    await change(next!.id, { tags: ['x'] }, guest)
    await expect(undo()).rejects.toMatchObject({ code: 'conflict', message: expect.stringMatching(/^guest/) })
    expect((await look(id)).status).toBe('done')
  })

  it('a rule gives back the one before', async () => {
    const { id } = await daily({ recur: 'monthly', due: '2030-01-31' })
    await change(id, { recur: 'every year' })
    await undo()
    expect(await look(id)).toMatchObject({ recur: 'every month on the 31st', due: '2030-01-31' })
  })
})

describe('to open one again', () => {
  it('takes the next one away where nobody has touched it, and undoing that gives it back', async () => {
    const { id } = await daily()
    const { next } = await done(id)
    await change(id, { status: 'open' })
    expect(await open()).toMatchObject([{ id }])
    await undoTodos(db.sql, {}, operator)
    expect(await open()).toMatchObject([{ id: next!.id, follows: id }])
    expect((await look(id)).status).toBe('done')
  })

  it('leaves the next one where somebody has, and makes no second', async () => {
    const { id } = await daily()
    const { next } = await done(id)
    await change(next!.id, { tags: ['x'] }, guest)
    await change(id, { status: 'open' })
    expect(await open()).toHaveLength(2)
    await done(id)
    expect(await open()).toMatchObject([{ id: next!.id }])
  })
})

describe('skipTodo', () => {
  const skip = (id: string, batch?: string) => skipTodo(db.sql, { id, ...(batch && { batch }) }, operator)

  it('passes to the next date, and undoing that goes back', async () => {
    const { id } = await daily({ due: '2030-11-27' })
    expect(await skip(shortId(id))).toMatchObject({ id, due: '2030-11-28', status: 'open' })
    expect(await skip(id)).toMatchObject({ due: '2030-11-29', changed_by: 'operator' })
    expect((await undoTodos(db.sql, {}, operator)).undone).toMatchObject([
      { deed: 'edited', fields: ['due'], todo: { due: '2030-11-28' } },
    ])
  })

  it('skips once for a call that came twice', async () => {
    const { id } = await daily({ due: '2030-11-27' })
    await skip(id, 'k')
    expect(await skip(id, 'k')).toMatchObject({ due: '2030-11-28' })
  })

  it('of an overdue one leaves what is due today', async () => {
    const { id } = await daily({ due: '2020-01-01' })
    expect(await skip(id)).toMatchObject({ due: now() })
  })

  it('is refused where there is nothing to skip', async () => {
    const { id } = await aTodo(db.sql)
    await expect(skip(id)).rejects.toMatchObject({ code: 'invalid' })
    const last = await daily({ due: '2999-12-31' })
    await expect(skip(last.id)).rejects.toMatchObject({ code: 'invalid' })
    await done(last.id)
    await expect(skip(last.id)).rejects.toMatchObject({ code: 'conflict' })
    await expect(skip('ZZZZZZ')).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('a text that says how often', () => {
  const add = (body: string) => aTodo(db.sql, { body, parse: true })

  it('makes a todo that recurs, and the echo says so', async () => {
    const todo = await add('take out the bins every monday #house')
    expect(todo).toMatchObject({
      body: 'take out the bins',
      recur: 'every Monday',
      read: {
        text: expect.stringMatching(/^due Mon \d+ \w+(?: \d{4})? · every Monday · #house$/),
        notes: [],
      },
    })
    expect((await done(todo.id)).next).toMatchObject({ body: 'take out the bins', tags: ['house'] })
  })

  it('is left as it is where that may belong to the sentence, with the command that says it', async () => {
    const { id, recur, read } = await add('fix the job that runs every night')
    expect(recur).toBeNull()
    expect(read?.notes).toEqual([expect.stringContaining(`hai todo edit ${shortId(id)} --every "day"`)])
  })

  it('gives way to what is said beside it', async () => {
    expect(await aTodo(db.sql, { body: 'bins every monday', parse: true, recur: 'tue' })).toMatchObject({
      body: 'bins',
      recur: 'every Tuesday',
    })
  })
})
