import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Accepted, ErrorBody, TaskList, TaskResult, TaskView, Todo } from '../../f/hai/core/contract.ts'
import { startStack, type TestStack } from '../support/stack.ts'

let stack: TestStack
beforeAll(async () => {
  // one process for work: who waits for an answer there must not keep it from being given
  stack = await startStack({ env: { HAI_WORK_PROCESSES: '1' } })
})

interface Answered<Body> {
  status: number
  headers: Headers
  body: Body
}

/** One request to a route, a body as JSON. */
async function send<Body>(method: string, route: string, body?: unknown): Promise<Answered<Body>> {
  const response = await stack.request(`/api/r/hai/${route}`, {
    method,
    headers: {
      'x-secret': 'not to be kept',
      // named without a body, Windmill takes the nothing that is there for broken JSON
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body }
}

const submit = (more: object = {}) =>
  send<Accepted>('POST', 'inbox', { source: 'test', content: 'help', ...more })

describe('POST /inbox', () => {
  it('answers 202 with a task that is then worked on', async () => {
    const { status, body } = await submit({ task_id: 'mine-1', user: 'sam', zulip_user_id: 7 })
    expect({ status, body }).toEqual({
      status: 202,
      body: { task_id: expect.any(String), status: 'accepted', conversation_id: body.task_id },
    })
    const result = () => send<TaskResult>('GET', `admin/tasks/${body.task_id}/result`)
    await expect.poll(async () => (await result()).body.state).toBe('done')
    const { body: task } = await send<TaskView>('GET', `admin/tasks/${body.task_id}`)
    expect(task).toMatchObject({ requester: 'operator', on_behalf_of: 'sam', task_ref: 'mine-1' })
    expect((await submit({ task_id: 'mine-1', user: 'sam', zulip_user_id: 7 })).body).toMatchObject({
      ...{ status: 'duplicate', task_id: body.task_id },
    })
  })

  it('refuses an unknown field, a conflict and a wrong token, each with its status', async () => {
    const refused = await send<ErrorBody>('POST', 'inbox', { source: 'test', content: 'x', colour: 'red' })
    expect(refused).toMatchObject({ status: 400, body: { error: { code: 'invalid' } } })
    expect(refused.body.error.message).toContain('unknown field colour')
    await submit({ idempotency_key: 'k' })
    const other = await send<ErrorBody>('POST', 'inbox', {
      source: 'test',
      content: 'y',
      idempotency_key: 'k',
    })
    expect(other).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
    const headers = { authorization: 'Bearer wrong' }
    expect((await stack.request('/api/r/hai/inbox', { method: 'POST', headers, body: '{}' })).status).toBe(
      401,
    )
  })
})

describe('the tasks’ routes', () => {
  it('list today’s, by state and in pages', async () => {
    await submit()
    await submit()
    const { status, body } = await send<TaskList>('GET', 'admin/tasks?limit=1&token=ignored')
    expect({ status, length: body.tasks.length }).toEqual({ status: 200, length: 1 })
    const next = await send<TaskList>('GET', `admin/tasks?limit=1&cursor=${body.next_cursor}`)
    expect(next.body.tasks[0]!.id).not.toBe(body.tasks[0]!.id)
    expect((await send('GET', 'admin/tasks?state=rejected')).body).toEqual({ tasks: [], total: 0 })
    expect((await send('GET', 'admin/tasks?state=odd')).status).toBe(400)
    expect((await send('GET', 'admin/tasks/ZZZZZZ')).status).toBe(404)
  })
})

describe('the todos’ routes', () => {
  it('add, list, show, change and drop', async () => {
    const { status, body: todo } = await send<Todo>('POST', 'admin/todos', {
      body: 'buy fuses',
      tags: ['rack'],
    })
    expect({ status, todo }).toMatchObject({
      status: 201,
      todo: { body: 'buy fuses', created_by: 'operator' },
    })
    const at = `admin/todos/${todo.id}`
    const listed = await send<{ todos: Todo[] }>('GET', 'admin/todos?tag=rack')
    expect(listed.body.todos.map(({ id }) => id)).toEqual([todo.id])
    expect((await send('GET', at)).body).toMatchObject({ id: todo.id, status: 'open' })
    expect((await send('PATCH', at, { priority: 'high', due: '2030-01-02' })).body).toMatchObject({
      ...{ priority: 'high', due: '2030-01-02', body: 'buy fuses' },
    })
    expect((await send('PATCH', at, { created_by: 'sam' })).status).toBe(400)
    expect(await send('DELETE', at)).toMatchObject({ status: 200, body: { status: 'dropped' } })
  })
})

describe('costs and chat clients', () => {
  it('hear of today’s costs, and of the one model', async () => {
    expect(await send('GET', 'admin/costs/today')).toMatchObject({
      ...{ status: 200, body: { spent_usd: 0, calls: 0, per_agent: [] } },
    })
    expect((await send('GET', 'v1/models')).body).toMatchObject({ object: 'list', data: [{ id: 'hai' }] })
  })

  it('get an answer in OpenAI’s shape, and errors too', async () => {
    const ask = (more: object) =>
      send('POST', 'v1/chat/completions', {
        model: 'hai',
        messages: [{ role: 'user', content: 'help' }],
        ...more,
      })
    expect(await ask({})).toMatchObject({
      status: 200,
      body: { object: 'chat.completion', choices: [{ message: { role: 'assistant' } }] },
    })
    expect(await ask({ stream: 'yes' })).toMatchObject({
      status: 400,
      body: { error: { type: 'invalid_request_error', param: null, code: 'invalid' } },
    })
    const gone = await ask({ messages: [{ role: 'user', content: 'why is the sky blue?' }] })
    expect(gone).toMatchObject({ status: 410, body: { error: { code: 'gone' } } })
    expect(gone.headers.get('x-should-retry')).toBe('false')
  })

  it('are served as they expect, by the SDK of one', async () => {
    const client = createOpenAICompatible({
      name: 'hai',
      baseURL: `${stack.endpoint}/api/r/hai/v1`,
      apiKey: stack.token,
    })
    const { content, finishReason, usage } = await client.chatModel('hai').doGenerate({
      prompt: [{ role: 'user', content: [{ type: 'text', text: 'help' }] }],
      temperature: 0.5,
    })
    expect(content).toMatchObject([{ type: 'text', text: expect.stringContaining('todo') }])
    expect(finishReason.unified).toBe('stop')
    expect(usage.inputTokens.total).toBe(0)
    const { stream } = await client.chatModel('hai').doStream({
      prompt: [{ role: 'user', content: [{ type: 'text', text: 'help' }] }],
    })
    const parts: unknown[] = []
    for await (const part of stream as unknown as AsyncIterable<unknown>) parts.push(part)
    expect(parts).toContainEqual(
      expect.objectContaining({ type: 'text-delta', delta: expect.stringContaining('todo') }),
    )
    expect(parts.at(-1)).toMatchObject({ type: 'finish', finishReason: { unified: 'stop' } })
    const asked = client.chatModel('gpt-4').doGenerate({ prompt: [{ role: 'user', content: [] }] })
    await expect(asked).rejects.toMatchObject({
      ...{ statusCode: 404, message: 'this model is not known; the one there is, is hai' },
    })
  })
})

describe('what is kept', () => {
  it('of a request is no header and nothing that was not asked for', async () => {
    const list = await stack.request(`/api/w/${stack.workspace}/jobs/list?per_page=100`)
    const jobs = ((await list.json()) as { id: string; script_path: string }[]).filter(({ script_path }) =>
      script_path.startsWith('f/hai/http/'),
    )
    expect(jobs.length).toBeGreaterThan(10)
    for (const { id } of jobs) {
      const job = await (await stack.request(`/api/w/${stack.workspace}/jobs_u/get/${id}`)).text()
      for (const secret of [stack.token, 'not to be kept', 'ignored']) expect(job).not.toContain(secret)
    }
  })
})
