import { beforeAll, describe, expect, it } from 'vitest'
import { main as presentTask } from '../../../f/hai/ask__flow/show_it.ts'
import type { Accepted, TaskView } from '../../../f/hai/core/task/shape.ts'
import { startStack, type TestStack } from '../../support/stack.ts'

let stack: TestStack
beforeAll(async () => {
  stack = await startStack({ shared: true })
})

async function run<Body>(flow: string, args: object): Promise<{ status: number; body: Body }> {
  const response = await stack.request(`/api/w/${stack.workspace}/jobs/run_wait_result/f/f/hai/${flow}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(args),
  })
  return { status: response.status, body: (await response.json()) as Body }
}

const form = { agent: '', priority: 'normal', intent: '', wait_seconds: 60 }

describe('the form to ask', () => {
  it('gives the answer when it waits', async () => {
    const { status, body } = await run('ask', { ...form, question: 'help', wait: true })
    expect({ status, body }).toEqual({ status: 200, body: { markdown: expect.stringContaining('todo') } })
  })

  it('gives the task’s id and nothing more when it does not', async () => {
    const { body } = await run<Accepted>('ask', { ...form, question: 'why?', wait: false })
    expect(body).toMatchObject({ status: 'accepted', task_id: expect.any(String) })
    const { body: task } = await stack.call<TaskView>('f/hai/task/show', { id: body.task_id })
    expect(task).toMatchObject({ content: 'why?', source: 'text', requester: 'operator', priority: 'normal' })
  })

  it('takes a question for text that Windmill would take for a reference, and an answer as well', async () => {
    for (const question of ['$var:f/hai/none?', '$res:x', '$$WM_TOKEN', '$5']) {
      const { status, body } = await run<Accepted>('ask', { ...form, question, wait: false })
      expect([status, body]).toEqual([200, expect.objectContaining({ status: 'accepted' })])
      const { body: task } = await stack.call<TaskView>('f/hai/task/show', { id: body.task_id })
      expect(task.content).toBe(question)
    }
    const asked = await run('ask', { ...form, question: 'add todo: $var:f/hai/none', wait: true })
    expect(asked.body).toEqual({ markdown: expect.stringContaining('$var:f/hai/none') })
    const refused = await run('cost_report', { since: '$var:f/hai/none' })
    expect(JSON.stringify(refused.body)).toContain('since: \\"$var:f/hai/none\\"')
  })

  it('says where the answer will be when the wait is over', async () => {
    const id = '01M8138RWMPG427JNZGXQ0AAAA'
    const { markdown } = await presentTask(
      JSON.stringify({ id, state: 'running', next_step: 'hai task tail Q0AAAA' }),
    )
    expect(markdown).toMatch(/^Task `01M8138RWMPG427JNZGXQ0AAAA` is running.*`hai task tail Q0AAAA`/)
  })

  it('fails visibly when the question is refused, or its task dies', async () => {
    for (const [question, reason] of [
      ['', 'content'],
      ['why is the sky blue?', 'is dead'],
    ]) {
      const { status, body } = await run('ask', { ...form, question, wait: true })
      expect(status).toBeGreaterThanOrEqual(400)
      expect(JSON.stringify(body)).toContain(reason)
    }
  })
})
