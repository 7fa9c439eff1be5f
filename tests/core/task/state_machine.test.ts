import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { Pool } from '../../../f/hai/core/base/db.ts'
import { testDatabase } from '../../support/database.ts'
import { clear, onOldServer } from '../../support/factories.ts'
import fc from '../../support/fast-check.ts'
import { QueueModel, SLOTS } from './queue_model.ts'
import { expected, type Known, type Operation, operations, perform } from './queue_operations.ts'

const db = testDatabase()
let sql: Pool
beforeAll(async () => {
  sql = await onOldServer(db)
})

async function emptyQueue(): Promise<Known> {
  await clear(sql)
  await sql`delete from hai.lane_slot where lane <> 'interactive' or no > ${SLOTS}`
  return { ids: [], tokens: [], clock: Promise.resolve() }
}

interface Seen {
  tasks: {
    id: string
    state: string
    attempt: number
    lease_no: number
    last_seq: number
    events: string[]
  }[]
  leases: { id: string; lease_no: number }[]
  slots: string[]
  steps: { call_id: string; state: string }[]
  /** Changes with anything that is written about any task. */
  written: string
}

/** The whole queue in one statement. */
async function look(): Promise<Seen> {
  const [row] = await sql<{ seen: Seen }[]>`
    select jsonb_build_object(
      'tasks', coalesce((select jsonb_agg(jsonb_build_object('id', id, 'state', state, 'attempt', attempt,
        'lease_no', lease_no, 'last_seq', last_seq, 'events',
        (select jsonb_agg(type order by seq) from hai.task_event e where e.task_id = t.id)) order by id)
        from hai.task_queue t), '[]'),
      'leases', coalesce((select jsonb_agg(jsonb_build_object('id', task_id, 'lease_no', lease_no) order by task_id)
        from hai.lease), '[]'),
      'slots', coalesce((select jsonb_agg(task_id order by task_id) from hai.lane_slot where task_id is not null), '[]'),
      'steps', coalesce((select jsonb_agg(jsonb_build_object('call_id', call_id, 'state', state) order by call_id)
        from hai.task_step), '[]'),
      'written', md5(concat((select string_agg(t::text, '' order by id) from hai.task_queue t),
        (select string_agg(e::text, '' order by task_id, seq) from hai.task_event e),
        (select string_agg(s::text, '' order by call_id) from hai.task_step s)))) as seen`
  return row!.seen
}

/** The same, as the model says it must look. */
function modelled(model: QueueModel, ids: string[]): Omit<Seen, 'written'> {
  const leases = [...model.leases]
    .map(([index, { lease_no }]) => ({ id: ids[index]!, lease_no }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return {
    tasks: model.tasks.map(({ state, attempt, lease_no, events }, index) => ({
      id: ids[index]!,
      state,
      attempt,
      lease_no,
      last_seq: events.length,
      events,
    })),
    leases,
    slots: leases.map((lease) => lease.id),
    steps: model.tasks.flatMap((task, index) =>
      [...task.steps]
        .toSorted(([a], [b]) => a - b)
        .map(([call, { state }]) => ({ call_id: `${ids[index]}:${call}`, state })),
    ),
  }
}

async function follow(operations: Operation[]): Promise<void> {
  const known = await emptyQueue()
  const model = new QueueModel()
  let before = await look()
  for (const one of operations) {
    const outcome = await perform(sql, known, one)
    expect(outcome, JSON.stringify(one)).toBe(expected(model, one))
    const after = await look()
    const { written, ...seen } = after
    expect(seen, `after ${JSON.stringify(one)}`).toEqual(modelled(model, known.ids))
    // a refused heartbeat may end what is over; every other refusal leaves no trace
    const beats = one.do === 'heartbeat' || (one.do === 'forge' && one.write.do === 'heartbeat')
    if (outcome === 'conflict' && !beats) expect(written).toBe(before.written)
    before = after
  }
}

/** So many orders of events are followed; a limit of time, or inputs that are thrown away, would leave fewer. */
const ORDERS = 25

describe('one queue', () => {
  it('is what the model says after any order of events', async () => {
    const follower = vi.fn(follow)
    await fc.assert(fc.asyncProperty(operations(70), follower), { numRuns: ORDERS })
    expect(follower.mock.calls.length).toBeGreaterThanOrEqual(ORDERS)
  })
})

/** What an event does to the state of its task: from which states it may happen, and to which it leads. */
const OPEN = ['pending', 'running', 'awaiting_approval']
const MOVES: Record<string, [from: string[], to: string | null]> = {
  claimed: [['pending'], 'running'],
  retry: [['running'], 'pending'],
  rescued: [['running'], 'pending'],
  released: [['running'], 'pending'],
  done: [['running'], 'done'],
  dead: [['running'], 'dead'],
  expired: [OPEN, 'expired'],
  cancelled: [OPEN, 'cancelled'],
  left: [OPEN, null],
  joined: [[...OPEN, 'done'], null],
  retried: [['dead', 'cancelled', 'expired', 'rejected'], 'pending'],
  step: [['running'], null],
  step_done: [['running'], null],
}

/** The state that a task's history leads to; an error where the history is impossible. */
function replay(events: string[]): { state: string; claims: number } {
  expect(events[0]).toBe('accepted')
  let state = 'pending'
  for (const type of events.slice(1)) {
    const [from, to] = MOVES[type] ?? [[], null]
    expect(from, `${type} while ${state} in ${events.join(' ')}`).toContain(state)
    state = to ?? state
  }
  return { state, claims: events.filter((type) => type === 'claimed').length }
}

async function race(rounds: Operation[][]): Promise<void> {
  const known = await emptyQueue()
  let answers = 0
  await Promise.all(
    rounds.map(async (operations) => {
      const own = db.open({ max: 1 })
      for (const one of operations) {
        const outcome = await perform(own, known, one)
        if (one.do === 'complete' && outcome === 'done') answers += 1
      }
      await own.end()
    }),
  )
  const { tasks, leases, slots } = await look()
  expect(tasks.map((task) => task.id)).toEqual(known.ids.toSorted())
  for (const { id, state, attempt, lease_no, last_seq, events } of tasks) {
    expect(last_seq, id).toBe(events.length)
    expect({ state, claims: lease_no }, events.join(' ')).toEqual(replay(events))
    expect(attempt).toBeLessThanOrEqual(3)
    const lease = leases.find((one) => one.id === id)
    if (state === 'running') expect(lease).toEqual({ id, lease_no })
    if (state === 'pending') expect(lease).toBeUndefined()
  }
  expect(slots).toEqual(leases.map((lease) => lease.id))
  const claims = known.tokens.map(({ task, lease_no }) => `${task} ${lease_no}`)
  expect(new Set(claims).size).toBe(claims.length)
  expect(answers).toBe(tasks.filter((task) => task.state === 'done').length)
}

const RACES = 10

describe('eight at once on one queue', () => {
  it('leave a history that is possible, and no lease, slot or answer too many', async () => {
    const rounds = fc.array(operations(40), { minLength: 8, maxLength: 8 })
    const racer = vi.fn(race)
    await fc.assert(fc.asyncProperty(rounds, racer), { numRuns: RACES, endOnFailure: true })
    expect(racer.mock.calls.length).toBeGreaterThanOrEqual(RACES)
  })
})
