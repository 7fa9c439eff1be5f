import { describe, expect, it } from 'vitest'
import { toldTo } from '../../../f/hai/core/task/next_step.ts'
import { showTask, taskResult } from '../../../f/hai/core/task/show.ts'
import { testDatabase } from '../../support/database.ts'
import { aCaller, aTask } from '../../support/factories.ts'

const db = testDatabase()
const told = (step: string) => toldTo({ role: 'member' }, step)

describe('a next step', () => {
  it.each([
    'hai model enable anthropic lets anthropic answer',
    'hai model add http://nas:8000/v1 vllm',
    'start Ollama, or hai model add URL; hai model ls shows what could answer',
    'mend that file; hai model ls says whether it is taken',
    'hai cost cap raise 5 --cap day --today makes room; hai cost shows the caps',
    'hai doctor',
    'where its login is: hai worker run --backend claude',
    'install Claude Code where the worker runs, or have another backend answer: hai model disable claude',
    "correct the model's name in models.yaml; it is x",
    'add credit or raise the limit at x, or have another backend answer: hai model ls',
    'raise max_seconds in models.yaml',
    'claude, then /login',
    'set NODE_EXTRA_CA_CERTS to its authority, then hai down',
  ])('is asked of the operator when it is the operator’s: %s', (step) => {
    expect(told(step)).toBe(`ask the operator: ${step}`)
    expect(toldTo({ role: 'operator' }, step)).toBe(step)
    expect(toldTo({ role: 'machine' }, step)).toBe(step)
  })

  it.each([
    'hai task retry ABCDEF',
    'ask in other words, or have another model answer: hai model ls',
    'to give it up: hai task cancel ABCDEF',
    'hai cost shows the caps',
    "then hai task retry ABCDEF; to keep it: hai todo add --raw 'run; hai model add x'",
  ])('stays as it is when it is a member’s own: %s', (step) => {
    expect(told(step)).toBe(step)
  })

  it('asks once, where it begins', () => {
    expect(told('hai model enable x; then hai task retry A; hai doctor')).toBe(
      'ask the operator: hai model enable x; then hai task retry A; hai doctor',
    )
  })
})

it('is told to each as what he can do, with the task that it is of', async () => {
  const task_id = await aTask(db.sql, {}, 'guest')
  const error = { code: 'no_route', message: 'there is no model', next_step: 'hai model add URL' }
  await db.sql`update hai.task_queue set error = ${db.sql.json(error)} where id = ${task_id}`
  for (const read of [showTask, taskResult]) {
    const asked = 'ask the operator: hai model add URL'
    expect((await read(db.sql, task_id, aCaller('guest'))).error?.next_step).toBe(asked)
    expect((await read(db.sql, task_id, aCaller('operator'))).error?.next_step).toBe('hai model add URL')
  }
})
