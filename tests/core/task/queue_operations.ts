import type { Pool } from '../../../f/hai/core/base/db.ts'
import { HaiError } from '../../../f/hai/core/base/errors.ts'
import { firstLane } from '../../../f/hai/core/builtin/first_lane.ts'
import { cancel, retry } from '../../../f/hai/core/task/change.ts'
import { enqueue } from '../../../f/hai/core/task/enqueue.ts'
import { complete, fail } from '../../../f/hai/core/task/finish.ts'
import { claim, type Held, heartbeat, release } from '../../../f/hai/core/task/lease.ts'
import { PRIORITIES, type Priority } from '../../../f/hai/core/task/shape.ts'
import { finishStep, startStep } from '../../../f/hai/core/task/steps.ts'
import { sweep } from '../../../f/hai/core/task/sweep.ts'
import { leave } from '../../../f/hai/core/task/waiter.ts'
import { aCaller, anEnvelope, FOR_A_MODEL } from '../../support/factories.ts'
import fc from '../../support/fast-check.ts'
import { type Outcome, type QueueModel, RETRY_AFTER, type Token, TTL } from './queue_model.ts'

type On<Name> = Name extends string ? { do: Name; at: number } : never
type Write =
  | On<'heartbeat' | 'complete' | 'release'>
  | { do: 'fail'; at: number; retryable: boolean }
  | { do: 'startStep'; at: number; call: number; once: boolean }
  | { do: 'finishStep'; at: number; call: number }

/** `at` chooses among the tasks, or for a worker's write among all tokens ever given, stale ones too: the newest is 0. */
export type Operation =
  | { do: 'enqueue'; priority: Priority; key: string | null; ttl: boolean; max_attempts: number }
  | { do: 'ask'; question: number }
  | { do: 'claim' }
  | { do: 'sweep' }
  | On<'cancel' | 'retry' | 'leave'>
  | Write
  // a write by somebody who guesses, for one who holds or held the task
  | { do: 'forge'; at: number; write: Write; token: string | undefined }
  | { do: 'pass'; seconds: number; asleep: boolean }

const at = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(5) })
const call = fc.nat(1)
const on = <Name extends string>(name: Name) => fc.record({ do: fc.constant(name), at })

/** What has to come one after the other to matter, and rarely would by chance. */
const crash: Operation[] = [{ do: 'pass', seconds: 20, asleep: false }, { do: 'sweep' }, { do: 'claim' }]
const nap: Operation[] = [
  { do: 'pass', seconds: 3600, asleep: true },
  { do: 'sweep' },
  { do: 'pass', seconds: 20, asleep: false },
  { do: 'sweep' },
  { do: 'claim' },
]
const failing: Operation[] = [
  { do: 'claim' },
  { do: 'fail', at: 0, retryable: true },
  { do: 'pass', seconds: 20, asleep: false },
  { do: 'claim' },
]
const hangUp: Operation[] = [{ do: 'ask', question: 0 }, { do: 'claim' }, { do: 'leave', at: 0 }]
const begin = (once: boolean): Operation => ({ do: 'startStep', at: 0, call: 0, once })
const story = fc.constantFrom<Operation[]>(
  crash,
  nap,
  failing,
  [...hangUp, { do: 'ask', question: 0 }, { do: 'complete', at: 0 }],
  [...hangUp, { do: 'complete', at: 0 }, { do: 'ask', question: 0 }, { do: 'ask', question: 0 }],
  [...hangUp, { do: 'pass', seconds: 20, asleep: false }, { do: 'ask', question: 0 }, { do: 'retry', at: 1 }],
  [...hangUp, { do: 'release', at: 0 }, { do: 'claim' }, ...crash],
  [{ do: 'claim' }, begin(true), ...crash, begin(true), { do: 'retry', at: 0 }, { do: 'claim' }, begin(true)],
  [
    { do: 'claim' },
    begin(false),
    ...crash,
    begin(false),
    { do: 'finishStep', at: 0, call: 0 },
    ...crash,
    begin(true),
  ],
)

/** Any one thing that clients, workers, the schedule, people or time may do to a queue. */
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('enqueue' as const),
      priority: fc.constantFrom(...PRIORITIES),
      key: fc.option(fc.constantFrom('k-1', 'k-2'), { freq: 3 }),
      ttl: fc.boolean(),
      max_attempts: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 8, arbitrary: fc.constant({ do: 'claim' as const }) },
  { weight: 3, arbitrary: on('heartbeat') },
  { weight: 2, arbitrary: on('complete') },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('fail' as const), at, retryable: fc.boolean() }) },
  { weight: 1, arbitrary: on('release') },
  { weight: 2, arbitrary: on('cancel') },
  { weight: 2, arbitrary: on('leave') },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('ask' as const), question: fc.nat(1) }) },
  { weight: 2, arbitrary: on('retry') },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('startStep' as const), at, call, once: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('finishStep' as const), at, call }) },
  { weight: 4, arbitrary: fc.constant({ do: 'sweep' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('forge' as const),
      at,
      write: fc.constantFrom<Write>(
        { do: 'heartbeat', at: 0 },
        { do: 'complete', at: 0 },
        { do: 'release', at: 0 },
        { do: 'fail', at: 0, retryable: false },
        { do: 'startStep', at: 0, call: 0, once: false },
        { do: 'finishStep', at: 0, call: 0 },
      ),
      token: fc.constantFrom(undefined, '', 'guessed'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      seconds: fc.constantFrom(20, 20, 3600),
      asleep: fc.boolean(),
    }),
  },
)

/** About so many things that happen, after a first task was claimed. */
export const operations = (length: number): fc.Arbitrary<Operation[]> =>
  fc
    .array(
      fc.oneof({ weight: 12, arbitrary: operation.map((one) => [one]) }, { weight: 1, arbitrary: story }),
      { minLength: length / 2, maxLength: length, size: 'max' },
    )
    .map((stories) => [
      { do: 'enqueue', priority: 'normal', key: null, ttl: true, max_attempts: 3 },
      { do: 'claim' },
      ...stories.flat(),
    ])

/** What the model says that an operation comes to; undefined when there is nothing to do it to. */
export function expected(model: QueueModel, operation: Operation): Outcome | undefined {
  switch (operation.do) {
    case 'enqueue': {
      const { do: _, ...given } = operation
      return model.enqueue(given)
    }
    case 'ask':
      return model.ask(operation.question)
    case 'claim':
    case 'sweep':
      return model[operation.do]()
    case 'pass':
      return model.pass(operation.seconds, operation.asleep)
    case 'cancel':
    case 'leave':
    case 'retry': {
      const index = chosen(model.tasks.length, operation.at)
      return index === undefined ? undefined : model[operation.do](index)
    }
    case 'forge': {
      const token = model.tokens[chosen(model.tokens.length, operation.at) ?? -1]
      return token && model.forge(token, operation.write.do === 'heartbeat')
    }
    default: {
      const token = model.tokens[chosen(model.tokens.length, operation.at) ?? -1]
      return token && expectedOfWrite(model, token, operation)
    }
  }
}

function expectedOfWrite(model: QueueModel, token: Token, write: Write): Outcome {
  if (write.do === 'fail') return model.fail(token, write.retryable)
  if (write.do === 'startStep') return model.startStep(token, write.call, write.once)
  if (write.do === 'finishStep') return model.finishStep(token, write.call)
  return model[write.do](token)
}

/** Counted from the newest. */
const chosen = (length: number, at: number) => (length === 0 ? undefined : length - 1 - (at % length))

/** What has been accepted and claimed so far, for all who work on one queue. */
export interface Known {
  ids: string[]
  tokens: Token[]
  /** Time goes by for all of them at once: nobody sees two clocks. */
  clock: Promise<unknown>
}

/** Does it to the database; the outcome in the model's words. Only a `HaiError` is an outcome. */
export async function perform(sql: Pool, known: Known, operation: Operation): Promise<Outcome | undefined> {
  try {
    return await dispatch(sql, known, operation)
  } catch (error) {
    if (error instanceof HaiError) return error.code
    throw error
  }
}

async function dispatch(sql: Pool, known: Known, operation: Operation): Promise<Outcome | undefined> {
  switch (operation.do) {
    case 'enqueue':
      return accept(sql, known, operation)
    case 'claim':
      return take(sql, known)
    case 'sweep': {
      const { expired, rescued } = await sweep(sql, 5)
      return `expired ${expired} rescued ${rescued}`
    }
    case 'pass': {
      const passed = known.clock.then(() => pass(sql, operation.seconds, operation.asleep))
      known.clock = passed
      return passed
    }
    case 'ask': {
      const chat = { source: 'openwebui', content: `question ${operation.question}`, chat: { waiter: 'w' } }
      const { task_id, status } = await enqueue(sql, chat, { requester: 'operator', firstLane })
      return `${status} ${numberOf(known, task_id)}`
    }
    case 'leave': {
      const id = known.ids[chosen(known.ids.length, operation.at) ?? -1]
      if (!id) return undefined
      const { state, left } = await leave(sql, { id, waiter: 'w' }, aCaller())
      return left ? `${state} left` : state
    }
    case 'cancel':
    case 'retry': {
      const id = known.ids[chosen(known.ids.length, operation.at) ?? -1]
      const verb = operation.do === 'cancel' ? cancel : retry
      return id && (await verb(sql, { id }, aCaller())).state
    }
    default: {
      const token = known.tokens[chosen(known.tokens.length, operation.at) ?? -1]
      if (!token) return undefined
      const held = { id: known.ids[token.task]!, lease_no: token.lease_no, lease_token: token.lease_token }
      if (operation.do !== 'forge') return write(sql, held, operation)
      return write(sql, { ...held, lease_token: operation.token }, operation.write)
    }
  }
}

async function write(sql: Pool, held: Held, operation: Write): Promise<Outcome> {
  const call = 'call' in operation ? { ...held, call_id: `${held.id}:${operation.call}` } : undefined
  switch (operation.do) {
    case 'heartbeat':
      return heartbeat(sql, held).then(() => 'kept')
    case 'release':
      return release(sql, held, 'for a test').then(() => 'released')
    case 'complete':
      return (await complete(sql, { ...held, output: `by ${held.lease_no}` })).state
    case 'fail': {
      const { retryable } = operation
      const error = { code: 'x', message: 'x', retryable, retry_after_seconds: RETRY_AFTER }
      return (await fail(sql, { ...held, ...error })).state
    }
    case 'startStep':
      return (await startStep(sql, { ...call!, name: 'call', once: operation.once })).state
    case 'finishStep':
      return (await finishStep(sql, call!)).state
  }
}

async function accept(sql: Pool, known: Known, given: Operation & { do: 'enqueue' }): Promise<Outcome> {
  const envelope = anEnvelope({
    ...FOR_A_MODEL,
    priority: given.priority,
    retry_policy: { max_attempts: given.max_attempts },
    ...(given.key ? { idempotency_key: given.key } : {}),
    ...(given.ttl ? { ttl_seconds: TTL } : {}),
  })
  const { task_id, status } = await enqueue(sql, envelope, { requester: 'operator', firstLane })
  return `${status} ${numberOf(known, task_id)}`
}

/** Who claims a task may hear of it before the one who sent it. */
function numberOf(known: Known, id: string): number {
  if (!known.ids.includes(id)) known.ids.push(id)
  return known.ids.indexOf(id)
}

async function take(sql: Pool, known: Known): Promise<Outcome> {
  const task = await claim(sql, { worker: 'w', lanes: ['interactive'] })
  if (!task) return 'nothing'
  const index = numberOf(known, task.id)
  known.tokens.push({ task: index, lease_no: task.lease_no, lease_token: task.lease_token })
  return `${index} number ${task.lease_no} attempt ${task.attempt}`
}

/** All that is written down about time moves into the past. Statement by statement, as clocks hold no locks. */
async function pass(sql: Pool, seconds: number, asleep: boolean): Promise<Outcome> {
  const gone = sql`make_interval(secs => ${seconds})`
  await unblocked(() => sql`update hai.lease set until = until - ${gone}`)
  await unblocked(
    () => sql`
      update hai.task_queue
      set run_at = run_at - ${gone}, claim_at = claim_at - ${gone}, expires_at = expires_at - ${gone},
        idempotency_until = idempotency_until`,
  )
  await sql`
    update hai.pulse set woke_at = woke_at - ${gone}, last_at = last_at - ${gone} * ${asleep ? 1 : 0}`
  return 'passed'
}

/** No clock takes the rows of a whole table at once: one that met another in the middle tries again. */
async function unblocked(statement: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await statement()
      return
    } catch (error) {
      if ((error as { code?: string }).code !== '40P01') throw error
    }
  }
}
