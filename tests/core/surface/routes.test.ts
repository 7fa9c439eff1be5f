import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ErrorBody } from '../../../f/hai/core/base/contract.ts'
import { connect, type Pool } from '../../../f/hai/core/base/db.ts'
import type { Accepted, TaskList, TaskResult, TaskView } from '../../../f/hai/core/task/shape.ts'
import type { Todo } from '../../../f/hai/core/todo/shape.ts'
import { PATHS, ReferenceTexts, SECRETS } from '../../support/references.ts'
import { startStack, type TestStack } from '../../support/stack.ts'

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-/

let stack: TestStack
beforeAll(async () => {
  // one process for work: who waits for an answer there must not keep it from being given
  stack = await startStack({ shared: true, env: { HAI_WORK_PROCESSES: '1' } })
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
    expect(refused.body.error.message).toMatch(/^unknown field; there are id, task_id, source, /)
    expect(JSON.stringify(refused.body)).not.toContain('colour')
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

describe('POST /inbox/…', () => {
  const recorded = (name: string) =>
    JSON.parse(readFileSync(join(import.meta.dirname, '../alert/alertmanager', `${name}.json`), 'utf8'))

  it('takes alerts, with a slash at the end or none, and no name of theirs for an order', async () => {
    const firing = await send<Accepted>('POST', 'inbox/alertmanager/', recorded('firing'))
    expect(firing).toMatchObject({ status: 202, body: { status: 'accepted' } })
    const { task_id } = firing.body
    const again = await send('POST', 'inbox/alertmanager', recorded('repeated'))
    expect(again).toMatchObject({ status: 202, body: { status: 'duplicate', task_id } })
    const over = await send('POST', 'inbox/alertmanager', recorded('resolved'))
    expect(over).toMatchObject({ status: 202, body: { status: 'resolved', task_id } })
    await expect
      .poll(async () => (await send('GET', `admin/tasks/${task_id}`)).body)
      .toMatchObject({
        ...{ state: 'done', alerts: { total: 1, firing: 0 } },
      })
  })

  it('asks a signed webhook for no token, and takes none that is not signed', async () => {
    const headers = { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` }
    const address = `${stack.instance.endpoint}/api/r/hai/inbox/signed/forge`
    const response = await fetch(address, { method: 'POST', headers, body: '{"a": 1}' })
    expect({ status: response.status, body: await response.json() }).toEqual({
      status: 401,
      body: { error: { code: 'unauthorized', message: expect.stringContaining('nothing was stored') } },
    })
  })
})

describe('a source that floods', () => {
  let sql: Pool
  beforeAll(() => {
    sql = connect({ url: stack.instance.database_url })
  })
  afterAll(() => sql.end())

  it('is told when to come again, in the form of every refusal', async () => {
    await sql`
      insert into hai.task_queue (id, source, requester, content, conversation_id, priority, data_tier,
        request_digest, lane, run_at, claim_at, max_attempts, backoff_seconds)
      select '01' || lpad(n::text, 24, '0'), 'flooding', 'robot', 'x', 'c', 'low', 'internal', '-', 'batch',
        now() + interval '1 day', now() + interval '1 day', 3, 10
      from generate_series(1, 5000) n`
    const { status, headers, body } = await submit({ source: 'flooding' })
    expect({ status, body }).toEqual({
      status: 503,
      body: {
        error: {
          code: 'unavailable',
          message: expect.stringContaining('send it again later'),
          details: { retry_after_seconds: 60 },
        },
      },
    })
    expect(headers.get('retry-after')).toBe('60')
    expect(headers.get('content-type')).toContain('application/json')
    await sql`delete from hai.task_queue where source = 'flooding'`
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
  it('hear of today’s costs, and of the models', async () => {
    expect(await send('GET', 'admin/costs/today')).toMatchObject({
      ...{ status: 200, body: { spent_usd: 0, calls: 0, per_agent: [] } },
    })
    expect((await send('GET', 'v1/models')).body).toMatchObject({
      ...{ object: 'list', data: [{ id: 'hai' }, { id: 'hai-small' }] },
    })
    expect(await send('GET', 'v1/models/hai')).toMatchObject({
      ...{ status: 200, body: { id: 'hai', object: 'model' } },
    })
    for (const other of ['gpt-4', 'a b'])
      expect(await send('GET', `v1/models/${encodeURIComponent(other)}`)).toMatchObject({
        ...{ status: 404, body: { error: { type: 'invalid_request_error', code: 'model_not_found' } } },
      })
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
      body: { error: { type: 'invalid_request_error', param: 'stream', code: 'invalid' } },
    })
    const gone = await ask({ messages: [{ role: 'user', content: 'why is the sky blue?' }] })
    expect(gone).toMatchObject({ status: 503, body: { error: { type: 'server_error', code: 'no_route' } } })
    expect(gone.headers.get('x-should-retry')).toBe('false')
    expect(gone.headers.get('x-request-id')).toMatch(UUID)
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
      ...{ statusCode: 404, message: 'this model is not known; there is hai, and hai-small for errands' },
    })
  })
})

describe('a text that looks like a reference', () => {
  const random = new ReferenceTexts(20261129)
  const refused: string[] = []
  let sql: Pool
  let tried = 0

  beforeAll(async () => {
    sql = connect({ url: stack.instance.database_url })
    const make = (kind: string, item: object) =>
      stack.request(`/api/w/${stack.workspace}/${kind}/create`, {
        method: 'POST',
        body: JSON.stringify(item),
      })
    for (const name of ['open', 'closed'] as const) {
      const secret = { path: PATHS[name], value: SECRETS[name], is_secret: true, description: '' }
      expect((await make('variables', secret)).status).toBe(201)
    }
    const box = { path: PATHS.resource, value: { password: SECRETS.resource }, resource_type: 'box' }
    expect((await make('resources', box)).status).toBe(201)
  })
  afterAll(() => sql.end())

  /** A body's texts, the first of which may be of another kind. */
  function texts(count: number, first?: string): () => string {
    tried += count
    let next = first
    return () => {
      const text = next ?? random.harmless()
      next = undefined
      return text
    }
  }

  const told = (answer: Answered<unknown>) => JSON.stringify(answer.body)
  const tellsNothing = (said: string) => {
    for (const secret of [...Object.values(SECRETS), stack.token]) expect(said).not.toContain(secret)
  }
  /** Eight at a time: so many processes there may be. */
  async function each(count: number, work: (at: number) => Promise<void>): Promise<void> {
    for (let at = 0; at < count; at += 8)
      await Promise.all(Array.from({ length: Math.min(8, count - at) }, (_, more) => work(at + more)))
  }
  /** As it is stored where the ends of a text are trimmed, which may make a reference of it. */
  const shaped = (text: string) => text.replace(/^\s+/, '-').trimEnd() || '$'

  /** An envelope full of such texts; what Windmill itself ends the call for comes first where it is given. */
  function anEnvelope(first?: string) {
    const text = texts(110, first)
    return {
      source: 'test',
      content: shaped(text()),
      context: Array.from({ length: 9 }, (_, at) => ({ name: `$WM_TOKEN ${at}`, content: text() })),
      metadata: random.nested(100, text),
    }
  }

  it('is stored by the inbox as it came', async () => {
    await each(48, async () => {
      const sent = anEnvelope()
      const answer = await send<Accepted>('POST', 'inbox', sent)
      expect(answer, told(answer)).toMatchObject({ status: 202 })
      const { task_id } = answer.body
      const [task] = await sql`select content, metadata from hai.task_queue where id = ${task_id}`
      const context = await sql`select name, content from hai.artifact where task_id = ${task_id} order by id`
      expect({ ...task, context: [...context] }).toEqual({
        ...{ content: sent.content, metadata: sent.metadata, context: sent.context },
      })
      tellsNothing(told(answer))
    })
  })

  it('is stored by the todos’ routes as it came', async () => {
    await each(24, async () => {
      const add = texts(100)
      const todo = { body: shaped(add()), metadata: random.nested(99, add) }
      const added = await send<Todo>('POST', 'admin/todos', todo)
      expect(added, told(added)).toMatchObject({ status: 201, body: todo })
      const change = texts(100)
      const changed = { body: shaped(change()), metadata: random.nested(99, change) }
      const answer = await send<Todo>('PATCH', `admin/todos/${added.body.id}`, changed)
      expect(answer, told(answer)).toMatchObject({ status: 200, body: changed })
      const [row] = await sql`select body, metadata from hai.todo where id = ${added.body.id}`
      expect(row).toEqual(changed)
      tellsNothing(told(added) + told(answer))
    })
  })

  it('is asked by a chat client as it was typed', async () => {
    await each(2, async (at) => {
      const say = texts(160)
      const messages = Array.from({ length: 159 }, () => ({
        role: random.one(['user', 'assistant']),
        content: say(),
      }))
      const last = `${random.one(['$$var:u/operator/closed', '$WM_TOKEN', '$HOME', 'say $res:u/operator/box'])} (${at})`
      const answer = await send('POST', 'v1/chat/completions', {
        ...{ model: 'hai', messages: [...messages, { role: 'user', content: last }] },
      })
      // there is no model to ask
      expect(answer).toMatchObject({ status: 503, body: { error: { code: 'no_route' } } })
      const [chat] = await sql`
        select turns from hai.chat join hai.task_queue on id = task_id where content = ${last}`
      expect(chat?.turns).toEqual(messages.filter(({ content }) => content.trim() !== ''))
      tellsNothing(told(answer))
    })
  })

  it('ends the call when it names what the route’s user may not read, and nothing is stored', async () => {
    const before = await rows()
    await each(24, async (at) => {
      const reference = `$${random.one(['var', 'res', 'jsonvar'])}:${random.one([PATHS.closed, PATHS.resource, 'u/nobody/none'])}`
      const answer = await (at % 3 === 0
        ? send('POST', 'inbox', anEnvelope(reference))
        : at % 3 === 1
          ? send('POST', 'admin/todos', { body: reference, metadata: random.nested(9, texts(10)) })
          : send('POST', 'v1/chat/completions', {
              ...{ model: 'hai', messages: [{ role: 'user', content: reference }] },
            }))
      expect(answer.status).toBe(422)
      refused.push(told(answer))
    })
    expect(await rows()).toEqual(before)
    tellsNothing(refused.join())
    expect(tried).toBeGreaterThan(10_000)
  })

  const rows = () => sql`
    select (select count(*) from hai.task_queue) as tasks, (select count(*) from hai.todo) as todos`

  it('is all of a body of another type, and what it names is JSON: then that is refused and said to nobody', async () => {
    const before = await rows()
    const todo = await send<Todo>('POST', 'admin/todos', { body: 'wait' })
    const bodies: [string, string, object][] = [
      ['POST', 'inbox', { source: 'test', content: SECRETS.open }],
      ['POST', 'admin/todos', { body: SECRETS.open }],
      ['PATCH', `admin/todos/${todo.body.id}`, { body: SECRETS.open }],
      ['POST', 'v1/chat/completions', { model: 'hai', messages: [{ role: 'user', content: SECRETS.open }] }],
    ]
    const types = ['text/plain', 'text/plain; charset=utf-8', 'application/xml', 'application/octet-stream']
    for (const [at, [method, route, body]] of bodies.entries()) {
      const path = `f/hai/json_${at}`
      const secret = { path, value: JSON.stringify(body), is_secret: false, description: '' }
      const made = await stack.request(`/api/w/${stack.workspace}/variables/create`, {
        method: 'POST',
        body: JSON.stringify(secret),
      })
      expect(made.status).toBe(201)
      await each(types.length + 1, async (nth) => {
        const type = types[nth] ?? 'application/x-www-form-urlencoded'
        const response = await stack.request(`/api/r/hai/${route}`, {
          method,
          headers: { 'content-type': type },
          body: `$var:${path}`,
        })
        const said = await response.text()
        expect([response.status, said], type).toEqual([400, expect.stringContaining('application/json')])
        tellsNothing(said)
      })
    }
    await send('DELETE', `admin/todos/${todo.body.id}`)
    const [{ todos, ...after }] = (await rows()) as unknown as [{ todos: string; tasks: string }]
    expect([{ ...after, todos: String(Number(todos) - 1) }]).toEqual([...before])
  })

  it('gets nothing out of an address or a header, and leaves nothing in a job', async () => {
    const seen: string[] = []
    await each(96, async (at) => {
      const text = () => encodeURIComponent(at % 2 ? random.harmless() : random.reference())
      const field = random.one(['status', 'state', 'tag', 'limit', 'cursor', 'text', 'id', 'else'])
      const route = random.one(['admin/todos', 'admin/tasks', 'admin/todos/ID', 'admin/tasks/ID/result'])
      const path = `${route.replace('ID', text())}?${field}=${text()}&x=${encodeURIComponent(`$var:${PATHS.open}`)}`
      const response = await stack.request(`/api/r/hai/${path}`, {
        headers: { 'x-a': at % 5 ? 'a' : '$WM_TOKEN' },
      })
      const said = await response.text()
      expect([200, 400, 404, 422], said).toContain(response.status)
      seen.push(said)
    })
    tellsNothing(seen.join())
    // such is the token of a job
    expect(seen.join()).not.toMatch(UUID)
    const list = await stack.request(
      `/api/w/${stack.workspace}/jobs/list?per_page=60&script_path_start=f/hai_routes`,
    )
    for (const { id } of (await list.json()) as { id: string }[]) {
      const args = await (await stack.request(`/api/w/${stack.workspace}/jobs_u/get_args/${id}`)).text()
      tellsNothing(args)
      expect(args).not.toMatch(UUID)
    }
  })

  it('is nowhere in what is kept', async () => {
    const kept = await sql`
      select q::text as text from hai.task_queue q union all select t::text from hai.todo t
      union all select e::text from hai.task_event e union all select a::text from hai.artifact a
      union all select s::text from hai.task_step s`
    expect(kept.length).toBeGreaterThan(500)
    tellsNothing(kept.map(({ text }) => text).join())
  })
})

describe('what is kept', () => {
  it('is no header of a request and nothing that was not asked for', async () => {
    const list = await stack.request(`/api/w/${stack.workspace}/jobs/list?per_page=100`)
    const jobs = ((await list.json()) as { id: string; script_path: string }[]).filter(({ script_path }) =>
      script_path.startsWith('f/hai_routes/'),
    )
    expect(jobs.length).toBeGreaterThan(10)
    for (const { id } of jobs) {
      const job = await (await stack.request(`/api/w/${stack.workspace}/jobs_u/get/${id}`)).text()
      for (const secret of [stack.token, 'not to be kept', 'ignored']) expect(job).not.toContain(secret)
    }
  })
})
