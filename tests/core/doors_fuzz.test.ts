import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { STATUS } from '../../f/hai/core/base/errors.ts'
import { firstLane } from '../../f/hai/core/builtin/first_lane.ts'
import { enqueue } from '../../f/hai/core/task/enqueue.ts'
import { claim } from '../../f/hai/core/task/lease.ts'
import { addTodo } from '../../f/hai/core/todo/todos.ts'
import { signatureOf } from '../../runner/items/signature.ts'
import { testDatabase } from '../support/database.ts'
import { doorsOn, FOLDER } from '../support/doors.ts'

const database = testDatabase()

doorsOn(database)

const doorsIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.startsWith('core/') && !path.includes('__flow'))
    .map((path) => path.slice(0, -'.ts'.length))
    .sort()
/** What runs behind a route has the folder's name in front. */
const ROUTES = `${FOLDER}_routes`
const DOORS = [...doorsIn(FOLDER), ...doorsIn(ROUTES).map((path) => `hai_routes/${path}`)]

type Args = Record<string, unknown>
interface Door {
  path: string
  parameters: string[]
  call(args: Args): Promise<unknown>
}

const isRoute = (path: string) => path.startsWith('hai_routes/')

async function doorAt(path: string): Promise<Door> {
  const file = join(isRoute(path) ? join(ROUTES, '..') : FOLDER, `${path}.ts`)
  const signature = await signatureOf(readFileSync(file, 'utf8'))
  const names = signature!.parameters.map(({ name }) => name)
  const { main } = (await import(file)) as { main: (...args: unknown[]) => Promise<unknown> }
  const hasText = names.includes('raw_string')
  return {
    path,
    parameters: hasText ? [...names.filter((name) => !BODY.includes(name)), 'body'] : names,
    call(args) {
      const given: Args = hasText ? { ...args, ...cameAs(args.body) } : args
      return main(...names.map((name) => given[name]))
    },
  }
}

/** What a route that takes a body is handed of it. */
const BODY = ['body', 'raw_string']

/** A body as Windmill hands it on: its text, and what it reads of that. What is no JSON came as plain text. */
function cameAs(body: unknown): Args {
  const raw_string = sent(body)
  try {
    return { raw_string, body: JSON.parse(raw_string ?? '') }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return { raw_string, body: {} }
  }
}

/** A body as a request brings it: a text as it is, all else as JSON. */
function sent(body: unknown): string | undefined {
  if (typeof body === 'string') return body
  try {
    return JSON.stringify(body)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return `{"a":${'['.repeat(6000)}${']'.repeat(6000)}}`
  }
}

const CALL = { call_id: 'c1', backend: 'b', model: 'm', billing: 'metered' }
const TOKENS = { input: 1, output: 1 }
const ENVELOPE = {
  source: 'test',
  content: 'help',
  context: [{ name: 'a', content: 'b', media_type: 'text/plain' }],
  user: 'sam',
  zulip_user_id: 7,
  task_id: 'mine',
  conversation_id: '#rack',
  priority: 'low',
  ttl_seconds: 60,
  retry_policy: { max_attempts: 2, backoff_seconds: 1 },
  metadata: { a: { b: [1] } },
}
const ALERTS = {
  version: '4',
  groupKey: '{}:{}',
  truncatedAlerts: 1,
  alerts: [
    {
      status: 'firing',
      labels: { alertname: 'DiskFull', instance: 'nas', severity: 'info' },
      annotations: { summary: 'full' },
      startsAt: '2026-11-27T00:00:00Z',
      endsAt: '0001-01-01T00:00:00Z',
      generatorURL: 'http://x',
      fingerprint: 'f1',
    },
  ],
}
const WORDS = {
  body: 'a body',
  tags: ['rack'],
  priority: 'high',
  due: 'friday',
  depends_on: [],
  metadata: { a: 1 },
}

/** Arguments that each door takes; what follows are these with one of them wrong. */
const goodArgs = ({ id, lease_no, lease_token }: Rows): Record<string, Args> => ({
  'admin/drift': {
    kind: 'windmill',
    target: 'https://example.com',
    compared: 3,
    differences: 1,
    examples: ['a'],
  },
  'cost/record': {
    calls: [
      { ...CALL, at: '2026-11-27T00:00:00Z', tokens: TOKENS, ms: 1, usd: 1, source: 'test', agent: 'a' },
    ],
  },
  'cost/reserve': { id, lease_no, lease_token, ...CALL, most: TOKENS, step: 's', agent: 'a', route: 'b/m' },
  'cost/settle': {
    id,
    lease_no,
    lease_token,
    ...CALL,
    tokens: TOKENS,
    ms: 1,
    usd: 1,
    error: 'e',
    ended: 'stopped',
    at_least: true,
  },
  'cost/raise': { usd: 1, cap: 'day' },
  'cost/task': { id },
  'hai_routes/chat': {
    body: {
      model: 'hai',
      messages: [{ role: 'user', content: 'help' }],
      user: 'sam',
      stream: false,
      stream_options: {},
    },
  },
  'hai_routes/inbox': { body: ENVELOPE },
  'hai_routes/inbox/alertmanager': { body: ALERTS },
  'hai_routes/model': { id: 'hai' },
  'hai_routes/inbox/signed': {
    name: 'forge',
    body: ALERTS,
    marks: { 'x-hub-signature-256': 'a'.repeat(64) },
  },
  'hai_routes/inbox/holmesgpt': {
    body: { title: 't', ask: 'a', description: 'd', subject: { a: 'b' }, analysis: 'x', fingerprint: 'f1' },
  },
  'hai_routes/todo/add': { body: { ...WORDS, parse: true, idempotency_key: 'k' } },
  'hai_routes/todo/update': { id, body: WORDS },
  inbox: { body: ENVELOPE },
  'model/test': { backend: 'nobody', model: 'm' },
  'task/leave': { id, waiter: 'w' },
  'task/feedback': { id, verdict: 'noise', note: 'n' },
  'task/wait': { id, seconds: 0 },
  'todo/add': { ...WORDS, parse: true, idempotency_key: 'k' },
  'todo/update': { id, ...WORDS, status: 'open' },
  'worker/claim': { worker: 'w', lanes: ['nowhere'], sends_token: true },
  'worker/complete': { id, lease_no, lease_token, output: 'o', result: { a: 1 }, agent: 'a', route: 'b/m' },
  'worker/event': { id, lease_no, lease_token, type: 'notice', text: 't', at: 0 },
  'worker/fail': {
    id,
    lease_no,
    lease_token,
    code: 'c',
    message: 'm',
    retryable: true,
    retry_after_seconds: 1,
    next_step: 'n',
    backend: 'b',
  },
  'worker/heartbeat': { id, lease_no, lease_token },
  'worker/release': { id, lease_no, lease_token, reason: 'r' },
  'worker/run': { lanes: ['nowhere'], budget_seconds: 0, concurrency: 1 },
  'worker/step': {
    ...{
      id,
      lease_no,
      lease_token,
      call_id: 'c1',
      state: 'finished',
      name: 'n',
      request: { a: 1 },
      response: { a: 1 },
      once: false,
    },
    usage: { ...CALL, tokens: TOKENS, ms: 1 },
  },
})

interface Rows {
  /** A task under a lease. */
  id: string
  lease_no: number
  lease_token: string
  todo: string
}

async function rows(): Promise<Rows> {
  const { sql } = database
  await sql`delete from hai.lease`
  await sql`update hai.lane_slot set task_id = null`
  await sql`update hai.task_queue set state = 'cancelled', finished_at = now(), error = '{}' where finished_at is null`
  await enqueue(sql, { source: 'cli', content: 'what is open?' }, { requester: 'operator', firstLane })
  const task = await claim(sql, { worker: 'w' })
  const todo = await addTodo(sql, { body: 'a todo', created_by: 'operator', zone: 'Europe/Berlin' })
  return { id: task!.id, lease_no: task!.lease_no, lease_token: task!.lease_token, todo: todo.id }
}

/** So that a value is told from anything else; it has the form of an id's end, and of a tag. */
const SECRET = 'S3CRET9'
const nested = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`)

const NUMBERS = [0, -0, -1, 1.5, 2 ** 53, 5e-324, 1e308, -Number.MAX_VALUE]
/** `1e999` is read as infinity; what JSON has no word for may come all the same. */
const NO_NUMBERS = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]
/** As JSON brings them: `__proto__` is a field like any other. */
const ODD_FIELDS: unknown[] = [
  { $ne: 1 },
  { [SECRET]: SECRET },
  JSON.parse('{"__proto__":{"role":"operator","id":1}}'),
  { constructor: { prototype: { role: 'operator' } } },
]

const HOSTILE: unknown[] = [
  ...[null, true, ...NUMBERS, ...NO_NUMBERS, '', 'NaN', '1e999', '9'.repeat(400), SECRET],
  ...[
    `$var:f/hai/${SECRET}`,
    `${SECRET}\udc00\0`,
    `\u202e${SECRET}`,
    'é'.repeat(90_000),
    `${'-'.repeat(9000)}abc`,
  ],
  ...['__proto__', 'constructor', "' or 1=1; --", '2026-02-30T25:61:00Z', '+999999-01-01T00:00:00Z'],
  ...['((((((((a', [], [null], [SECRET], [[SECRET]], [Number.NaN], ...ODD_FIELDS],
  ...[{ a: '\ud800\0' }, { a: nested(6000) }, { a: { b: [Number.POSITIVE_INFINITY] } }],
]
/** Of these enough for a place inside of an argument. */
const WITHIN: unknown[] = [
  ...[null, true, -0, 2 ** 53, 1e308, ...NO_NUMBERS, `${SECRET}\0`, 'constructor', [null], nested(250)],
  ...ODD_FIELDS,
]

/** A value with one of the places within it different, each in turn and each in another way. */
function* withEach(value: unknown): Generator<unknown> {
  if (typeof value !== 'object' || value === null) return
  const put = (key: string, inner: unknown) => {
    const copy = structuredClone(value) as Args
    Object.defineProperty(copy, key, { value: inner, enumerable: true })
    return copy
  }
  for (const [key, one] of Object.entries(value)) {
    for (const bad of WITHIN) yield put(key, bad)
    for (const inner of withEach(one)) yield put(key, inner)
  }
  if (Array.isArray(value)) return
  for (const key of ['__proto__', 'constructor', SECRET]) yield put(key, { role: 'operator' })
}

/** Nobody waits for what has ended. */
const end = (id: string) =>
  database.sql`update hai.task_queue set state = 'cancelled', finished_at = now(), error = '{}' where id = ${id}`

function* casesOf({ path, parameters }: Door, rows: Rows): Generator<Args> {
  const own = /todo\//.test(path) ? { ...rows, id: rows.todo } : rows
  const good = goodArgs(own)[path] ?? (parameters.includes('id') ? { id: own.id } : {})
  yield good
  for (const name of parameters) {
    yield { ...good, [name]: undefined }
    for (const bad of HOSTILE) yield { ...good, [name]: bad }
    for (const value of withEach(good[name])) yield { ...good, [name]: value }
  }
}

const ALLOWED: number[] = [
  STATUS.invalid,
  STATUS.unauthorized,
  STATUS.forbidden,
  STATUS.not_found,
  STATUS.conflict,
  STATUS.gone,
  STATUS.budget,
  STATUS.unavailable,
]

const isRefusal = (answer: unknown): answer is { windmill_status_code: number } =>
  typeof answer === 'object' &&
  answer !== null &&
  'windmill_status_code' in answer &&
  Number(answer.windmill_status_code) >= 400

/** What is wrong with how a door answered; undefined when nothing is. */
async function fault({ path, call }: Door, args: Args): Promise<string | undefined> {
  let answer: unknown
  try {
    answer = await call(args)
  } catch (error) {
    return `threw ${(error as Error).stack?.slice(0, 700)}`
  }
  const text = JSON.stringify(answer) ?? ''
  if (!isRefusal(answer)) return undefined
  const { windmill_status_code: status } = answer
  if (!ALLOWED.includes(status)) return `status ${status}`
  if (/\n\s+at |node_modules|TypeError|RangeError|\.ts\b/.test(text) || text.includes(FOLDER))
    return `shows its code: ${text}`
  if (text.length > 20_000) return `${text.length} characters`
  if (isRoute(path) && text.toLowerCase().includes(SECRET.toLowerCase()))
    return `repeats what was sent: ${text}`
  // of a job that fails a server keeps the headers that its preprocessor was given
  if (isRoute(path) && 'wm_failure' in answer) return 'would keep the token of whoever called'
  return undefined
}

/** An input as a failed test shows it. */
const shown = (args: Args) =>
  inspect(args, {
    depth: 6,
    maxStringLength: 40,
    maxArrayLength: 4,
    breakLength: Number.POSITIVE_INFINITY,
  }).slice(0, 300)

/** What these answer to good arguments, as there is no model, no step begun, no call reserved, the task has not ended so and the todo does not recur. */
const REFUSING = [
  // nobody has a secret
  'hai_routes/inbox/signed',
  'model/test',
  'task/acknowledge',
  'task/feedback',
  'task/retry',
  'task/wait',
  'todo/skip',
  'cost/reserve',
  'cost/settle',
  'worker/step',
]

/** Calls of one door under way. */
const AT_ONCE = 16

describe('every door', () => {
  let tried = 0

  it.each(DOORS)('%s refuses whatever it does not take, in the words of the contract', async (path) => {
    const door = await doorAt(path)
    const given = await rows()
    if (path === 'task/wait') await end(given.id)
    const [good, ...cases] = casesOf(door, given)
    expect(isRefusal(await door.call(good!))).toBe(REFUSING.includes(path))
    const faults: string[] = []
    const left = cases.values()
    const one = async () => {
      for (const args of left) {
        const wrong = await fault(door, args)
        if (wrong) faults.push(`${shown(args)}: ${wrong}`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, one))
    expect(faults).toEqual([])
    tried += cases.length
  })

  it('is tried with more than enough', () => {
    expect(tried).toBeGreaterThan(8000)
  })
})
