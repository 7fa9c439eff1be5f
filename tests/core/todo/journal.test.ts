import { beforeEach, describe, expect, it } from 'vitest'
import { inTransaction } from '../../../f/hai/core/base/db.ts'
import { shortId } from '../../../f/hai/core/base/ids.ts'
import { forgetChanges, undoTodos } from '../../../f/hai/core/todo/journal.ts'
import { showTodo, updateTodo } from '../../../f/hai/core/todo/todos.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aTodo, clear } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))
const operator = aCaller()
const guest = aCaller('guest')

const undo = (given: Parameters<typeof undoTodos>[1] = {}, caller = operator) =>
  undoTodos(db.sql, given, caller)
const change = (id: string, given: object, caller = operator) => updateTodo(db.sql, { id, ...given }, caller)
const look = (id: string) => showTodo(db.sql, id, operator)

/** What a person would see of a todo, without when and by whom it was changed last. */
async function seen(id: string): Promise<object> {
  const { changed_at: _at, changed_by: _by, updated_at: _updated, ...rest } = await look(id)
  return rest
}

const CHANGES: [string, object, string, string[]][] = [
  ['its text', { body: 'order a battery' }, 'edited', ['body']],
  ['its tags', { tags: [] }, 'edited', ['tags']],
  ['its priority', { priority: 'low' }, 'edited', ['priority']],
  ['a day for a time', { due: '2030-05-05 17:00' }, 'edited', ['due']],
  ['no date', { due: null }, 'edited', ['due']],
  ['its metadata', { metadata: { room: 2, list: [1, { deep: null }] } }, 'edited', ['metadata']],
  ['several fields', { body: 'b', tags: ['b'], due: '' }, 'edited', ['body', 'tags', 'due']],
  ['that it is done', { status: 'done' }, 'done', []],
  ['that it is dropped', { status: 'dropped' }, 'dropped', []],
  ['its end and its text', { status: 'done', body: 'b' }, 'done', []],
]

describe('undoTodos', () => {
  it.each(CHANGES)('gives back %s', async (_, given, deed, fields) => {
    const { id } = await aTodo(db.sql, { tags: ['rack'], due: '2030-11-27', metadata: { room: 1 } })
    const before = await seen(id)
    await change(id, given)
    expect(await seen(id)).not.toEqual(before)
    const { undone } = await undo()
    expect(undone).toMatchObject([{ deed, fields, todo: { id, changed_by: 'operator' } }])
    expect(await seen(id)).toEqual(before)
  })

  it('gives back who closed it and when, where that was taken from it', async () => {
    const { id } = await aTodo(db.sql)
    await change(id, { status: 'done' }, guest)
    const before = await seen(id)
    await change(id, { status: 'open' })
    expect((await undo()).undone).toMatchObject([
      { deed: 'reopened', todo: { status: 'done', closed_by: 'guest' } },
    ])
    expect(await seen(id)).toEqual(before)
  })

  it('takes back a todo with the day that was chosen for it when it was put down', async () => {
    const { id } = await aTodo(db.sql, { body: 'pay the rent due 3/4', parse: true })
    await change(id, { due: '2030-04-03', body: 'pay the rent', batch: id })
    const { undone } = await undo()
    expect(undone.map(({ deed }) => deed)).toEqual(['edited', 'added'])
    expect(await look(id)).toMatchObject({ status: 'dropped', body: 'pay the rent due 3/4' })
  })

  it('gives back whose words it has', async () => {
    const { id } = await aTodo(db.sql)
    await change(id, { body: 'mine' }, guest)
    await undo({}, guest)
    const [row] = await db.sql`select written_by from hai.todo where id = ${id}`
    expect(row).toEqual({ written_by: null })
  })

  it('drops what was added', async () => {
    const { id } = await aTodo(db.sql)
    expect((await undo()).undone).toMatchObject([
      { deed: 'added', todo: { id, status: 'dropped', closed_by: 'operator' } },
    ])
  })

  it('goes back one change at each call, to the first', async () => {
    const { id } = await aTodo(db.sql, { body: 'a' })
    const other = await aTodo(db.sql, { body: 'other' })
    await change(id, { body: 'b' })
    await change(other.id, { status: 'done' })
    await change(id, { body: 'c' })
    const bodies = []
    for (let step = 0; step < 3; step++) bodies.push((await undo()).undone[0]!.todo.body)
    expect(bodies).toEqual(['b', 'other', 'a'])
    expect((await look(other.id)).status).toBe('open')
    expect((await undo()).undone[0]).toMatchObject({ deed: 'added', todo: { body: 'other' } })
    expect((await undo()).undone[0]).toMatchObject({ deed: 'added', todo: { body: 'a' } })
    await expect(undo()).rejects.toMatchObject({ code: 'not_found' })
  })

  it('does not count what changed nothing', async () => {
    const { id } = await aTodo(db.sql, { body: 'a' })
    await change(id, { body: 'b' })
    await change(id, { body: 'b' })
    await change(id, { status: 'open' })
    expect((await undo()).undone[0]).toMatchObject({ deed: 'edited', todo: { body: 'a' } })
  })

  it('takes back as one what has one batch', async () => {
    const ids = [await aTodo(db.sql), await aTodo(db.sql), await aTodo(db.sql)].map((todo) => todo.id)
    for (const id of ids) await change(id, { status: 'done', batch: 'one' })
    const { undone } = await undo()
    expect(undone.map(({ todo }) => [todo.id, todo.status])).toEqual(
      ids.toReversed().map((id) => [id, 'open']),
    )
  })

  it('takes back all of a batch or nothing', async () => {
    const [first, second] = [await aTodo(db.sql), await aTodo(db.sql)]
    for (const { id } of [first, second]) await change(id, { status: 'done', batch: 'one' })
    await change(first.id, { status: 'open' }, guest)
    await expect(undo()).rejects.toMatchObject({ code: 'conflict' })
    expect((await look(second.id)).status).toBe('done')
  })

  it("is of one's own changes, whatever others did since", async () => {
    const [mine, theirs] = [await aTodo(db.sql), await aTodo(db.sql)]
    await change(mine.id, { priority: 'high' })
    await change(theirs.id, { priority: 'low', batch: 'one' }, guest)
    expect((await undo()).undone).toMatchObject([{ todo: { id: mine.id, priority: 'normal' } }])
    expect((await look(theirs.id)).priority).toBe('low')
    await expect(undo({ id: theirs.id }, aCaller('robot'))).rejects.toMatchObject({ code: 'not_found' })
  })

  it('leaves alone what somebody changed since, and says who', async () => {
    const { id } = await aTodo(db.sql, { tags: ['a'] })
    await change(id, { tags: ['a', 'b'] })
    await change(id, { tags: ['a', 'b', 'c'] }, guest)
    await expect(undo()).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(`guest changed todo ${shortId(id)} since`),
    })
    expect((await look(id)).tags).toEqual(['a', 'b', 'c'])
    // once that is taken back it is as it was
    await undo({}, guest)
    expect((await undo()).undone).toMatchObject([{ todo: { tags: ['a'] } }])
  })

  it('gives back what is its own where somebody changed something else', async () => {
    const { id } = await aTodo(db.sql)
    await change(id, { due: '2030-01-01' })
    await change(id, { tags: ['x'] }, guest)
    expect((await undo()).undone).toMatchObject([{ todo: { due: null, tags: ['x'] } }])
  })

  it('does not drop what somebody has worked on since it was added', async () => {
    const { id } = await aTodo(db.sql)
    await change(id, { tags: ['x'] }, guest)
    await expect(undo()).rejects.toMatchObject({ code: 'conflict' })
    expect((await look(id)).status).toBe('open')
  })

  it('can be asked of one todo', async () => {
    const { id } = await aTodo(db.sql, { body: 'a' })
    await change(id, { body: 'b' })
    const other = await aTodo(db.sql)
    expect((await undo({ id: shortId(id) })).undone).toMatchObject([{ todo: { id, body: 'a' } }])
    expect((await look(other.id)).status).toBe('open')
    await expect(undo({ id: 'ZZZZZZ' })).rejects.toMatchObject({ code: 'not_found' })
  })

  it('tells the same again to a call that came twice', async () => {
    const { id } = await aTodo(db.sql, { body: 'a' })
    await change(id, { body: 'b' })
    await change(id, { body: 'c' })
    const first = await undo({ idempotency_key: 'k' })
    expect(await undo({ idempotency_key: 'k' })).toEqual(first)
    expect((await look(id)).body).toBe('b')
    await undo({ idempotency_key: 'another' })
    expect((await look(id)).body).toBe('a')
  })

  it('takes back two when called twice at once', async () => {
    const { id } = await aTodo(db.sql, { body: 'a' })
    await change(id, { body: 'b' })
    await change(id, { body: 'c' })
    await Promise.all([undo(), undo()])
    expect((await look(id)).body).toBe('a')
  })

  it('is gone with the change where its transaction is rolled back', async () => {
    const { id } = await aTodo(db.sql, { body: 'a' })
    await inTransaction(db.sql, async (tx) => {
      await updateTodo(tx, { id, body: 'b' }, operator)
      throw new Error('no')
    }).catch(() => undefined)
    expect((await undo()).undone).toMatchObject([{ deed: 'added' }])
  })

  it('forgets what is older than a month', async () => {
    const { id } = await aTodo(db.sql)
    await change(id, { priority: 'high' })
    await db.sql`update hai.todo_change set made_at = made_at - interval '31 days' where was is null`
    await forgetChanges(db.sql)
    await undo()
    await expect(undo()).rejects.toMatchObject({ code: 'not_found' })
  })
})
