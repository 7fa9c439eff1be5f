import { beforeEach, expect, it } from 'vitest'
import { cancel } from '../../../f/hai/core/task/change.ts'
import { complete, fail } from '../../../f/hai/core/task/finish.ts'
import { heldOf } from '../../../f/hai/core/task/lease.ts'
import type { ClaimedTask } from '../../../f/hai/core/task/shape.ts'
import { taskEvents, taskResult } from '../../../f/hai/core/task/show.ts'
import { finishStep, startStep, tellEvent } from '../../../f/hai/core/task/steps.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aRunningTask, claimed, clear, FOR_A_MODEL } from '../../support/factories.ts'

const db = testDatabase()
beforeEach(() => clear(db.sql))
const operator = aCaller()
const resultOf = (id: string) => taskResult(db.sql, id, operator)

/** A call of its, in the ledger; null is a count that nobody told. */
const spent = (task: ClaimedTask, call: string, tokens: Record<string, number | null>) => db.sql`
  insert into hai.usage ${db.sql({
    call_id: `${task.id}:${call}`,
    task_id: task.id,
    lease_no: task.lease_no,
    backend: 'openai',
    model: 'gpt-fake',
    billing: 'local',
    ms: 1,
    ending: 'answered',
    ...tokens,
  })}`

const tell = (task: ClaimedTask, type: 'notice' | 'cut', text: string) =>
  tellEvent(db.sql, { ...heldOf(task), type, text })

const answered = (task: ClaimedTask) => complete(db.sql, { ...heldOf(task), output: 'an answer' })

it('says what its calls used together, and why its answer ended', async () => {
  const task = await aRunningTask(db.sql, FOR_A_MODEL)
  await spent(task, '1', { input: 900, output: 40, cache_read: 600, reasoning: 30 })
  await spent(task, '2', { input: 100, output: 2 })
  expect(await resultOf(task.id)).toEqual({ id: task.id, state: 'running' })
  await answered(task)
  const told = { usage: { input: 1000, output: 42, cached: 600, reasoning: 30 }, ending: 'stop' }
  const result = { id: task.id, state: 'done', output: 'an answer', ...told }
  expect(await resultOf(task.id)).toEqual(result)
  const { outcome } = await taskEvents(db.sql, { id: task.id, with_result: true }, operator)
  expect(outcome).toEqual(result)
})

it('gives no count where one is unknown, and none used where nobody was asked', async () => {
  const task = await aRunningTask(db.sql, FOR_A_MODEL)
  await spent(task, '1', { input: 900, output: null })
  await answered(task)
  expect(await resultOf(task.id)).not.toHaveProperty('usage')
  const builtIn = await aRunningTask(db.sql)
  await answered(builtIn)
  expect(await resultOf(builtIn.id)).toMatchObject({
    usage: { input: 0, output: 0, cached: 0, reasoning: 0 },
    ending: 'stop',
  })
})

it('of one that failed says what it used and what was told of it, and no ending', async () => {
  const task = await aRunningTask(db.sql, FOR_A_MODEL)
  await spent(task, '1', { input: 900, output: 4 })
  await tell(task, 'notice', 'a local model answers instead')
  await fail(db.sql, { ...heldOf(task), code: 'broken', message: 'it broke' })
  const told = await resultOf(task.id)
  expect(told).toMatchObject({ usage: { input: 900 }, notices: ['a local model answers instead'] })
  expect(told).not.toHaveProperty('ending')
})

it('tells the notices of the attempt that answered, in their order, and where the answer stops', async () => {
  const task = await aRunningTask(db.sql, {
    ...FOR_A_MODEL,
    retry_policy: { max_attempts: 2, backoff_seconds: 0 },
  })
  await tell(task, 'notice', 'of the first attempt')
  await tell(task, 'cut', 'stopped in the first attempt')
  await fail(db.sql, { ...heldOf(task), code: 'broken', message: 'it broke', retryable: true })
  await db.sql`update hai.task_queue set run_at = created_at, claim_at = created_at`
  const again = await claimed(db.sql)
  await tell(again, 'notice', 'the oldest 3 turns were left out')
  await tell(again, 'cut', 'the answer stops at the longest that the model may write')
  await answered(again)
  expect(await resultOf(task.id)).toMatchObject({
    ending: 'length',
    notices: ['the oldest 3 turns were left out', 'the answer stops at the longest that the model may write'],
  })
})

it('does not tell whoever asked for so many tokens that the answer stops there', async () => {
  const task = await aRunningTask(db.sql, { ...FOR_A_MODEL, chat: { answer: { max_tokens: 16 } } })
  await tell(task, 'cut', 'the answer stops at the longest that the model may write')
  await answered(task)
  const told = await resultOf(task.id)
  expect(told).toMatchObject({ ending: 'length' })
  expect(told).not.toHaveProperty('notices')
})

it('calls an answer that a filter ended so, also what the model refused', async () => {
  for (const ending of ['content_filter', 'refusal']) {
    const task = await aRunningTask(db.sql, FOR_A_MODEL)
    const step = { ...heldOf(task), call_id: `${task.id}:1`, name: 'openai/gpt-fake' }
    await startStep(db.sql, { ...step, request: {} })
    await finishStep(db.sql, { ...step, response: { answer: { text: 'no', ending } } })
    await tell(task, 'cut', 'the answer stops')
    await answered(task)
    expect(await resultOf(task.id)).toMatchObject({ ending: 'content_filter' })
  }
})

it('says nothing of the answer of a task that was cancelled', async () => {
  const task = await aRunningTask(db.sql, FOR_A_MODEL)
  await cancel(db.sql, { id: task.id }, operator)
  expect(Object.keys(await resultOf(task.id))).toEqual(['id', 'state', 'error', 'usage'])
})
