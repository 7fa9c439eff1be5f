import { beforeEach, describe, expect, it } from 'vitest'
import { shortId } from '../../../f/hai/core/base/ids.ts'
import { showTodo, updateTodo } from '../../../f/hai/core/todo/todos.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aTodo, clear } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))
const zone = 'UTC'
const seer = { ...aCaller(), zone }

const dependOn = (id: string, ids: string[], sql = db.sql) => updateTodo(sql, { id, depends_on: ids }, seer)

describe('a dependency', () => {
  it('on itself is refused', async () => {
    const { id } = await aTodo(db.sql)
    await expect(dependOn(id, [id])).rejects.toMatchObject({
      code: 'invalid',
      message: `depends_on: ${shortId(id)} → ${shortId(id)} is a circle; a todo can't wait for itself`,
    })
  })

  it('is refused when it closes a circle over others, and the circle is named', async () => {
    const a = await aTodo(db.sql)
    const b = await aTodo(db.sql, { depends_on: [a.id] })
    const c = await aTodo(db.sql, { depends_on: [b.id] })
    const circle = [a, c, b, a].map((todo) => shortId(todo.id)).join(' → ')
    await expect(dependOn(a.id, [c.id])).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(circle),
    })
    expect(await showTodo(db.sql, a.id, seer)).toMatchObject({ depends_on: [] })
  })

  it('on two that depend on the same is no circle', async () => {
    const root = await aTodo(db.sql)
    const left = await aTodo(db.sql, { depends_on: [root.id] })
    const right = await aTodo(db.sql, { depends_on: [root.id] })
    const top = await aTodo(db.sql)
    expect(await dependOn(top.id, [left.id, right.id])).toMatchObject({ blocked_by: [left.id, right.id] })
  })

  it('is checked quickly where there are very many ways from one todo to another', async () => {
    let layer = [(await aTodo(db.sql)).id]
    const bottom = layer[0]!
    for (let depth = 0; depth < 12; depth += 1) {
      const next = []
      for (let n = 0; n < 5; n += 1) next.push((await aTodo(db.sql, { depends_on: layer })).id)
      layer = next
    }
    const top = await aTodo(db.sql)
    const sql = db.open({ max: 1 })
    await sql`set statement_timeout = '3 s'`
    expect(await dependOn(top.id, layer, sql)).toMatchObject({ depends_on: layer })
    await expect(dependOn(bottom, [top.id], sql)).rejects.toMatchObject({ code: 'invalid' })
  })

  it('in two directions at the same moment leaves one', async () => {
    const pools = [db.open({ max: 1 }), db.open({ max: 1 })] as const
    for (let round = 0; round < 10; round += 1) {
      const [a, b] = [await aTodo(db.sql), await aTodo(db.sql)]
      const told = await Promise.allSettled([
        dependOn(a.id, [b.id], pools[0]),
        dependOn(b.id, [a.id], pools[1]),
      ])
      expect(told.filter((one) => one.status === 'fulfilled')).toHaveLength(1)
    }
  })
})
