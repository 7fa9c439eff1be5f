import { beforeAll, expect, it } from 'vitest'
import type { ErrorBody } from '../../f/hai/core/base/contract.ts'
import type { Accepted } from '../../f/hai/core/task/shape.ts'
import { startStack, type TestStack } from '../support/stack.ts'

let stack: TestStack
let id: string
beforeAll(async () => {
  stack = await startStack({ shared: true })
  const { body } = await stack.call<Accepted>('f/hai/inbox', {
    body: { source: 'test', content: 'nobody answers' },
  })
  id = body.task_id
})

/** What fits the eye and not the column: below, between and beyond whole numbers of 32 and 64 bits. */
const NUMBERS = [-2_147_483_649, -1, 0, 0.5, 2_147_483_647, 2_147_483_648, 2 ** 53, 1e21, 1e308]
const TIMES = [
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+14:00',
  '9999-12-31T23:59:59-14:00',
  '10000-01-01T00:00:00Z',
  '+010000-01-01T00:00:00Z',
  '2026-02-30T00:00:00Z',
]
const DAYS = [
  '0000-01-01',
  '9999-12-31',
  '10000-01-01',
  '2026-02-30',
  'in 99999999999 days',
  'in 9999999 years',
]
const CURSORS = [
  '99999999999999.01M8H3FH25TG1C63FQ82XNK5Q7',
  '0000-01-01.1.01M8H3FH25TG1C63FQ82XNK5Q7',
  '9999-12-31.1.01M8H3FH25TG1C63FQ82XNK5Q7',
  '2026-02-30.1.01M8H3FH25TG1C63FQ82XNK5Q7',
]

const held = () => ({ id, lease_no: 1 })
const call = { backend: 'b', model: 'm', billing: 'local' }
const tokens = { input: 1, output: 1 }

/** Every argument of a door that is a number or a time, in a call that is otherwise right. */
const ARGUMENTS: [door: string, given: () => object, put: (value: unknown) => object, values: unknown[]][] = [
  ...['zulip_user_id', 'ttl_seconds'].map((field): (typeof ARGUMENTS)[number] => [
    'inbox',
    () => ({}),
    (value) => ({ body: { source: 'test', content: 'x', target_agent: 'general', [field]: value } }),
    NUMBERS,
  ]),
  ...['max_attempts', 'backoff_seconds'].map((field): (typeof ARGUMENTS)[number] => [
    'inbox',
    () => ({}),
    (value) => ({
      body: { source: 'test', content: 'x', target_agent: 'general', retry_policy: { [field]: value } },
    }),
    NUMBERS,
  ]),
  ['task/list', () => ({}), (limit) => ({ limit }), NUMBERS],
  ['task/list', () => ({}), (since) => ({ since }), TIMES],
  ['task/list', () => ({}), (until) => ({ until, text: 'x' }), TIMES],
  ['task/list', () => ({}), (cursor) => ({ cursor }), CURSORS],
  ['task/list', () => ({}), (cursor) => ({ cursor, text: 'x' }), CURSORS],
  ['task/events', () => ({ id }), (after) => ({ after }), NUMBERS],
  ['task/events', () => ({ id }), (limit) => ({ limit }), NUMBERS],
  ['todo/list', () => ({}), (limit) => ({ limit }), NUMBERS],
  ['todo/list', () => ({}), (limit) => ({ limit, next: true }), NUMBERS],
  ['todo/list', () => ({}), (due_before) => ({ due_before }), TIMES],
  ['todo/list', () => ({}), (cursor) => ({ cursor }), CURSORS],
  ['todo/add', () => ({ body: 'x' }), (due) => ({ due }), [...DAYS, ...TIMES]],
  ['todo/add', () => ({}), (due) => ({ body: `x due ${due}`, parse: true }), [...DAYS, ...TIMES]],
  ['home', () => ({}), (since) => ({ since }), TIMES],
  ...['cost/report', 'cost/show', 'cost/page'].flatMap((door): typeof ARGUMENTS => [
    [door, () => ({}), (days) => ({ days }), NUMBERS],
    [door, () => ({}), (since) => ({ since, days: 2 }), DAYS],
    [door, () => ({}), (until) => ({ until }), DAYS],
  ]),
  ['cost/report', () => ({}), (top) => ({ top }), NUMBERS],
  ['cost/raise', () => ({}), (usd) => ({ usd }), NUMBERS],
  ['cost/raise', () => ({ usd: 1 }), (until) => ({ until }), TIMES],
  ['cost/rollup', () => ({}), (every_seconds) => ({ every_seconds }), NUMBERS],
  ...['input', 'output', 'cache_read', 'cache_write', 'reasoning'].flatMap((field): typeof ARGUMENTS => [
    [
      'cost/record',
      () => ({}),
      (value) => ({ calls: [{ ...recorded(), tokens: { ...tokens, [field]: value } }] }),
      NUMBERS,
    ],
    [
      'cost/settle',
      () => ({ call_id: 'c', ...call, ms: 1 }),
      (value) => ({ tokens: { ...tokens, [field]: value } }),
      NUMBERS,
    ],
  ]),
  ['cost/record', () => ({}), (ms) => ({ calls: [{ ...recorded(), ms }] }), NUMBERS],
  ['cost/record', () => ({}), (usd) => ({ calls: [{ ...recorded(), usd }] }), NUMBERS],
  ['cost/record', () => ({}), (at) => ({ calls: [{ ...recorded(), at }] }), TIMES],
  ['cost/settle', () => ({ call_id: 'c', ...call, tokens }), (ms) => ({ ms }), NUMBERS],
  ['cost/settle', () => ({ call_id: 'c', ...call, tokens, ms: 1 }), (usd) => ({ usd }), NUMBERS],
  [
    'cost/reserve',
    () => ({ ...held(), call_id: 'c', ...call }),
    (input) => ({ most: { input, output: 1 } }),
    NUMBERS,
  ],
  ['cost/reserve', () => ({ id, call_id: 'c', ...call }), (lease_no) => ({ lease_no }), NUMBERS],
  ['worker/event', () => ({ ...held(), type: 'delta', text: 'x' }), (at) => ({ at }), NUMBERS],
  [
    'worker/fail',
    () => ({ ...held(), code: 'x', message: 'x' }),
    (retry_after_seconds) => ({ retry_after_seconds }),
    NUMBERS,
  ],
  ...['complete', 'event', 'fail', 'heartbeat', 'release', 'step'].map((verb): (typeof ARGUMENTS)[number] => [
    `worker/${verb}`,
    () => ({
      id,
      output: 'x',
      type: 'notice',
      text: 'x',
      code: 'x',
      message: 'x',
      call_id: 'c',
      state: 'started',
    }),
    (lease_no) => ({ lease_no }),
    NUMBERS,
  ]),
  ['worker/sweep', () => ({}), (every_seconds) => ({ every_seconds }), NUMBERS],
  [
    'worker/run',
    () => ({ lanes: ['nobody'], concurrency: 1 }),
    (budget_seconds) => ({ budget_seconds }),
    NUMBERS.filter((n) => n < 1),
  ],
  ['outbox/send', () => ({}), (every_seconds) => ({ every_seconds }), NUMBERS],
  ['task/wait', () => ({ id }), (seconds) => ({ seconds }), NUMBERS],
]

function recorded() {
  return { call_id: `c-${Math.random()}`, at: '2026-11-01T00:00:00Z', ...call, tokens }
}

it('no number and no time that a door is given breaks it: it answers, or says which field is wrong', async () => {
  const broken: unknown[] = []
  for (const [door, given, put, values] of ARGUMENTS) {
    for (const value of values) {
      const { status, body } = await stack.call<ErrorBody>(`f/hai/${door}`, { ...given(), ...put(value) })
      const isRight =
        status === 200 || ([400, 403, 404, 409, 410].includes(status) && typeof body.error?.code === 'string')
      if (!isRight) broken.push({ door, args: put(value), status, body })
    }
  }
  expect(broken).toEqual([])
})

it.each([
  [
    'jobs/run_wait_result/p/f/hai/inbox',
    '{"body":{"source":"test","content":"huge","metadata":{"n":NUMBER}}}',
  ],
  ['jobs/run_wait_result/p/f/hai/todo/add', '{"body":"huge","metadata":{"deep":[{"n":NUMBER}]}}'],
  [
    'jobs/run_wait_result/p/f/hai/cost/record',
    '{"call_id":"huge","backend":"b","model":"m","billing":"local","tokens":{"input":NUMBER},"usd":NUMBER}',
  ],
  ['', '{"source":"test","content":"huge","metadata":{"n":NUMBER}}'],
])('refuses a number that only infinity could stand for, at %s', async (path, body) => {
  const url = path ? `/api/w/${stack.workspace}/${path}` : '/api/r/hai/inbox'
  for (const number of ['1e999', '-1e400', '9'.repeat(400)]) {
    const answer = await stack.request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: body.replaceAll('NUMBER', number),
    })
    expect(answer.status).toBe(400)
    expect(await answer.text()).not.toContain(number)
  }
})
