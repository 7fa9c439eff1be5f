import { beforeAll, describe, expect, it } from 'vitest'
import type { ErrorBody } from '../../f/hai/core/base/contract.ts'
import type { Health } from '../../f/hai/core/shape.ts'
import type { Accepted, ClaimedTask, TaskResult, TaskView } from '../../f/hai/core/task/shape.ts'
import type { Todo } from '../../f/hai/core/todo/shape.ts'
import { startStack, type TestStack } from '../support/stack.ts'

let stack: TestStack
beforeAll(async () => {
  stack = await startStack({ shared: true })
})

const call = <T>(path: string, args: unknown = {}) => stack.call<T>(`f/hai/${path}`, args)
const submit = (body: unknown) => call<Accepted>('inbox', { body })
const envelope = (more: object = {}) => ({ source: 'test', content: 'nobody answers this', ...more })

async function refusal(path: string, args: unknown): Promise<{ status: number } & ErrorBody['error']> {
  const { status, body } = await call<ErrorBody>(path, args)
  return { status, ...body.error }
}

describe('the inbox', () => {
  it.each([
    ['an unknown field', { colour: 'red' }, 'unknown field colour'],
    ['a wrong type', { content: 7 }, 'content: 7 is not accepted; expected string'],
    ['empty content', { content: '  ' }, 'content: "  " is not accepted'],
    ['content over the limit', { content: 'x'.repeat(256 * 1024 + 1) }, 'at most 256 KiB'],
    ['an unknown enum value', { priority: 'huge' }, 'expected one of low, normal, high, urgent'],
    ['a source that is no slug', { source: 'Not A Slug' }, 'source: "Not A Slug"'],
    ['no content', { content: undefined }, 'content is missing'],
    ['a TTL of nothing', { ttl_seconds: 0 }, 'ttl_seconds: 0'],
    [
      'attached text over the limit',
      { context: [{ name: 'a', content: 'x'.repeat(4 * 1024 * 1024 + 1) }] },
      'at most 4 MiB',
    ],
  ])('refuses %s by name, and takes nothing', async (_, more, message) => {
    const before = await call<Health>('admin/health')
    const refused = await refusal('inbox', { body: envelope(more) })
    expect(refused).toMatchObject({ status: 400, code: 'invalid' })
    expect(refused.message).toContain(message)
    const after = await call<Health>('admin/health')
    expect(after.body.queue.dead_24h + after.body.queue.pending).toBe(
      before.body.queue.dead_24h + before.body.queue.pending,
    )
  })

  it('says which envelope of a batch is wrong, and takes none of them', async () => {
    const refused = await refusal('inbox', { body: [envelope(), envelope({ content: '' })] })
    expect(refused.message).toMatch(/^envelope 1: content/)
  })

  it('gives the same task for the same key, and refuses the key for other content', async () => {
    const first = await submit(envelope({ idempotency_key: 'once' }))
    const again = await submit(envelope({ idempotency_key: 'once' }))
    expect(first.body.status).toBe('accepted')
    expect(again.body).toMatchObject({ status: 'duplicate', task_id: first.body.task_id })
    expect(
      await refusal('inbox', { body: envelope({ idempotency_key: 'once', content: 'other' }) }),
    ).toMatchObject({
      status: 409,
      code: 'conflict',
    })
  })

  it('takes 300 at once, with a result each, and every one is answered', async () => {
    const { body } = await call<Accepted[]>('inbox', {
      body: Array.from({ length: 300 }, (_, n) => envelope({ content: `what is open? ${n}` })),
    })
    expect(new Set(body.map((one) => one.task_id)).size).toBe(300)
    await expect
      .poll(async () => (await call<Health>('admin/health')).body.queue, { interval: 200 })
      .toMatchObject({ pending: 0, running: 0 })
  })
})

describe('a worker that lives elsewhere', () => {
  // a source that no built-in worker could be quicker with: it is held back until the claim
  async function claimed(): Promise<ClaimedTask> {
    const { body } = await submit(envelope({ source: 'cli' }))
    await expect
      .poll(async () => (await call<TaskResult>('task/result', { id: body.task_id })).body.state)
      .toBe('dead')
    // retried and claimed in one breath, before the local worker's process has even been told
    for (;;) {
      const [, claim] = await Promise.all([
        call('task/retry', { id: body.task_id }),
        call<{ task: ClaimedTask | null }>('worker/claim', { worker: 'box-1', sends_token: true }),
      ])
      if (claim.body.task) return claim.body.task
      await expect
        .poll(async () => (await call<TaskResult>('task/result', { id: body.task_id })).body.state)
        .toBe('dead')
    }
  }

  it('claims, renews, journals and completes over HTTP', async () => {
    const { id, lease_no, lease_token } = await claimed()
    expect((await call('worker/heartbeat', { id, lease_no, lease_token })).status).toBe(200)
    const step = { id, lease_no, lease_token, call_id: `${id}:1`, request: { prompt: 'x' } }
    expect((await call('worker/step', { ...step, state: 'started', name: 'model' })).body).toEqual({
      state: 'started',
    })
    await call('worker/step', { ...step, state: 'finished', response: { text: 'y' } })
    expect((await call('worker/complete', { id, lease_no, lease_token, output: 'y' })).body).toEqual({
      state: 'done',
    })
    const { body } = await call<TaskView>('task/show', { id })
    expect(body).toMatchObject({ output: 'y', steps: [{ name: 'model', state: 'finished' }] })
  })

  it.each([{}, { lease_token: 'guessed' }])(
    'is refused with 409 when its secret is not sent or wrong, whatever its number: %o',
    async (wrong) => {
      const { id, lease_no } = await claimed()
      const call = { call_id: `${id}:x`, backend: 'b', model: 'm', billing: 'local' }
      for (const [path, more] of [
        ['worker/heartbeat', {}],
        ['worker/release', {}],
        ['worker/event', { type: 'notice', text: 'forged' }],
        ['worker/step', { call_id: `${id}:x`, state: 'started' }],
        ['worker/complete', { output: 'forged' }],
        ['worker/fail', { code: 'x', message: 'forged' }],
        ['cost/reserve', call],
      ] as const) {
        const refused = await refusal(path, { id, lease_no, ...more, ...wrong })
        expect(refused, path).toMatchObject({ status: 409, code: 'conflict', details: { lease_lost: true } })
      }
      const { body } = await stack.call<TaskView>('f/hai/task/show', { id })
      expect(body).toMatchObject({ state: 'running', output: null, steps: [] })
      await stack.call('f/hai/task/cancel', { id })
    },
  )

  it('is refused with 409 once its lease is lost, and nothing is written', async () => {
    const { id, lease_no, lease_token } = await claimed()
    await call('task/cancel', { id, reason: 'changed my mind' })
    for (const [path, more] of [
      ['worker/heartbeat', {}],
      ['worker/step', { call_id: `${id}:late`, state: 'started' }],
      ['worker/complete', { output: 'too late' }],
      ['worker/fail', { code: 'x', message: 'too late' }],
    ] as const) {
      expect(await refusal(path, { id, lease_no, lease_token, ...more })).toMatchObject({
        status: 409,
        code: 'conflict',
      })
    }
    const { body } = await call<TaskView>('task/show', { id })
    expect(body).toMatchObject({ state: 'cancelled', output: null, steps: [] })
  })
})

describe('ids and todos', () => {
  it('names the candidates of an ambiguous id', async () => {
    const id = '01M8138RWMPG427JNZGXQ0AAAA'
    const twin = '01M8138RWMPG427JNZGXR0AAAA'
    await submit([envelope({ id }), envelope({ id: twin })])
    const refused = await refusal('task/show', { id: 'aaaa' })
    expect(refused).toMatchObject({ status: 409, details: { candidates: [{ id }, { id: twin }] } })
  })

  it('refuses a todo without body, and one that would wait for itself', async () => {
    expect(await refusal('todo/add', { body: '' })).toMatchObject({ status: 400, code: 'invalid' })
    const { body: first } = await call<Todo>('todo/add', { body: 'a' })
    const { body: second } = await call<Todo>('todo/add', { body: 'b', depends_on: [first.id] })
    const refused = await refusal('todo/update', { id: first.id, depends_on: [second.id] })
    expect(refused.message).toContain('is a circle')
  })

  it('treats a null from a form as not given', async () => {
    expect((await call('task/list', { state: null, cursor: null })).status).toBe(200)
  })
})

describe('the webhook itself', () => {
  const inbox = () => `/api/w/${stack.workspace}/jobs/run_wait_result/p/f/hai/inbox`

  it('refuses a missing or wrong token before anything is read', async () => {
    for (const authorization of ['', 'Bearer wrong']) {
      const response = await stack.request(inbox(), { method: 'POST', headers: { authorization }, body: '{' })
      expect(response.status).toBe(401)
    }
  })

  it('refuses malformed JSON, other content types and unknown scripts in words', async () => {
    const json = { 'content-type': 'application/json' }
    const malformed = await stack.request(inbox(), { method: 'POST', headers: json, body: '{"body":' })
    expect([malformed.status, await malformed.text()]).toEqual([400, expect.stringContaining('invalid json')])
    const typed = await stack.request(inbox(), {
      method: 'POST',
      headers: { 'content-type': 'image/png' },
      body: 'x',
    })
    expect([typed.status, await typed.text()]).toEqual([400, expect.stringContaining('body is missing')])
    const unknown = await stack.call('f/hai/nope')
    expect([unknown.status, unknown.body]).toEqual([404, expect.stringContaining('f/hai/nope')])
  })
})
