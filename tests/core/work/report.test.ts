import { beforeEach, describe, expect, it } from 'vitest'
import { execute } from '../../../f/hai/core/work/execute.ts'
import { heldTask } from '../../../f/hai/core/work/held_task.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, age, aTask, claimed, clear, FOR_A_MODEL, rowOf } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))

const context = [{ name: 'a.txt', content: 'the fan stands still' }]

/** Works on a task for which the choice of a model ends so. */
async function workOn(envelope: object, models: () => Promise<object>, older = 0): Promise<string> {
  const id = await aTask(db.sql, { ...FOR_A_MODEL, ...envelope })
  await db.sql`update hai.task_queue set created_at = created_at - make_interval(secs => ${older}) where id = ${id}`
  const task = await claimed(db.sql)
  const means = { principal: () => aCaller(), models: models as never }
  await execute(db.sql, task, heldTask(db.sql, task), means, new AbortController().signal)
  return id
}

const nobody = async () => ({ offers: [] })
const silent =
  (more = {}) =>
  async () => ({
    code: 'unreachable',
    message: 'it does not answer',
    retryable: true,
    uses_attempt: false,
    ...more,
  })

describe('a report', () => {
  it('ends with what was told where there is no model', async () => {
    const id = await workOn({ intent: 'report', context }, nobody)
    expect(await rowOf(db.sql, id)).toMatchObject({
      state: 'done',
      error: null,
      output: expect.stringMatching(
        /^why is the rack so loud\?\n\nthe fan stands still\n\nNo model has looked at it: /,
      ),
    })
  })

  it('waits for a model that may come, and not for long', async () => {
    const early = await workOn({ intent: 'report', context }, silent())
    expect(await rowOf(db.sql, early)).toMatchObject({ state: 'pending' })
    await age(db.sql, early, -3600)
    const late = await workOn({ intent: 'report', context }, silent(), 601)
    expect(await rowOf(db.sql, late)).toMatchObject({
      state: 'done',
      output: expect.stringContaining('it does not answer'),
    })
    const hours = await workOn({ intent: 'report', context }, silent({ retry_after_seconds: 7200 }))
    expect(await rowOf(db.sql, hours)).toMatchObject({ state: 'done' })
  })

  it('is nothing that somebody asks', async () => {
    const id = await workOn({ intent: 'question', context }, nobody)
    expect(await rowOf(db.sql, id)).toMatchObject({ state: 'dead', error: { code: 'no_route' } })
  })
})
