import { beforeEach, describe, expect, it } from 'vitest'
import { shortId, taskId, todoId } from '../../../f/hai/core/base/ids.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aTask, aTodo, clear } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))
const operator = aCaller()

const ONE = '01HZY5T2M3N4P5Q6R7S8T90011'
const TWO = '01HZY5T2M3N4P5Q6R7S8TA0011'

describe('taskId', () => {
  it('finds a task by its last characters, as they are read out', async () => {
    await aTask(db.sql, { id: ONE })
    for (const said of [ONE, shortId(ONE), '011', 't9ooil', ' T90-011 ', ONE.toLowerCase()])
      expect(await taskId(db.sql, said, operator), said).toBe(ONE)
  })

  it('refuses an ambiguous one, with the candidates', async () => {
    await aTask(db.sql, { id: ONE, content: 'what is due?' })
    await aTask(db.sql, { id: TWO })
    await expect(taskId(db.sql, '0011', operator)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/0011 is ambiguous.*what is due\?/),
      details: { candidates: expect.arrayContaining([{ id: ONE, label: 'what is due?' }]) },
    })
    expect(await taskId(db.sql, '90011', operator)).toBe(ONE)
  })

  it('shows at most five candidates', async () => {
    for (let n = 1; n < 9; n += 1) await aTask(db.sql, { id: `01HZY5T2M3N4P5Q6R7S8T${n}0011` })
    const refused = await taskId(db.sql, '0011', operator).catch((error) => error)
    expect(refused.details.candidates).toHaveLength(5)
  })

  it('looks only among the tasks that the caller may see', async () => {
    await aTask(db.sql, { id: ONE })
    await aTask(db.sql, { id: TWO }, 'guest')
    expect(await taskId(db.sql, '0011', aCaller('guest'))).toBe(TWO)
    await expect(taskId(db.sql, ONE, aCaller('guest'))).rejects.toMatchObject({ code: 'not_found' })
  })

  it('says what to do when there is none', async () => {
    await expect(taskId(db.sql, 'zzzzzz', operator)).rejects.toMatchObject({
      code: 'not_found',
      message: 'no task zzzzzz; see hai task ls',
    })
  })

  it.each(['', '11', 'u12345', "'; --", '%', '01HZY5T2M3N4P5Q6R7S8T900111'])(
    'refuses %j, which is no id',
    async (said) => {
      await expect(taskId(db.sql, said, operator)).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringContaining(JSON.stringify(said)),
      })
    },
  )
})

describe('todoId', () => {
  it('finds a todo by its last characters', async () => {
    const { id } = await aTodo(db.sql)
    expect(await todoId(db.sql, shortId(id).toLowerCase())).toBe(id)
  })

  it('does not take a task’s id', async () => {
    const id = await aTask(db.sql)
    await expect(todoId(db.sql, id)).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('hai todo ls'),
    })
  })
})
