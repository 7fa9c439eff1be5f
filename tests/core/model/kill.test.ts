import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, type Pool } from '../../../f/hai/core/base/db.ts'
import type { Accepted, TaskView } from '../../../f/hai/core/task/shape.ts'
import { readInstance } from '../../../runner/instance.ts'
import { age } from '../../support/factories.ts'
import type { Behaviour } from '../../support/models/behaviour.ts'
import { type FakeOllama, fakeOllama } from '../../support/models/ollama.ts'
import { ASK_AGAIN } from '../../support/patience.ts'
import { startStack, type TestStack } from '../../support/stack.ts'
import { callsOf, usageOf } from './records.ts'

const ANSWER = 'It is well.'

let ollama: FakeOllama
let stack: TestStack
let sql: Pool
beforeAll(async () => {
  ollama = await fakeOllama()
  stack = await startStack({ shared: true, env: { OLLAMA_HOST: ollama.url } })
  sql = connect({ url: stack.instance.database_url })
  await sql`
    create function hai.halt() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock_shared(7); return new; end $$`
})
afterAll(async () => {
  await sql?.end()
  await ollama?.stop()
})
beforeEach(() => {
  ollama.calls.length = 0
  ollama.loaded.clear()
})

interface Moment {
  /** Sees to it that the work comes to this moment and no further; the result lets it go on. */
  halt(): Promise<() => Promise<void>>
  reached(): Promise<boolean> | boolean
  /** How many calls of the model the server sees in all, the repeated one included. */
  calls: number
}

const firstCall = () => callsOf(ollama)[0]

const MOMENTS: Record<string, Moment> = {
  'after the claim': {
    halt: () => halted('insert on hai.task_event', "new.type = 'route'"),
    reached: isHalted,
    calls: 1,
  },
  'while the model loads': {
    halt: async () => {
      ollama.at('/api/generate', 'hang')
      return async () => ollama.at('/api/generate', null)
    },
    reached: () => ollama.callsOf('/api/generate').length > 0,
    calls: 1,
  },
  'before the first byte': {
    halt: () => nextCall('hang'),
    reached: () => firstCall() !== undefined,
    calls: 2,
  },
  'in the middle of the answer': {
    halt: () => nextCall({ text: ['It is '], ending: 'hang' }),
    reached: () => (firstCall()?.firstPieceAt ?? null) !== null,
    calls: 2,
  },
  'when the answer has ended and is not in the journal': {
    halt: () => halted('update on hai.task_step', "new.state = 'finished'"),
    reached: isHalted,
    calls: 2,
  },
  'when the answer is in the journal and not on the task': {
    halt: () => halted('update on hai.task_queue', "new.state = 'done'"),
    reached: isHalted,
    calls: 1,
  },
}

describe('a work process that is killed', () => {
  it.each(Object.entries(MOMENTS))(
    '%s: the task ends once, with one answer, and each call has its row',
    async (_, moment) => {
      const goOn = await moment.halt()
      const id = await ask('why would a ZFS scrub slow down at night?')
      await expect.poll(() => moment.reached()).toBe(true)
      await killWorkers()
      await goOn()
      await rescue(id)

      await expect.poll(async () => (await show(id)).state, ASK_AGAIN).toBe('done')
      const { output, attempt, events } = await show(id)
      expect({ output, attempt }).toEqual({ output: ANSWER, attempt: 2 })
      expect(events.filter(({ type }) => type === 'done')).toHaveLength(1)
      expect(callsOf(ollama)).toHaveLength(moment.calls)
      const usage = await usageOf(sql, id)
      expect(usage).toHaveLength(moment.calls)
      expect(usage.at(-1)).toMatchObject({ input: 100, output: 20, usd: 0 })
    },
  )
})

async function nextCall(behaviour: Behaviour): Promise<() => Promise<void>> {
  ollama.next(behaviour)
  return async () => {}
}

/** Halts whoever is about to write such a row; letting go, the server learns that its client is dead. */
async function halted(write: string, when: string): Promise<() => Promise<void>> {
  const holder = await sql.reserve()
  await holder`select pg_advisory_lock(7)`
  await sql.unsafe(
    `create trigger halt before ${write} for each row when (${when}) execute function hai.halt()`,
  )
  return async () => {
    await sql`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and not granted`
    await sql.unsafe(`drop trigger halt on ${write.split(' ').at(-1)}`)
    await holder`select pg_advisory_unlock(7)`
    holder.release()
  }
}

async function isHalted(): Promise<boolean> {
  const waiting = await sql`select from pg_locks where locktype = 'advisory' and not granted`
  return waiting.length > 0
}

async function killWorkers(): Promise<void> {
  const { workers } = readInstance(stack.env.HAI_DATA_DIR!)!.pids
  for (const pid of workers) process.kill(pid, 'SIGKILL')
}

/** What the sweep does once the lease has run out, without the wait for that. */
async function rescue(id: string): Promise<void> {
  await age(sql, id, 100)
  await call('worker/sweep', {})
}

async function ask(content: string): Promise<string> {
  return (await call<Accepted>('inbox', { body: { source: 'cli', content } })).task_id
}

const show = (id: string) => call<TaskView>('task/show', { id })

async function call<T>(path: string, args: unknown): Promise<T> {
  const { status, body } = await stack.call<T>(`f/hai/${path}`, args)
  if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`)
  return body
}
