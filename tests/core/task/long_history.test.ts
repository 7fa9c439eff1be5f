import { expect, it } from 'vitest'
import { showTask, taskEvents } from '../../../f/hai/core/task/show.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aTask } from '../../support/factories.ts'

const db = testDatabase()
const operator = aCaller()

it('a task of 1,000 steps is shown with its last 100 steps and events, in order, and all events can be had', async () => {
  const id = await aTask(db.sql)
  await db.sql`
    insert into hai.task_step (call_id, task_id, lease_no, name, state, request_digest, started_at)
    select 'call ' || n, ${id}, 1, 'step ' || n, 'started', '-', now() + make_interval(secs => n)
    from generate_series(1, 1000) n`
  await db.sql`
    insert into hai.task_event (task_id, seq, type, text)
    select ${id}, 1 + n, case when n > 1000 then 'delta' else 'step' end, 'step ' || n from generate_series(1, 1500) n`
  const { steps, events } = await showTask(db.sql, id, operator)
  const last = Array.from({ length: 100 }, (_, n) => `step ${901 + n}`)
  expect(steps.map(({ name }) => name)).toEqual(last)
  expect(events.map(({ text }) => text)).toEqual(last)
  const all = await taskEvents(db.sql, { id, limit: 1000 }, operator)
  const rest = await taskEvents(db.sql, { id, after: 1000, limit: 1000 }, operator)
  expect([...all.events, ...rest.events].map(({ seq }) => seq)).toEqual(
    Array.from({ length: 1501 }, (_, n) => n + 1),
  )
})
